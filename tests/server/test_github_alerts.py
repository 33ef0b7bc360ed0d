"""GitHub's alerts over a real socket: what is revoked, what is answered, and that it happens once."""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from server.forge import SigningKey, alerts_of, encoded, entry, key_service, labels, policies_with, send
from server.serving import UNLIMITED, Api, new_token, serving, sha256
from tokenguard.model.leak_intake import AlertSource, LeakIntake
from tokenguard.model.policy import OnLeak

_TRUE, _FALSE = "true_positive", "false_positive"
_FAMILY = "tokenguard-access-token"
# The published vector: GitHub's documentation of the partner programme.
_VECTOR_ID = "bcb53661c06b4728e59d897fb6165d5c9cda0fd9cdf9d09ead458168deb7518c"
_VECTOR_BODY = (
    b'[{"source":"commit","token":"some_token","type":"some_type","url":"https://example.com/base-repo-url/"}]'
)
_VECTOR_SIGNATURE = "MEQCIQDaMKqrGnE27S0kgMrEK0eYBmyG0LeZismAEz/BgZyt7AIfXt9fErtRS4XaeSt/AO1RtBY66YcAdjxji410VQV4xg=="
_VECTOR_PEM = (
    "-----BEGIN PUBLIC KEY-----\n"
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEYAGMWO8XgCamYKMJS6jc/qgvSlAd\n"
    "AjPuDPRcXU22YxgBrz+zoN19MzuRyW87qEt9/AmtoNP5GrobzUvQSyJFVw==\n"
    "-----END PUBLIC KEY-----\n"
)


