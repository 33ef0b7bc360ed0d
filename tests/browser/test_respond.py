"""Leaks, charts, users, roles and the audit in a real browser: with a script and without, narrow, dark, by keyboard."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Dialog, expect

from browser.chromium import Person
from server.serving import Api, sha256

KEEBAI = "keebai-api-key"
HOSTILE = "<img src=x onerror=alert(1)>\u202egnp.exe \x1b[31m" + "W" * 10_000
PAGES = ("/leaks", "/charts", "/users", "/users/new", "/roles", "/roles/new", "/audit")


def leaked(api: Api, name: str = "of the shop", *, exact: bool = True) -> tuple[str, str]:
    """A token's value, and its leak's id."""
    owner = api.user(f"owner{secrets.token_hex(4)}", "developer.manage_tokens")
    _, token = api.mint(owner, family=KEEBAI, name=name)
    finding = {"rule_id": KEEBAI, "prefix": token[:12], "token_sha256": sha256(token) if exact else None}
    finding |= {"fingerprint": secrets.token_hex(16)}
    place = {"url": "https://git.example/shop/blob/1/app.env", "seen_at": "2026-01-02T03:04:05Z"}
    matches = api.post("/api/v1/leaks", {"finding": finding} | place, 202)
    return token, matches["leaks"][0]["id"]


@pytest.fixture(params=[True, False], ids=["script", "no script"])
def responder(request: pytest.FixtureRequest, person: Callable[..., Person]) -> Person:
    """The admin, with a browser that runs scripts, and with one that does not."""
    someone = person(java_script_enabled=request.param)
    someone.sign_in(someone.api.admin, "/leaks")
    return someone


def test_one_click_revokes_a_leaked_token(responder: Person) -> None:
    token, _ = leaked(responder.api, "clicked")
    page = responder.open("/leaks")
    page.get_by_role("button", name=f"Revoke {token[:12]}").click()
    expect(page.get_by_role("heading", name="1 of 1 dead")).to_be_visible()
    assert responder.api.dead(token)


def test_many_are_ticked_and_revoked_at_once(responder: Person) -> None:
    many = [leaked(responder.api, f"many {number}") for number in range(3)]
    untouched, _ = leaked(responder.api, "untouched")
    page = responder.open("/leaks")
    for token, _ in many:
        page.get_by_role("checkbox", name=re.compile(token[:12])).check()
    page.get_by_label("Resolve them too").fill("all revoked")
    page.get_by_role("button", name="Revoke all that are ticked").click()
    expect(page.get_by_role("heading", name="3 of 3 dead")).to_be_visible()
    assert all(responder.api.dead(token) for token, _ in many)
    assert not responder.api.dead(untouched)
    page.get_by_role("link", name="Back to the leaks").click()
    expect(page.get_by_role("checkbox", name=re.compile(many[0][0][:12]))).to_have_count(0)


def test_all_of_a_page_are_ticked_and_unticked(someone: Person) -> None:
    leaked(someone.api, "ticked")
    page = someone.sign_in(someone.api.admin, "/leaks?state=open")
    boxes = page.get_by_role("checkbox")
    assert boxes.count() >= 1
    page.get_by_role("button", name="Tick all of this page").click()
    assert all(box.is_checked() for box in boxes.all())
    boxes.first.uncheck()
    page.get_by_role("button", name="Tick all of this page").click()
    assert all(box.is_checked() for box in boxes.all())
    page.get_by_role("button", name="Tick all of this page").click()
    assert not any(box.is_checked() for box in boxes.all())


def test_a_leak_is_looked_at_kept_revoked_and_resolved(responder: Person, tmp_path: Path) -> None:
    token, leak = leaked(responder.api)
    page = responder.open(f"/leaks/{leak}")
    expect(page.get_by_role("link", name="https://git.example")).to_have_attribute("rel", "noreferrer noopener")
    for kind, ending in (("Markdown", "md"), ("JSON", "json")):
        with page.expect_download() as download:
            page.get_by_role("link", name=kind).click()
        assert download.value.suggested_filename == f"{leak}.{ending}"
        download.value.save_as(tmp_path / ending)
        text = (tmp_path / ending).read_text(encoding="utf-8")
        assert leak in text
        assert token not in text
    page.get_by_role("link", name="tok_").click()
    page.get_by_role("link", name="To the leak").click()
    page.get_by_role("button", name="Revoke this token").click()
    expect(page.get_by_role("button", name="Revoke this token")).to_have_count(0)
    assert responder.api.dead(token)
    page.get_by_label("How it was resolved").fill("rotated and rewritten")
    page.get_by_role("button", name="Resolve").click()
    expect(page.get_by_role("main")).to_contain_text("rotated and rewritten")


def test_a_candidate_is_revoked_by_its_own_button_alone(responder: Person) -> None:
    token, leak = leaked(responder.api, "perhaps", exact=False)
    page = responder.open("/leaks")
    expect(page.get_by_role("checkbox", name=re.compile(token[:12]))).to_have_count(0)
    responder.open(f"/leaks/{leak}")
    expect(page.get_by_role("main")).to_contain_text("None is revoked by itself")
    assert not responder.api.dead(token)
    page.get_by_role("button", name="Revoke perhaps").click()
    expect(page.get_by_role("button", name="Revoke perhaps")).to_have_count(0)
    assert responder.api.dead(token)


def test_a_user_and_a_role_are_made_and_changed(responder: Person) -> None:
    name = f"role {secrets.token_hex(3)}"
    page = responder.open("/roles")
    page.get_by_role("link", name="Add a role").click()
    page.get_by_label("Name").fill(name)
    page.get_by_role("group", name="Developer").get_by_label("Manage API Tokens").check()
    page.get_by_role("button", name="Add").click()
    page.get_by_role("link", name=f"Change {name}").click()
    page.get_by_label("Read the Audit").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("columnheader", name=name)).to_be_visible()
    responder.open("/users/new")
    page.get_by_label("Address").fill(f"{secrets.token_hex(4)}@example.org")
    page.get_by_label("Name").fill("Noa")
    page.get_by_label("Role").select_option(name)
    page.get_by_role("button", name="Add").click()
    page.get_by_label("Name or address").fill("noa")
    page.get_by_role("button", name="Find").click()
    page.get_by_role("link", name="Noa").first.click()
    page.get_by_label("Active").uncheck()
    page.get_by_role("button", name="Save").click()
    responder.open("/users?text=noa")
    expect(page.get_by_role("main")).to_contain_text("Deactivated")


def test_the_audit_is_narrowed_by_what_stands_in_it(responder: Person) -> None:
    page = responder.open("/audit")
    page.get_by_role("link", name=re.compile("events of tok_")).first.click()
    expect(page).to_have_url(re.compile(r"token=tok_"))
    page.get_by_label("Since (UTC)").fill("2999-01-01")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("main")).to_contain_text("Nothing was done that matches")
    page.get_by_role("link", name="All", exact=True).click()
    expect(page).to_have_url(re.compile("/audit$"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_accessible_and_fits_a_narrow_screen(person: Callable[..., Person], scheme: str) -> None:
    someone = person(color_scheme=scheme)
    api = someone.api
    someone.sign_in(api.admin, "/leaks")
    _, leak = leaked(api, HOSTILE[:150].replace("\x1b", "").replace("\u202e", ""))
    _, loose = leaked(api, "loose", exact=False)
    user = api.get("/api/v1/users")["users"][0]["id"]
    role = api.get("/api/v1/roles")["roles"][0]["id"]
    for path in (*PAGES, f"/leaks/{leak}", f"/leaks/{loose}", f"/users/{user}", f"/roles/{role}"):
        page = someone.open(path)
        for details in page.locator("details > summary").all():
            details.click()
        someone.accessible()
        someone.fits()
        someone.page.set_viewport_size({"width": 360, "height": 740})
        someone.accessible()
        someone.page.set_viewport_size({"width": 1280, "height": 720})


def test_hostile_texts_run_nothing_and_push_nothing_aside(someone: Person) -> None:
    api = someone.api
    someone.sign_in(api.admin, "/leaks")
    place = {"path": HOSTILE, "commit": HOSTILE, "source": HOSTILE, "line": 1, "column": 1}
    finding = {"rule_id": "x", "prefix": "kbai_pk_0000", "token_sha256": None, "fingerprint": "d" * 32}
    leak = api.post("/api/v1/leaks", {"finding": finding | {"locations": [place]}, "url": HOSTILE}, 202)["leaks"][0]
    dialogs: list[str] = []

    def noted(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    someone.page.on("dialog", noted)
    for path in ("/leaks", f"/leaks/{leak['id']}"):
        page = someone.open(path)
        assert page.locator("main img").count() == 0
        someone.fits()
        someone.accessible()
    assert not dialogs


def test_charts_are_drawn_and_told(someone: Person) -> None:
    leaked(someone.api, "drawn")
    page = someone.sign_in(someone.api.admin, "/charts")
    chart = page.get_by_role("img", name="Live tokens by age and last use")
    expect(chart).to_be_visible()
    bars = chart.locator("rect")
    assert bars.count() >= 1
    box = bars.first.bounding_box()
    assert box
    assert box["height"] > 0
    page.set_viewport_size({"width": 360, "height": 740})
    narrow = chart.bounding_box()
    assert narrow
    assert narrow["x"] + narrow["width"] <= 360, "all of it is in sight, without scrolling to the right"
    page.get_by_text("The numbers as a table").first.click()
    expect(page.get_by_role("table", name="Live tokens by age and last use")).to_be_visible()


def test_the_keyboard_alone_revokes(someone: Person) -> None:
    token, _ = leaked(someone.api, "typed")
    page = someone.sign_in(someone.api.admin, "/leaks")
    page.get_by_role("checkbox", name=re.compile(token[:12])).focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Revoke all that are ticked").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="1 of 1 dead")).to_be_visible()
    assert someone.api.dead(token)
