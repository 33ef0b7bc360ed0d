"""Leaks in the dashboard, without a script: who sees them, what ends tokens, what the evidence holds."""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from server.serving import Api, serving, sha256
from server.visitor import Visitor, visitor, words
from tokenguard.server.dashboard.events import WORDS
from tokenguard.store.audit import Action

if TYPE_CHECKING:
    from pathlib import Path

KEEBAI = "keebai-api-key"
RESPOND = "security.respond"
HOSTILE = (
    "<script>alert(1)</script>\"'><img src=x onerror=alert(1)> \x1b[31mred\x1b[0m \u202egnp.exe &amp; " + "A" * 10_000
)


@dataclass
class Leaked:
    """A token that leaked."""

    token_id: str
    token: str
    leak: str


def report(api: Api, token: str, *, exact: bool = True, **more: object) -> str:
    digest = sha256(token) if exact else None
    finding = {
        "rule_id": KEEBAI,
        "prefix": token[:12],
        "token_sha256": digest,
        "fingerprint": sha256(token)[:32] if exact else secrets.token_hex(16),
    }
    seen = {"finding": finding, "url": "https://git.example/shop/blob/1/app.env", "seen_at": "2026-01-02T03:04:05Z"}
    leak_id: str = api.post("/api/v1/leaks", seen | more, 202)["leaks"][0]["id"]
    return leak_id


def leaked(api: Api, *, exact: bool = True, **more: object) -> Leaked:
    owner = api.user(f"owner{secrets.token_hex(4)}", "developer.manage_tokens")
    token_id, token = api.mint(owner, family=KEEBAI, name="of the shop")
    return Leaked(token_id, token, report(api, token, exact=exact, **more))


@pytest.fixture
def riley(api: Api) -> Visitor:
    return responder(api)


def responder(api: Api) -> Visitor:
    owner = api.user(f"riley{secrets.token_hex(4)}", RESPOND, "audit.read")
    return visitor(api, api.mint(owner, RESPOND, "audit.read")[1])


def test_the_list_says_what_a_responder_needs_open_ones_first(tmp_path: Path) -> None:
    with serving(
        tmp_path / "store.db", tmp_path
    ) as api:  # other tests' open leaks would push the closed one off the page
        _list_of_one_open_and_one_closed(api, responder(api))


def _list_of_one_open_and_one_closed(api: Api, riley: Visitor) -> None:
    closed, still = leaked(api), leaked(api)
    riley.send(f"/leaks/{closed.leak}/resolve", {"resolution": "history rewritten"})
    page = riley.page("/leaks")
    assert page.index(still.leak) < page.index(closed.leak)
    text = words(page)
    for said in (
        still.token[:12],
        "of the shop",
        "https://git.example/shop/blob/1/app.env",
        "Admin",
        "Open",
        "Resolved",
    ):
        assert said in text
    assert 'rel="noreferrer noopener"' in page
    assert closed.leak not in riley.page("/leaks?state=open")
    assert still.leak not in riley.page("/leaks?state=resolved")


def test_one_click_revokes(api: Api, riley: Visitor) -> None:
    one, other = leaked(api), leaked(api)
    answer = riley.send("/leaks", {"one": one.leak, "reason": "seen in a public repository", "leak": other.leak})
    assert "1 of 1 dead" in words(answer.text)
    assert api.dead(one.token)
    assert not api.dead(other.token)
    record = api.get(f"/api/v1/tokens/{one.token_id}")
    assert record["revoke_reason"] == "seen in a public repository"
    assert record["revoked_by"].startswith("usr_")


def test_many_at_once_and_resolved_with_them(api: Api, riley: Visitor) -> None:
    many, loose = [leaked(api) for _ in range(3)], leaked(api, exact=False)
    boxes = [("leak", each.leak) for each in (*many, loose)]
    answer = riley.send("/leaks", [*boxes, ("resolution", "revoked all")])
    assert "3 of 4 dead" in words(answer.text)
    assert "No token is known for certain" in words(answer.text)
    assert all(api.dead(each.token) for each in many)
    assert not api.dead(loose.token)
    assert api.get(f"/api/v1/leaks/{many[0].leak}")["resolution"] == "revoked all"
    assert api.get(f"/api/v1/leaks/{loose.leak}")["state"] == "open"
    again = riley.send("/leaks", boxes)
    assert words(again.text).count("Was revoked already") == 3
    nothing = riley.send("/leaks", {})
    assert nothing.status_code == 422
    assert "no leak is ticked" in nothing.text.lower()


