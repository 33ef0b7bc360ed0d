"""GitLab over a real socket: its signed alerts, and the revocation receiver for one's own GitLab."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from server.forge import GITLAB, SigningKey, encoded, key_service, policies_with, send
from server.serving import UNLIMITED, Api, serving
from tokenguard.model.leak_intake import AlertSource, LeakIntake, SecretPlace
from tokenguard.model.policy import OnLeak

TYPES = "/webhooks/gitlab/v1/revocable_token_types"
REVOKE = "/webhooks/gitlab/v1/revoke_tokens"
_KEY = secrets.token_hex(24)


@pytest.fixture(scope="module")
def key() -> SigningKey:
    return SigningKey()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def api(request: pytest.FixtureRequest, key: SigningKey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("gitlab")
    place: str | Path = folder / "store.db"
    if request.param == "postgresql":
        new_postgres: Callable[[], str] = request.getfixturevalue("new_postgres")
        place = new_postgres()
    file = folder / "key"
    file.write_text(_KEY + "\n")
    with key_service(key) as keys:
        intake = LeakIntake(gitlab=AlertSource(keys_url=keys.url), revocation_key=SecretPlace(file=file))
        with serving(place, folder, policies=policies_with(intake)) as running:
            yield running


def _ask(api: Api, method: str, path: str, shown: str | None = _KEY, **more: object) -> requests.Response:
    headers = {} if shown is None else {"Authorization": shown}
    return api.ask(method, path, token=None, headers=headers, **more)


def _revoke(api: Api, *listed: object, shown: str | None = _KEY) -> requests.Response:
    return _ask(api, "POST", REVOKE, shown, json=list(listed))


def test_a_signed_alert(api: Api, key: SigningKey) -> None:
    token_id, token = api.mint()
    body = encoded(
        {"type": "my_api_token", "token": token, "url": "https://gitlab.example.org/a/b/-/blob/" + "0c" * 20 + "/x.py"}
    )
    assert [send(api, key, body, GITLAB).status_code for _ in range(2)] == [204, 204]
    assert api.dead(token)
    assert api.get(f"/api/v1/tokens/{token_id}")["revoked_by"] == "gitlab"
    (leak,) = [each for each in api.get("/api/v1/leaks")["leaks"] if each["token"]["id"] == token_id]
    (sighting,) = leak["sightings"]
    assert (sighting["source"], sighting["commit"], sighting["path"]) == ("gitlab", "0c" * 20, "x.py")


def test_an_alert_that_is_not_signed_by_gitlab(api: Api, key: SigningKey) -> None:
    _, token = api.mint()
    body = encoded({"type": "t", "token": token, "url": ""})
    assert send(api, SigningKey(), body, GITLAB).status_code == 401
    assert send(api, key, body, GITLAB, Gitlab_Public_Key_Signature=key.sign(b"other")).status_code == 401
    assert api.ask("POST", GITLAB, token=None, data=body).status_code == 400
    assert not api.dead(token)


def test_the_types_that_are_revoked(api: Api) -> None:
    types = _ask(api, "GET", TYPES).json()["types"]
    assert {"gitleaks_rule_id_keebai-api-key", "tokenguard_rule_id_binboi-access-token"} <= set(types)


def test_tokens_are_revoked_and_again_nothing_happens(api: Api) -> None:
    token_id, token = api.mint()
    listed = {"type": "gitleaks_rule_id_tokenguard-access-token", "token": token, "location": "https://g.example.org/f"}
    answers = [_revoke(api, listed, {"type": "other", "token": "unknown", "location": ""}) for _ in range(2)]
    assert [each.status_code for each in answers] == [204, 204]
    assert answers[0].content == b""
    assert api.dead(token)
    record = api.get(f"/api/v1/tokens/{token_id}")
    assert record["revoked_by"] == "gitlab-receiver"
    events = [each["action"] for each in api.get(f"/api/v1/audit?token={token_id}")["events"]]
    assert events.count("token.revoked") == 1


def test_the_key_may_come_as_a_bearer(api: Api) -> None:
    assert _ask(api, "GET", TYPES, f"Bearer {_KEY}").status_code == 200


@pytest.mark.parametrize(
    "shown",
    [None, "", "Bearer", "wrong", _KEY[:-1], _KEY + "0", f"Basic {_KEY}", "Bearer  x"],
    ids=["none", "empty", "scheme", "wrong", "shorter", "longer", "basic", "spaces"],
)
def test_without_the_key(api: Api, shown: str | None) -> None:
    _, token = api.mint()
    answer = _revoke(api, {"type": "t", "token": token}, shown=shown)
    assert answer.status_code == 401
    assert _ask(api, "GET", TYPES, shown).status_code == 401
    assert not api.dead(token)


def test_an_api_token_is_not_the_key(api: Api) -> None:
    assert api.ask("GET", TYPES).status_code == 401


@pytest.mark.parametrize("body", [b"", b"text", b"{}", b"[1]", b'[{"type": "t"}]', b'[{"token":1}]', b"[" * 9999])
def test_what_is_no_list_of_tokens(api: Api, body: bytes) -> None:
    answer = _ask(api, "POST", REVOKE, data=body)
    assert answer.status_code == 400, "which tells GitLab not to send it again"
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_too_much(api: Api) -> None:
    assert _ask(api, "POST", REVOKE, data=b"[" + b"0," * 60_000 + b"0]").status_code == 413


@pytest.mark.parametrize(("method", "path"), [("POST", TYPES), ("GET", REVOKE), ("DELETE", REVOKE), ("GET", GITLAB)])
def test_other_methods(api: Api, method: str, path: str) -> None:
    assert _ask(api, method, path).status_code == 405


def test_neither_key_nor_tokens_are_logged(api: Api) -> None:
    _, token = api.mint()
    _revoke(api, {"type": "t", "token": token, "location": f"https://g.example.org/?{token}"})
    log = "".join(api.log)
    assert token not in log
    assert _KEY not in log


def _own(monkeypatch: pytest.MonkeyPatch) -> LeakIntake:
    monkeypatch.setenv("RECEIVER_KEY", _KEY)
    return LeakIntake(revocation_key=SecretPlace(variable="RECEIVER_KEY"))


def test_the_key_from_the_environment_and_its_rate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = replace(UNLIMITED, rate_limits=True)
    policies = policies_with(_own(monkeypatch))
    with serving(tmp_path / "s.db", tmp_path, settings, policies) as api:
        assert _ask(api, "GET", TYPES).status_code == 200
        # Ten a second come back while it asks: a slow machine needs more than the six hundred of a minute.
        answers = (_ask(api, "GET", TYPES) for _ in range(3000))
        refused = next(answer for answer in answers if answer.status_code == 429)
        assert int(refused.headers["Retry-After"]) > 0


def test_a_family_of_which_people_decide_is_not_offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    policies = policies_with(_own(monkeypatch))
    kept = replace(policies.family("keebai-api-key"), on_leak=OnLeak.NOTIFY)
    policies = replace(policies, families={**policies.families, "keebai-api-key": kept})
    with serving(tmp_path / "s.db", tmp_path, policies=policies) as api:
        assert not [each for each in _ask(api, "GET", TYPES).json()["types"] if "keebai" in each]
        _, token = api.mint(family="keebai-api-key")
        assert _revoke(api, {"type": "t", "token": token}).status_code == 204
        assert not api.dead(token)


def test_a_locked_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    policies = policies_with(_own(monkeypatch))
    with serving(tmp_path / "s.db", tmp_path, policies=policies) as api:
        locked = sqlite3.connect(tmp_path / "s.db", isolation_level=None)
        locked.execute("BEGIN IMMEDIATE")
        answer = _revoke(api, {"type": "t", "token": "x"})
        locked.close()
        assert answer.status_code == 503
        assert "Retry-After" in answer.headers


def test_a_deployment_without_a_key(tmp_path: Path) -> None:
    with serving(tmp_path / "s.db", tmp_path, policies=policies_with(LeakIntake())) as api:
        assert _ask(api, "GET", TYPES).status_code == 404
        assert _ask(api, "POST", REVOKE, json=[]).status_code == 404
        assert api.ask("POST", GITLAB, token=None, data=b"[]").status_code == 404