@pytest.fixture(scope="module")
def key() -> SigningKey:
    return SigningKey()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def api(request: pytest.FixtureRequest, key: SigningKey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A server for the file's tests, on either database."""
    folder: Path = tmp_path_factory.mktemp("alerts")
    place: str | Path = folder / "store.db"
    if request.param == "postgresql":
        new_postgres: Callable[[], str] = request.getfixturevalue("new_postgres")
        place = new_postgres()
    with key_service(key) as keys, serving(place, folder, policies=alerts_of(keys)) as running:
        yield running


def _leaks(api: Api, token_id: str) -> list[dict[str, Any]]:
    listed = api.get("/api/v1/leaks?limit=500")["leaks"]
    return [each for each in listed if each["token"] and each["token"]["id"] == token_id]


def _events(api: Api, token_id: str) -> list[str]:
    return [each["action"] for each in api.get(f"/api/v1/audit?token={token_id}")["events"]]


def test_a_leaked_token_is_dead_when_the_answer_comes(api: Api, key: SigningKey) -> None:
    token_id, token = api.mint()
    answer = send(
        api, key, encoded(entry(token, url="https://git.example.org/o/r/blob/" + "a1" * 20 + "/src/app%20.py#L3"))
    )
    assert answer.json() == [{"token_hash": sha256(token), "token_type": "a_type", "label": _TRUE}]
    assert api.dead(token)
    record = api.get(f"/api/v1/tokens/{token_id}")
    assert record["status"] == "revoked"
    assert record["revoked_by"] == "github"
    (leak,) = _leaks(api, token_id)
    (sighting,) = leak["sightings"]
    assert (sighting["source"], sighting["path"], sighting["commit"]) == ("github:commit", "src/app .py", "a1" * 20)
    assert sighting["reported_by"] == "github"
    assert _events(api, token_id)[0] == "token.revoked"


def test_the_same_alert_again_changes_nothing(api: Api, key: SigningKey) -> None:
    token_id, token = api.mint()
    body = encoded(entry(token), entry("nobody-knows-" + secrets.token_hex(8)))
    first = send(api, key, body)
    before = (api.get(f"/api/v1/tokens/{token_id}"), _leaks(api, token_id), _events(api, token_id))
    again = [send(api, key, body) for _ in range(3)]
    assert all(each.json() == first.json() for each in again)
    assert labels(first) == [_TRUE, _FALSE]
    assert (api.get(f"/api/v1/tokens/{token_id}"), _leaks(api, token_id), _events(api, token_id)) == before


def test_a_revoked_token_is_still_a_true_positive_and_its_owner_hears_once(api: Api, key: SigningKey) -> None:
    token_id, token = api.mint()
    send(api, key, encoded(entry(token)))
    assert labels(send(api, key, encoded(entry(token, url="https://elsewhere.example.org/")))) == [_TRUE]
    (leak,) = _leaks(api, token_id)
    assert len(leak["sightings"]) == 2
    assert _events(api, token_id).count("token.revoked") == 1
    assert _told(api, token_id) == ["tokens.revoked"]


def _told(api: Api, token_id: str) -> list[str]:
    with api.store.database.reading() as connection:
        rows = connection.exec_driver_sql("SELECT kind, payload FROM outbox").all()
    return [kind for kind, payload in rows if token_id in payload]


def test_a_leak_that_was_resolved_opens_again(api: Api, key: SigningKey) -> None:
    token_id, token = api.mint()
    send(api, key, encoded(entry(token)))
    (leak,) = _leaks(api, token_id)
    api.post(f"/api/v1/leaks/{leak['id']}/resolve", {"resolution": "rotated"}, 200)
    send(api, key, encoded(entry(token, source="gist_content")))
    (leak,) = _leaks(api, token_id)
    assert leak["state"] == "open"
    assert _told(api, token_id) == ["tokens.revoked"]


def test_looking_a_token_up_is_no_use_of_it(api: Api, key: SigningKey) -> None:
    token_id, token = api.mint()
    send(api, key, encoded(entry(token)))
    api.store.flush_uses()
    assert api.get(f"/api/v1/tokens/{token_id}")["last_used_at"] is None


def test_the_hash_decides_not_the_type(api: Api, key: SigningKey) -> None:
    """What stands in public is the token, whatever the forge takes it for."""
    _, token = api.mint(family="keebai-api-key")
    answer = send(api, key, encoded(entry(token, type="binboi_access_token"), entry("x" * 40, type="no_such_type")))
    assert labels(answer) == [_TRUE, _FALSE]
    assert [each["token_type"] for each in answer.json()] == ["binboi_access_token", "no_such_type"]
    assert api.dead(token)


def test_duplicates_are_one_token_with_one_sighting_a_place(api: Api, key: SigningKey) -> None:
    token_id, token = api.mint()
    assert (
        labels(send(api, key, encoded(*[entry(token)] * 5, entry(token, url="https://b.example.org/")))) == [_TRUE] * 6
    )
    (leak,) = _leaks(api, token_id)
    assert len(leak["sightings"]) == 2
    assert _events(api, token_id).count("token.revoked") == 1


def test_two_alerts_at_once_for_one_token(api: Api, key: SigningKey) -> None:
    token_id, token = api.mint()
    # The keys are here: only so many messages wait for them, the others are asked to come again.
    assert labels(send(api, key, encoded(entry(f"nobody-knows-{secrets.token_hex(16)}")))) == [_FALSE]
    bodies = [encoded(entry(token, url=f"https://git.example.org/{at % 4}")) for at in range(8)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda body: send(api, key, body), bodies))
    assert all(labels(each) == [_TRUE] for each in answers)
    assert _events(api, token_id).count("token.revoked") == 1
    (leak,) = _leaks(api, token_id)
    assert len(leak["sightings"]) == 4, "of eight messages four were repetitions"
    assert _told(api, token_id) == ["tokens.revoked"]


def test_ten_thousand_entries(api: Api, key: SigningKey) -> None:
    values = [new_token(api.store) for _ in range(30)]
    unknown = [f"nobody-knows-{secrets.token_hex(16)}" for _ in range(9_970)]
    entries = [entry(each) for each in (*values[:10], *unknown[:5_000], *values[10:20], *unknown[5_000:], *values[20:])]
    answer = send(api, key, encoded(*entries))
    assert labels(answer) == [_TRUE] * 10 + [_FALSE] * 5_000 + [_TRUE] * 10 + [_FALSE] * 4_970 + [_TRUE] * 10
    assert [each["token_hash"] for each in answer.json()] == [sha256(each["token"]) for each in entries]
    assert all(api.dead(each) for each in values)