def test_leaks_of_dead_tokens_are_resolved_together(tmp_path: Path) -> None:
    with serving(tmp_path / "store.db", tmp_path) as api:
        riley, dead = responder(api), [leaked(api) for _ in range(2)]
        for each in dead:
            api.ask("DELETE", f"/api/v1/tokens/{each.token_id}")
        boxes = re.findall(r'name="leak" value="(leak_\w+)"', riley.page("/leaks"))
        assert sorted(boxes) == sorted(each.leak for each in dead)
        assert "2 of 2 dead" in words(
            riley.send("/leaks", [*(("leak", box) for box in boxes), ("resolution", "by the forge")]).text
        )
        assert 'name="leak"' not in riley.page("/leaks")
        assert {each["resolution"] for each in api.get("/api/v1/leaks")["leaks"]} == {"by the forge"}


@pytest.mark.parametrize("path", ["/leaks", "/leaks/{leak}/revoke", "/leaks/{leak}/resolve"])
def test_a_form_of_another_session_does_nothing(api: Api, riley: Visitor, path: str) -> None:
    found = leaked(api)
    riley.csrf = secrets.token_hex(32)
    fields = {"one": found.leak, "token": found.token_id, "resolution": "done"}
    answer = riley.send(path.format(leak=found.leak), fields)
    assert answer.status_code == 403
    assert not api.dead(found.token)
    assert api.get(f"/api/v1/leaks/{found.leak}")["state"] == "open"


def test_what_was_done_is_told_in_words(api: Api) -> None:
    assert WORDS.keys() == set(Action)
    assert not [said for said in WORDS.values() if "." in said]
    found = leaked(api)
    admin = visitor(api)
    for path in (f"/leaks/{found.leak}", f"/tokens/{found.token_id}"):
        page = admin.page(path)
        assert "Key created" in page
        assert "token.created" not in page
    assert "Key created token.created" in words(admin.page(f"/audit?token={found.token_id}"))


def test_candidates_are_revoked_one_by_one_by_people_alone(api: Api, riley: Visitor) -> None:
    loose, stranger = leaked(api, exact=False), leaked(api)
    page = riley.page(f"/leaks/{loose.leak}")
    assert "None is revoked by itself" in page
    assert f'value="{loose.token_id}"' in page
    refused = riley.send(f"/leaks/{loose.leak}/revoke", {"token": stranger.token_id})
    assert refused.status_code == 404
    assert not api.dead(stranger.token)
    assert not api.dead(loose.token)
    assert riley.send(f"/leaks/{loose.leak}/revoke", {"token": loose.token_id}).status_code == 303
    assert api.dead(loose.token)


def test_resolving_needs_a_word(api: Api, riley: Visitor) -> None:
    found = leaked(api)
    answer = riley.send(f"/leaks/{found.leak}/resolve", {"resolution": "  "})
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text
    assert riley.send(f"/leaks/{found.leak}/resolve", {"resolution": "rotated"}).status_code == 303
    assert "rotated" in words(riley.page(f"/leaks/{found.leak}"))
    report(api, found.token)
    assert "▲" in riley.page(f"/leaks/{found.leak}")


def test_the_evidence_is_a_file_without_the_token(api: Api, riley: Visitor) -> None:
    found = leaked(api)
    assert riley.send("/leaks", {"one": found.leak}).status_code == 200
    for ending, kind in (("md", "text/markdown"), ("json", "application/json")):
        answer = riley.get(f"/leaks/{found.leak}/evidence.{ending}")
        assert answer.status_code == 200
        assert answer.headers["Content-Disposition"] == f'attachment; filename="{found.leak}.{ending}"'
        assert answer.headers["Content-Type"].startswith(kind)
        assert answer.headers["Cache-Control"] == "no-store"
        text = answer.text
        assert found.token not in text
        assert sha256(found.token) not in text
        for said in (found.token_id, found.token[:12], "of the shop", "https://git.example", "token.revoked", "riley"):
            assert said in text, said
    evidence = json.loads(riley.get(f"/leaks/{found.leak}/evidence.json").text)
    assert evidence["leak"]["token"]["status"] == "revoked"
    assert evidence["leak"]["sightings"][0]["seen_at"] == "2026-01-02T03:04:05Z"


