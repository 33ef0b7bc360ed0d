"""A forge's key service that is down, slow, rate-limited, or has rotated its keys; alerts go on."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from server.forge import KeyService, SigningKey, alerts_of, encoded, entry, key_service, policies_with, send
from server.serving import UNLIMITED, Api, new_token, running, serving
from tokenguard.errors import ConfigError
from tokenguard.model.leak_intake import AlertSource, LeakIntake, SecretPlace
from tokenguard.ruleset.assemble import load_builtin
from tokenguard.server.webhooks import keys as key_ring
from tokenguard.store.pepper import read_pepper_file
from tokenguard.store.store import Store

_BODY = encoded(entry("nobody-knows-this"))


@contextmanager
def _served(folder: Path, service: KeyService, floor: float = 120) -> Iterator[Api]:
    settings = replace(UNLIMITED, key_floor_seconds=floor)
    with serving(folder / "store.db", folder, settings, alerts_of(service)) as api:
        yield api


@contextmanager
def _again(folder: Path, service: KeyService, floor: float = 120) -> Iterator[Api]:
    """The same store, served by a new process, as it were."""
    peppers = read_pepper_file(folder / "pepper")
    store = Store.open(folder / "store.db", peppers=peppers, ruleset=load_builtin(), policies=alerts_of(service))
    with running(store, "", replace(UNLIMITED, key_floor_seconds=floor)) as api:
        yield api


def test_keys_are_fetched_once_not_for_every_message(tmp_path: Path) -> None:
    key = SigningKey()
    with key_service(key) as service, _served(tmp_path, service) as api:
        with ThreadPoolExecutor(4) as pool:
            statuses = set(pool.map(lambda _: send(api, key, _BODY).status_code, range(40)))
        assert statuses == {200}
        assert len(service.asked) == 1


def test_strangers_cannot_spend_the_budget_of_calls(tmp_path: Path) -> None:
    key = SigningKey()
    with key_service(key) as service, _served(tmp_path, service) as api:
        assert {send(api, SigningKey(), _BODY).status_code for _ in range(20)} == {401}
        assert len(service.asked) == 1
        assert send(api, key, _BODY).status_code == 200


def test_a_rotated_key_is_known_after_the_floor(tmp_path: Path) -> None:
    old, new = SigningKey(), SigningKey()
    with key_service(old) as service, _served(tmp_path, service, floor=1.0) as api:
        assert send(api, old, _BODY).status_code == 200
        service.published = [new]
        assert send(api, new, _BODY).status_code == 401
        assert len(service.asked) == 1
        time.sleep(1.1)
        assert send(api, new, _BODY).status_code == 200
        assert send(api, old, _BODY).status_code == 401, "what is not published any more is not good any more"
        assert len(service.asked) == 2


@pytest.mark.parametrize(
    ("status", "document"),
    [(500, b""), (403, b'{"message": "API rate limit exceeded"}'), (429, b""), (301, b""), (200, b"<html>"),
     (200, b'{"public_keys": []}'), (200, b'{"public_keys": [{"key": 1}]}'), (200, b"[1]"), (200, b"x" * (2 << 20))],
    ids=["fault", "limited", "too many", "moved", "page", "none", "no key", "list", "large"],
)  # fmt: skip
def test_while_no_good_keys_come_the_last_good_ones_hold(tmp_path: Path, status: int, document: bytes) -> None:
    key = SigningKey()
    with key_service(key) as service, _served(tmp_path, service, floor=0) as api:
        token = new_token(api.store)
        assert send(api, key, _BODY).status_code == 200
        service.status, service.document = status, document
        unsure = send(api, SigningKey(), _BODY)
        assert unsure.status_code == 503, "whether there is such a key cannot be said"
        assert int(unsure.headers["Retry-After"]) > 0
        assert unsure.headers["Content-Type"] == "application/problem+json"
        assert send(api, key, encoded(entry(token))).json()[0]["label"] == "true_positive"


def test_a_key_service_that_asks_for_patience_gets_it(tmp_path: Path) -> None:
    key = SigningKey()
    with key_service(key) as service, _served(tmp_path, service, floor=0) as api:
        service.status, service.headers = 429, {"Retry-After": "600"}
        answers = [send(api, key, _BODY) for _ in range(5)]
        assert {answer.status_code for answer in answers} == {503}
        assert 590 <= int(answers[-1].headers["Retry-After"]) <= 600
        assert len(service.asked) == 1


def test_the_last_good_keys_outlive_a_restart(tmp_path: Path) -> None:
    key = SigningKey()
    with key_service(key) as service:
        with _served(tmp_path, service) as api:
            token = new_token(api.store)
            send(api, key, _BODY)
        service.status = 500
        with _again(tmp_path, service) as api:
            assert send(api, key, encoded(entry(token))).json()[0]["label"] == "true_positive"
        assert len(service.asked) == 1


def test_keys_of_another_place_are_not_trusted(tmp_path: Path) -> None:
    key = SigningKey()
    with key_service(key) as service, key_service() as elsewhere:
        with _served(tmp_path, service) as api:
            send(api, key, _BODY)
        with _again(tmp_path, elsewhere) as api:
            assert send(api, key, _BODY).status_code == 503


def test_a_key_service_that_is_down_from_the_start(tmp_path: Path) -> None:
    key = SigningKey()
    with key_service(key) as service:
        pass
    with _served(tmp_path, service) as api:
        assert send(api, key, _BODY).status_code == 503


def test_a_slow_key_service_holds_up_nobody_else(tmp_path: Path) -> None:
    key, rotated = SigningKey(), SigningKey()
    with key_service(key) as service, _served(tmp_path, service, floor=0) as api:
        send(api, key, _BODY)
        service.slow = threading.Event()
        service.published = [key, rotated]
        with ThreadPoolExecutor(12) as pool:
            waiting = [pool.submit(send, api, rotated, _BODY) for _ in range(12)]
            while len(service.asked) < 2:
                time.sleep(0.01)
            began = time.monotonic()
            assert send(api, key, _BODY).status_code == 200
            assert api.ask("GET", "/healthz", token=None).status_code == 200
            assert time.monotonic() - began < 3
            service.slow.set()
            statuses = [each.result().status_code for each in waiting]
        assert 200 in statuses
        assert set(statuses) <= {200, 503}
        assert len(service.asked) == 2


def test_stale_keys_are_fetched_beside_the_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = SigningKey(), SigningKey()
    with key_service(old) as service, _served(tmp_path, service, floor=0.2) as api:
        send(api, old, _BODY)
        service.published = [new]
        monkeypatch.setattr(key_ring, "_STALE_SECONDS", 0)
        time.sleep(0.3)
        assert send(api, old, _BODY).status_code == 200
        deadline = time.monotonic() + 10
        while len(service.asked) < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        monkeypatch.undo()
        time.sleep(0.3)
        assert send(api, old, _BODY).status_code == 401


def test_what_is_no_key_on_p256_signs_nothing(tmp_path: Path) -> None:
    key, wrong = SigningKey(), []
    for public in (
        ec.generate_private_key(ec.SECP384R1()).public_key(),
        rsa.generate_private_key(65537, 2048).public_key(),
    ):
        odd = SigningKey()
        odd.pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        wrong.append(odd)
    broken = SigningKey()
    broken.pem = broken.pem.replace("M", "N", 3)
    with key_service(key, *wrong, broken) as service, _served(tmp_path, service) as api:
        assert [send(api, each, _BODY).status_code for each in (key, *wrong, broken)] == [200, 401, 401, 401]


def test_the_token_for_more_calls_is_sent_and_not_logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key, value = SigningKey(), "a" * 40
    monkeypatch.setenv("KEYS_TOKEN", value)
    with key_service(key) as service:
        source = AlertSource(keys_url=service.url, token=SecretPlace(variable="KEYS_TOKEN"))
        with serving(tmp_path / "s.db", tmp_path, policies=policies_with(LeakIntake(github=source))) as api:
            assert send(api, key, _BODY).status_code == 200
            assert value not in "".join(api.log)
        assert [each["Authorization"] for each in service.asked] == [f"Bearer {value}"]


@pytest.mark.parametrize(
    "text", [None, "[]", '{"public_keys": []}', '{"public_keys": [{"key_identifier": "a", "key": "b"}]}']
)
def test_a_file_of_keys_that_is_none_ends_the_start(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "keys.json"
    if text is not None:
        file.write_text(text)
    policies = policies_with(LeakIntake(github=AlertSource(keys_file=file)))
    with pytest.raises(ConfigError, match=r"keys\.json"), serving(tmp_path / "s.db", tmp_path, policies=policies):
        pass