def test_an_entry_that_is_none_does_not_spoil_the_others(
    api: Api, key: SigningKey, caplog: pytest.LogCaptureFixture
) -> None:
    _, token = api.mint()
    answer = send(
        api, key, encoded(5, None, {}, {"token": 5}, {"token": ""}, {"token": token, "url": None, "source": 1})
    )
    assert [each["token_hash"] for each in answer.json()] == [sha256(token)]
    assert api.dead(token)
    assert "5 of 6 entries of a forge's message hold no token" in caplog.text
    assert token not in caplog.text


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"not JSON", 422),
        (b'{"token": "x"}', 422),
        (b'"text"', 422),
        (b"\xff\xfe[]", 422),
        (b'[{"token":"a","token":"b"}]', 422),
        (b"[" * 100_000, 422),
        (b"[1, 2]", 422),
        (b'[{"type":"a"}]', 422),
        (b"[NaN]", 422),
        (b"[" + b"{}," * 1_000_000 + b"{}]", 413),
        (b"[" + b'{"token":"aaaaaaaaaaaaaaaaaaaaaa","type":"b"},' * 1_000_000 + b"{}]", 413),
    ],
    ids=["empty", "text", "object", "string", "utf-16", "twice", "deep", "numbers", "no token", "nan", "many", "large"],
)
def test_signed_nonsense(api: Api, key: SigningKey, body: bytes, status: int) -> None:
    answer = send(api, key, body)
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_nothing_is_no_fault(api: Api, key: SigningKey) -> None:
    assert send(api, key, b"[]").json() == []


@pytest.mark.parametrize("missing", ["Identifier", "Signature"])
def test_a_missing_header(api: Api, key: SigningKey, missing: str) -> None:
    body = encoded(entry("x"))
    headers = {name: value for name, value in key.headers(body).items() if missing not in name}
    answer = api.ask("POST", "/webhooks/github/secret-scanning", token=None, headers=headers, data=body)
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_what_is_not_signed_by_the_forge_revokes_nothing(api: Api, key: SigningKey) -> None:
    _, token = api.mint()
    body = encoded(entry(token))
    stranger = SigningKey()
    good = key.sign(body)
    refused = [
        send(api, key, body, Github_Public_Key_Signature=stranger.sign(body)),
        send(api, key, body, Github_Public_Key_Signature=key.sign(body + b" ")),
        send(api, key, body, Github_Public_Key_Signature="N" + good[1:]),
        send(api, key, body, Github_Public_Key_Signature=good[:-8]),
        send(api, key, body, Github_Public_Key_Signature="not base64 at all!"),
        send(api, key, body, Github_Public_Key_Signature="A" * 5000),
        send(api, stranger, body),
        send(api, key, body, Github_Public_Key_Identifier=key.id.upper()),
        send(api, key, body, Github_Public_Key_Identifier="x" * 3000),
        send(api, key, body, Github_Public_Key_Identifier="'; DROP TABLE partner_keys; --"),
    ]
    assert [each.status_code for each in refused] == [401] * len(refused)
    assert all(each.headers["Content-Type"] == "application/problem+json" for each in refused)
    assert not api.dead(token)


def test_the_signature_comes_before_the_content(api: Api, key: SigningKey) -> None:
    """Else a stranger could have anything parsed."""
    answer = send(api, key, b"not JSON", Github_Public_Key_Signature=key.sign(b"other bytes"))
    assert answer.status_code == 401


def test_no_token_is_logged_or_stored(api: Api, key: SigningKey) -> None:
    _, token = api.mint()
    send(api, key, encoded(entry(token, url=f"https://git.example.org/?found={token}")))
    assert token not in "".join(api.log)
    if api.store.database.path is not None:
        for file in api.store.database.path.parent.glob("store.db*"):
            assert token.encode() not in file.read_bytes()


def test_hostile_texts_of_places(api: Api, key: SigningKey) -> None:
    token_id, token = api.mint()
    hostile = "javascript:alert(1)//<script>\x1b[31m\u202e" + "\0" + "x" * 10_000
    assert labels(send(api, key, encoded(entry(token, url=hostile, source=hostile, type=hostile)))) == [_TRUE]
    (leak,) = _leaks(api, token_id)
    (sighting,) = leak["sightings"]
    assert sighting["source"] == "github:unknown"
    assert sighting["url"].isprintable()
    assert len(sighting["url"]) <= 2000