def test_hostile_places_are_text_and_nothing_else(api: Api, riley: Visitor) -> None:
    finding = {"rule_id": HOSTILE[:90], "prefix": "kbai_pk_0000", "token_sha256": None, "fingerprint": "e" * 32}
    place = {"path": HOSTILE, "commit": HOSTILE, "source": HOSTILE, "line": 1, "column": 1}
    answer = api.ask("POST", "/api/v1/leaks", json={"finding": finding | {"locations": [place]}, "url": HOSTILE})
    assert answer.status_code == 202, answer.text
    leak_id = answer.json()["leaks"][0]["id"]
    scripts = report(api, "kbai_pk_" + secrets.token_hex(32), url="javascript:alert(1)")
    for path in ("/leaks", f"/leaks/{leak_id}", f"/leaks/{scripts}"):
        page = riley.page(path)
        assert "<script>alert" not in page
        assert "<img" not in page
        assert 'href="javascript' not in page
        assert len(page) < 100_000
    markdown = riley.get(f"/leaks/{leak_id}/evidence.md").text
    assert "\x1b" not in markdown
    assert "\u202e" not in markdown
    outside = re.sub(r"`[^`\n]*`", "", markdown)
    assert "<" not in outside
    assert "\x1b" not in riley.get(f"/leaks/{leak_id}/evidence.json").text


PAGES = {
    "/leaks": RESPOND,
    "/leaks/{leak}": RESPOND,
    "/leaks/{leak}/evidence.md": RESPOND,
    "/leaks/{leak}/evidence.json": RESPOND,
    "/users": "admin.manage_users",
    "/users/new": "admin.manage_users",
    "/roles": "admin.manage_roles",
    "/roles/new": "admin.manage_roles",
    "/audit": "audit.read",
}


def test_narrow_rights_see_nothing_that_they_may_not(api: Api) -> None:
    found = leaked(api)
    held = {
        permission: visitor(api, api.mint(api.user(f"narrow{number}", permission), permission)[1])
        for number, permission in enumerate(sorted({*PAGES.values(), "messages:send"}))
    }
    for permission, who in held.items():
        for path, needed in PAGES.items():
            answer = who.get(path.format(leak=found.leak))
            allowed = permission == needed or (path in {"/users/new", "/roles"} and permission.startswith("admin."))
            if not allowed:
                assert answer.status_code == 403, (permission, path)
                assert found.token[:12] not in answer.text
                assert f'href="{path}"' not in answer.text
            elif permission == needed:
                assert answer.status_code == 200, (permission, path)
    nobody = visitor(api, api.mint(api.user("nobody", "messages:send"), "messages:send")[1])
    assert nobody.get("/charts").status_code == 403
    for path in ("/leaks", f"/leaks/{found.leak}/revoke", f"/leaks/{found.leak}/resolve", "/users/new", "/roles/new"):
        fields = {"one": found.leak, "token": found.token_id, "resolution": "x", "name": "x", "email": "x@example.org"}
        assert nobody.send(path, fields).status_code == 403, path
    assert not api.dead(found.token)


def test_pages_weigh_less_than_100_kb_with_their_style_and_script(api: Api, riley: Visitor) -> None:
    for _ in range(35):
        leaked(api, url="https://git.example/" + "team/" * 15 + "app.env")
    for path in ("/leaks", "/charts", "/audit"):
        page = riley.page(path)
        assets = set(re.findall(r'(?:href|src)="(/static/[^"]+)"', page))
        weight = len(page.encode()) + sum(len(riley.get(asset).content) for asset in assets)
        assert weight < 100_000, (path, weight)
        assert "style=" not in page
