"""Every call of the API over a real socket, on both databases: what it answers, and who may."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import plant
from server.serving import ADMIN, Api, serving, sha256
from tokenguard.model.leak import LeakRecord
from tokenguard.model.people import Identity
from tokenguard.model.revocation import TargetResult
from tokenguard.model.token import TokenPage, TokenRecord
from tokenguard.model.wire import from_json, moment

_RECORD = {
    *("id", "family", "name", "label", "prefix", "owner", "scopes", "status", "created_at", "createdAt"),
    *("last_used_at", "lastUsedAt", "last_used_ip", "addresses_30d", "expires_at", "revoked_at", "revokedAt"),
    *("revoked_by", "revoke_reason", "rotated_from", "rotated_to", "honeytoken"),
    *("odd_hours", "expected_hours"),
}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def api(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    folder: Path = tmp_path_factory.mktemp("server")
    place: str | Path = folder / "store.db"
    if request.param == "postgresql":
        place = request.getfixturevalue("new_postgres")()
    with serving(place, folder) as running:
        yield running


def _name() -> str:
    return "n" + secrets.token_hex(4)


def test_whoami_says_who_and_what(api: Api) -> None:
    answer = api.get("/api/v1/auth/me")
    assert from_json(Identity, answer).email == ADMIN
    assert answer["user"] == {key: answer[key] for key in ("id", "name", "email", "plan")}
    assert answer["auth_mode"] == "token"
    assert answer["token_prefix"] == api.admin[:12]
    assert set(answer["scopes"]) <= set(answer["permissions"])


def test_families_say_what_can_be_minted(api: Api) -> None:
    families = {family["id"]: family for family in api.get("/api/v1/families")["families"]}
    assert families["keebai-api-key"]["visible_prefix"] == 12
    assert families["binboi-access-token"]["visible_prefix"] == 19
    assert "tokenguard-access-token" in families


def test_a_token_is_shown_once_and_lives_until_it_is_revoked(api: Api) -> None:
    made = api.post(
        "/api/v1/tokens",
        {"label": "shop", "family": "keebai-api-key", "scopes": ["messages:send"], "expires_in_days": 5},
    )
    assert set(made) == {"id", "label", "prefix", "token", "created_at", "record"}
    assert made["prefix"] == made["token"][:12]
    assert set(made["record"]) >= _RECORD
    assert not {"token", "token_sha256", "keyed_hash"} & set(made["record"])
    record = api.get(f"/api/v1/tokens/{made['id']}")
    assert record["name"] == record["label"] == "shop"
    assert record["status"] == "active"
    assert moment(record["expires_at"]) - moment(record["created_at"]) == timedelta(days=5)
    assert not api.dead(made["token"])
    listed = api.get("/api/v1/tokens?family=keebai-api-key&status=active&limit=1")
    assert from_json(TokenPage, listed).tokens[0].id == made["id"]
    assert listed["limits"]["keebai-api-key"]["max_active"] == 10
    for _ in range(2):
        gone = api.ask("DELETE", f"/api/v1/tokens/{made['id']}")
        assert (gone.status_code, gone.content) == (204, b"")
    assert api.dead(made["token"])
    assert api.get(f"/api/v1/tokens/{made['id']}")["status"] == "revoked"
    everything = [api.ask("GET", path).text for path in ("/api/v1/tokens?limit=1000", "/api/v1/audit?limit=1000")]
    assert not any(made["token"] in text or sha256(made["token"]) in text for text in everything)


def test_pages_follow_one_another(api: Api) -> None:
    made = {api.mint()[0] for _ in range(3)}
    seen: list[str] = []
    cursor = ""
    while len(seen) < 500:
        page = api.get(f"/api/v1/tokens?limit=2{cursor}")
        seen += [token["id"] for token in page["tokens"]]
        if not page["next_cursor"]:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert len(seen) == len(set(seen))
    assert made <= set(seen)


def test_the_same_idempotency_key_makes_one_token(api: Api) -> None:
    key, body = {"Idempotency-Key": secrets.token_hex(8)}, {"name": "once"}
    first = api.post("/api/v1/tokens", body, headers=key)
    again = api.post("/api/v1/tokens", body, 200, headers=key)
    assert "token" not in again
    assert again["record"]["id"] == again["id"] == first["id"]
    assert api.ask("POST", "/api/v1/tokens", json={"name": "other"}, headers=key).status_code == 422
    strange = api.ask("POST", "/api/v1/tokens", json=body, headers={"Idempotency-Key": "k" * 300})
    assert strange.status_code == 422
    assert "kkk" not in strange.text


def test_rotation_gives_a_successor_and_a_second_one_kills_both(api: Api) -> None:
    token_id, token = api.mint(ADMIN, "audit.read")
    first = api.post(f"/api/v1/tokens/{token_id}/rotate", {"grace_seconds": 3600})
    assert first["record"]["rotated_from"] == token_id
    assert first["record"]["scopes"] == ["audit.read"]
    assert not api.dead(token)
    assert api.ask("POST", f"/api/v1/tokens/{token_id}/rotate").status_code in {409, 403, 422}
    assert api.dead(token)
    assert api.dead(first["token"])
    other_id, other = api.mint()
    api.post(f"/api/v1/tokens/{other_id}/rotate", None, headers={"Content-Length": "0"})
    assert api.dead(other)


def test_revocations_answer_each_target(api: Api) -> None:
    by_value, by_hash, by_prefix, by_id = (api.mint() for _ in range(4))
    targets: list[Any] = [
        {"token": by_value[1]},
        {"token_sha256": sha256(by_hash[1]), "prefix": by_prefix[1][:12]},
        {"prefix": by_prefix[1][:12]},
        {"id": by_id[0]},
        {"token_sha256": sha256(plant.token(plant.KEEBAI))},
        {"prefix": "t"},
        {},
        {"token": 5},
        "tokens",
        {"id": "tok_\0"},
        {"prefix": "\ud800"},
        {"id": by_id[0], "token": by_value[1]},
    ]
    body = {"reason": "found", "leak": {"source": "test", "url": "https://example.org/x", "seen_at": _now()}}
    dry = api.post("/api/v1/revocations", {**body, "targets": targets, "dry_run": True}, 200)["results"]
    assert not api.dead(by_value[1])
    done = api.post("/api/v1/revocations", {**body, "targets": targets}, 200)["results"]
    assert [each["outcome"] for each in dry] == [each["outcome"] for each in done]
    assert [each["outcome"] for each in done] == [*["revoked"] * 4, "not_found", *["invalid"] * 7]
    assert [each["target_index"] for each in done] == list(range(len(targets)))
    assert all(api.dead(token) for _, token in (by_value, by_hash, by_prefix, by_id))
    again = api.post("/api/v1/revocations", {"targets": targets[:4]}, 200)["results"]
    assert {from_json(TargetResult, each).outcome.value for each in again} == {"already_revoked"}
    assert from_json(TokenRecord, again[0]["token"]).revoke_reason == "found"


def test_too_many_targets_are_refused_at_once(api: Api) -> None:
    answer = api.ask("POST", "/api/v1/revocations", json={"targets": [{}] * 1001})
    assert (answer.status_code, answer.json()["pointers"]) == (422, ["/targets"])


def test_whoever_holds_a_token_may_kill_it(api: Api) -> None:
    (_, one), (_, two), (_, three) = (api.mint() for _ in range(3))
    answers = [
        api.ask("POST", "/api/v1/revocations/leaked", token=None, json={"tokens": [one, two]}),
        api.ask("POST", "/api/v1/revocations/leaked", token=None, json={"tokens": [plant.token(plant.KEEBAI)]}),
    ]
    assert {(each.status_code, each.content) for each in answers} == {(202, b"")}
    forms = [
        api.ask("POST", "/oauth/revoke", token=None, data={"token": token, "token_type_hint": "x"})
        for token in (three, plant.token(plant.BINBOI_LIVE), "ä")
    ]
    assert {(each.status_code, each.content) for each in forms} == {(200, b"")}
    assert all(map(api.dead, (one, two, three)))


@pytest.mark.parametrize("around", ["{}\n", " {}\r\n"])
def test_a_token_that_comes_from_a_file(api: Api, around: str) -> None:
    """As `curl --data-urlencode token@token.txt` sends it, with the end of its line."""
    live = [api.mint()[1] for _ in range(3)]
    by_form, by_list, by_target = (around.format(each) for each in live)
    assert api.ask("POST", "/oauth/introspect", data={"token": by_form}).json()["active"]
    assert api.ask("POST", "/oauth/revoke", token=None, data={"token": by_form}).status_code == 200
    api.post("/api/v1/revocations/leaked", {"tokens": [by_list]}, 202, token=None)
    done = api.post("/api/v1/revocations", {"targets": [{"token": by_target}]}, 200)
    assert done["results"][0]["outcome"] == "revoked"
    assert all(map(api.dead, live))


def test_introspection_says_what_a_token_may_now(api: Api) -> None:
    owner = api.user(_name(), "audit.read", "leaks:report")
    token_id, token = api.mint(owner, "audit.read", "leaks:report", expires_in_days=3)
    for form in ({"token": token}, {"token_sha256": sha256(token)}, {"token": token, "token_sha256": ""}):
        answer = api.ask("POST", "/oauth/introspect", data=form).json()
        assert answer["active"] is True
        assert answer["scope"] == "audit.read leaks:report"
        assert (answer["username"], answer["client_id"], answer["token_type"]) == (owner, token_id, "Bearer")
        assert answer["exp"] - answer["iat"] == 3 * 24 * 3600
    api.ask("PATCH", f"/api/v1/roles/role of {owner.partition('@')[0]}", json={"permissions": ["leaks:report"]})
    assert api.ask("POST", "/oauth/introspect", data={"token": token}).json()["scope"] == "leaks:report"
    api.ask("PATCH", f"/api/v1/users/{owner}", json={"active": False})
    assert api.ask("POST", "/oauth/introspect", data={"token": token}).json() == {"active": False}
    for strange in (plant.token(plant.KEEBAI), "x", "ä", "x" * 9000):
        assert api.ask("POST", "/oauth/introspect", data={"token": strange}).json() == {"active": False}


def test_leaks_are_handed_in_looked_at_and_closed(api: Api) -> None:
    token_id, token = api.mint()
    finding = {"rule_id": "tokenguard-access-token", "prefix": token[:12], "token_sha256": sha256(token)}
    report = {"finding": finding, "seen_at": _now(), "url": "https://example.org/leak"}
    (match,) = api.post("/api/v1/leaks", report, 202)["leaks"]
    assert match["matched"] == "hash"
    assert not api.dead(token)
    leak = api.get(f"/api/v1/leaks/{match['id']}")
    assert from_json(LeakRecord, leak).token is not None
    assert leak["token"]["id"] == token_id
    assert leak["sightings"][0]["url"] == "https://example.org/leak"
    assert match["id"] in {each["id"] for each in api.get("/api/v1/leaks?state=open")["leaks"]}
    closed = api.post(f"/api/v1/leaks/{match['id']}/resolve", {"resolution": "rotated"}, 200)
    assert (closed["state"], closed["resolution"]) == ("resolved", "rotated")
    raw = api.ask("POST", "/api/v1/leaks", json={**report, "url": f"https://example.org/?t={token}"})
    assert raw.status_code == 422
    assert token not in raw.text


def test_users_and_roles_are_managed(api: Api) -> None:
    name = _name()
    role = api.post("/api/v1/roles", {"name": name, "permissions": ["audit.read"]})
    assert api.ask("POST", "/api/v1/roles", json={"name": name, "permissions": []}).status_code == 409
    user = api.post("/api/v1/users", {"email": f"{name}@example.org", "name": name, "role": name})
    assert api.ask("DELETE", f"/api/v1/roles/{role['id']}").status_code == 409
    changed = api.ask("PATCH", f"/api/v1/users/{user['id']}", json={"name": "other", "active": False}).json()
    assert (changed["name"], changed["active"], changed["role"]) == ("other", False, name)
    assert user["id"] in {each["id"] for each in api.get("/api/v1/users")["users"]}
    empty = api.post("/api/v1/roles", {"name": _name(), "permissions": []})
    renamed = api.ask("PATCH", f"/api/v1/roles/{empty['id']}", json={"name": _name(), "permissions": ["leaks:report"]})
    assert renamed.json()["permissions"] == ["leaks:report"]
    assert api.ask("DELETE", f"/api/v1/roles/{empty['id']}").status_code == 204
    assert empty["id"] not in {each["id"] for each in api.get("/api/v1/roles")["roles"]}


def test_the_last_admin_stays(api: Api) -> None:
    api.ask("PATCH", "/api/v1/users/local", json={"active": False})
    everybody = api.get("/api/v1/users")["users"]
    for user in everybody:
        if user["role"] == "admin" and user["email"] != ADMIN:
            api.ask("PATCH", f"/api/v1/users/{user['id']}", json={"active": False})
    assert api.ask("PATCH", f"/api/v1/users/{ADMIN}", json={"active": False}).status_code == 409
    assert api.ask("PATCH", "/api/v1/roles/admin", json={"permissions": []}).status_code in {403, 409}


def test_the_audit_says_what_was_done_and_from_where(api: Api) -> None:
    token_id, _ = api.mint()
    api.ask("DELETE", f"/api/v1/tokens/{token_id}", headers={"User-Agent": "a test/1"})
    events = api.get(f"/api/v1/audit?token={token_id}")["events"]
    assert len(events) == 2
    assert events[0]["address"] == "127.0.0.1"
    assert events[0]["agent"] == "a test/1"
    assert api.get(f"/api/v1/audit?token={token_id}&since={_now().replace('+', '%2B')}")["events"] == []


_NEEDS: list[tuple[str, str, Any, str]] = [
    ("GET", "/api/v1/tokens", None, "developer.manage_tokens"),
    ("POST", "/api/v1/tokens", {"name": "n"}, "developer.manage_tokens"),
    ("POST", "/api/v1/revocations", {"targets": []}, "developer.manage_tokens"),
    ("GET", "/api/v1/tokens?everyone=true", None, "security.respond"),
    ("GET", "/api/v1/leaks", None, "security.respond"),
    ("POST", "/api/v1/leaks", {"findings": []}, "leaks:report"),
    ("GET", "/api/v1/users", None, "admin.manage_users"),
    ("POST", "/api/v1/users", {"email": "x@example.org", "name": "x", "role": "x"}, "admin.manage_users"),
    ("PATCH", "/api/v1/users/usr_x", {"name": "x"}, "admin.manage_users"),
    ("GET", "/api/v1/roles", None, "admin.manage_roles"),
    ("POST", "/api/v1/roles", {"name": "x", "permissions": []}, "admin.manage_roles"),
    ("PATCH", "/api/v1/roles/rol_x", {"name": "x"}, "admin.manage_roles"),
    ("DELETE", "/api/v1/roles/rol_x", None, "admin.manage_roles"),
    ("GET", "/api/v1/audit", None, "audit.read"),
]


@pytest.mark.parametrize(("method", "path", "body", "permission"), _NEEDS)
def test_a_token_without_the_permission_is_told_which(
    api: Api, method: str, path: str, body: Any, permission: str
) -> None:
    _, token = api.mint(ADMIN, "tokens.introspect")
    answer = api.ask(method, path, json=body, token=token)
    assert answer.status_code == 403
    problem = answer.json()
    assert problem["code"] == problem["error"]["code"] == "INSUFFICIENT_SCOPE"
    assert permission in problem["required"]
    assert permission in problem["missing"]
    assert problem["error"]["details"] == {key: problem[key] for key in ("required", "missing")}
    assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]


def test_only_whoever_may_introspects(api: Api) -> None:
    _, token = api.mint(ADMIN, "audit.read")
    answer = api.ask("POST", "/oauth/introspect", data={"token": api.admin}, token=token)
    assert (answer.status_code, answer.json()["missing"]) == (403, ["tokens.introspect"])


def test_anothers_token_is_not_there(api: Api) -> None:
    mine, _ = api.mint()
    _, other = api.mint(api.user(_name(), "developer.manage_tokens"), "developer.manage_tokens")
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/rotate")):
        answer = api.ask(method, f"/api/v1/tokens/{mine}{path}", token=other)
        assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")
    theirs = api.ask("GET", "/api/v1/tokens", token=other).json()["tokens"]
    assert mine not in {each["id"] for each in theirs}


def test_a_narrow_token_mints_no_broader_one(api: Api) -> None:
    _, narrow = api.mint(ADMIN, "developer.manage_tokens")
    answer = api.ask("POST", "/api/v1/tokens", json={"name": "n", "scopes": ["audit.read"]}, token=narrow)
    assert (answer.status_code, answer.json()["code"]) == (422, "SCOPE_NOT_HELD")
    assert answer.json()["missing"] == ["audit.read"]


def test_fifty_at_once_stay_within_the_limit(api: Api) -> None:
    _, token = api.mint(api.user(_name(), "developer.manage_tokens"), "developer.manage_tokens")

    def create(_: int) -> int:
        body = {"name": "n", "family": "keebai-api-key"}
        return api.ask("POST", "/api/v1/tokens", json=body, token=token).status_code

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(create, range(50)))
    assert sorted(answers) == [201] * 10 + [403] * 40
    refused = api.ask("POST", "/api/v1/tokens", json={"name": "n", "family": "keebai-api-key"}, token=token)
    assert refused.json()["code"] == "TOKEN_LIMIT_REACHED"


def test_health_says_so(api: Api) -> None:
    assert api.get("/healthz", token=None) == {"status": "ok"}
    assert api.get("/readyz", token=None) == {"status": "ready"}


def _now() -> str:
    return datetime.now(UTC).isoformat()