def test_other_methods(api: Api) -> None:
    answer = api.ask("GET", "/webhooks/github/secret-scanning", token=None)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


def test_a_family_of_which_people_decide(tmp_path: Path, key: SigningKey) -> None:
    with key_service(key) as keys:
        policies = alerts_of(keys)
        told = replace(policies.family(_FAMILY), on_leak=OnLeak.NOTIFY)
        policies = replace(policies, families={**policies.families, _FAMILY: told})
        with serving(tmp_path / "store.db", tmp_path, policies=policies) as api:
            token_id, token = api.mint()
            _, other = api.mint(family="keebai-api-key")
            assert labels(send(api, key, encoded(entry(token), entry(other)))) == [_TRUE, _TRUE]
            assert (api.dead(token), api.dead(other)) == (False, True)
            (leak,) = _leaks(api, token_id)
            assert leak["state"] == "open"
            assert _events(api, token_id)[0] == "leak.reported"
            assert _told(api, token_id) == ["leaks.found"]
            send(api, key, encoded(entry(token, url="https://b.example.org/")))
            assert _told(api, token_id) == ["leaks.found"]


def test_the_published_vector(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_text(
        json.dumps({"public_keys": [{"key_identifier": _VECTOR_ID, "key": _VECTOR_PEM, "is_current": True}]})
    )
    policies = policies_with(LeakIntake(github=AlertSource(keys_file=file)))
    said = {"Github-Public-Key-Identifier": _VECTOR_ID}
    with serving(tmp_path / "store.db", tmp_path, policies=policies) as api:
        statuses = [
            api.ask(
                "POST", "/webhooks/github/secret-scanning", token=None, data=_VECTOR_BODY,
                headers=said | {"Github-Public-Key-Signature": signature},
            ).status_code
            for signature in (_VECTOR_SIGNATURE, "N" + _VECTOR_SIGNATURE[1:])
        ]  # fmt: skip
        assert statuses == [200, 401]


def test_a_locked_database(tmp_path: Path, key: SigningKey) -> None:
    with key_service(key) as keys, serving(tmp_path / "store.db", tmp_path, policies=alerts_of(keys)) as api:
        token = new_token(api.store)
        send(api, key, b"[]")  # the key is known now
        locked = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
        locked.execute("BEGIN IMMEDIATE")
        try:
            answer = send(api, key, encoded(entry(token)))
        finally:
            locked.execute("ROLLBACK")
            locked.close()
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert not api.dead(token)
        assert labels(send(api, key, encoded(entry(token)))) == [_TRUE]
        assert api.dead(token)


def test_only_the_log_says_why_a_message_is_refused(
    api: Api, key: SigningKey, caplog: pytest.LogCaptureFixture
) -> None:
    unsigned = send(api, key, b"[]", Github_Public_Key_Signature=SigningKey().sign(b"[]"))
    assert "not signed over the bytes that came" in caplog.text
    unknown = send(api, SigningKey(), b"[]")
    assert "names a key that the forge does not publish" in caplog.text
    assert (unsigned.status_code, unsigned.json()) == (unknown.status_code, unknown.json())


def test_bad_signatures_are_slowed_and_good_ones_are_not(tmp_path: Path, key: SigningKey) -> None:
    limited = replace(UNLIMITED, rate_limits=True)
    with key_service(key) as keys, serving(tmp_path / "s.db", tmp_path, limited, policies=alerts_of(keys)) as api:
        # More than twice what a minute takes: the minute may end in between.
        statuses = {send(api, key, b"[]", Github_Public_Key_Signature="AAAA").status_code for _ in range(140)}
        assert statuses == {401, 429}
        assert all(send(api, key, encoded(entry(f"t{at}"))).status_code == 200 for at in range(100))


def test_a_deployment_that_takes_none(tmp_path: Path, key: SigningKey) -> None:
    with serving(tmp_path / "store.db", tmp_path, policies=policies_with(LeakIntake())) as api:
        assert send(api, key, b"[]").status_code == 404
