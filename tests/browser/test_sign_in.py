"""Signing in and out in a real browser, and what an attacker tries around it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from browser.chromium import Person
from tokenguard.model.revocation import Target

MANAGE = "developer.manage_tokens"


def test_a_token_signs_in_and_is_nowhere_in_the_browser(someone: Person) -> None:
    token = someone.api.admin
    page = someone.sign_in(token)
    expect(page.get_by_role("heading", name="API keys")).to_be_visible()
    (cookie,) = someone.context.cookies()
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Strict"
    assert token not in str(someone.context.storage_state())
    assert page.evaluate("document.cookie") == ""
    assert token not in page.content()
    page.go_back()
    assert page.get_by_label("Token", exact=True).input_value() == ""


def test_a_wrong_token_is_refused_and_nothing_of_it_is_shown(someone: Person) -> None:
    page = someone.open("/sign-in")
    page.get_by_label("Token", exact=True).fill("not-a-token")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("not accepted")
    assert "not-a-token" not in page.content()
    assert not someone.context.cookies()
    someone.accessible()


def test_each_sign_in_has_a_new_session_and_ends_the_one_before(someone: Person) -> None:
    someone.sign_in(someone.api.admin)
    before = someone.context.cookies()[0]
    someone.sign_in(someone.api.admin)
    assert someone.context.cookies()[0]["value"] != before["value"]
    someone.context.clear_cookies()
    someone.context.add_cookies([{"name": before["name"], "value": before["value"], "url": someone.api.url}])
    expect(someone.open("/tokens")).to_have_url(re.compile("/sign-in"))


@pytest.mark.parametrize("javascript", [True, False])
def test_after_signing_out_going_back_shows_nothing(person: Callable[..., Person], *, javascript: bool) -> None:
    someone = person(java_script_enabled=javascript)
    page = someone.sign_in(someone.api.admin)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("status").first).to_have_text("You are signed out.")
    page.go_back(wait_until="commit")
    expect(page).to_have_url(re.compile("/sign-in"))
    expect(page.get_by_role("heading", name="API keys")).not_to_be_visible()


def test_sign_out_and_sign_out_everywhere(person: Callable[..., Person]) -> None:
    here, there = person(), person()
    here.sign_in(here.api.admin)
    there.sign_in(there.api.admin)
    here.page.get_by_role("button", name="Sign out").click()
    expect(here.page).to_have_url(re.compile("/sign-in"))
    expect(here.open("/tokens")).to_have_url(re.compile("/sign-in"))
    there.open("/tokens")
    expect(there.page.get_by_role("heading", name="API keys")).to_be_visible()
    here.sign_in(here.api.admin, "/account")
    here.accessible()
    here.fits()
    here.page.get_by_role("button", name="Sign out everywhere").click()
    expect(there.open("/tokens")).to_have_url(re.compile("/sign-in"))


def test_a_session_dies_with_its_token(someone: Person) -> None:
    api = someone.api
    token_id, token = api.mint(api.user("mona", MANAGE), MANAGE)
    page = someone.sign_in(token)
    api.store.acting(api.store.local("test")).revoke([Target(id=token_id)], reason="test")
    page.reload()
    expect(page).to_have_url(re.compile("/sign-in"))


def test_a_permission_is_gone_at_once_and_granted_from_the_next_sign_in(someone: Person) -> None:
    api = someone.api
    owner = api.user("nick", MANAGE, "messages:send")
    _, token = api.mint(owner, MANAGE, "messages:send")
    local = api.store.acting(api.store.local("test"))
    page = someone.sign_in(token)
    local.change_role("role of nick", permissions=["messages:send"])
    page.reload()
    expect(page.get_by_role("main")).to_contain_text("Manage API Tokens (developer.manage_tokens) is missing")
    expect(page.get_by_role("main")).to_contain_text("Ask an admin to add it to your role")
    someone.accessible()
    someone.sign_in(token, "/account")
    local.change_role("role of nick", permissions=[MANAGE, "messages:send"])
    someone.open("/tokens")
    expect(page.get_by_role("main")).to_contain_text("sign out, and in again")
    someone.sign_in(token)
    expect(page.get_by_role("heading", name="API keys")).to_be_visible()


@pytest.mark.parametrize("javascript", [True, False])
def test_a_one_time_link_signs_in_once(person: Callable[..., Person], *, javascript: bool) -> None:
    someone, late = person(java_script_enabled=javascript), person()
    store = someone.api.store
    code = store.sessions.new_link(store.local("root")).reveal().decode()
    if javascript:
        someone.open(f"/sign-in#code={code}")
    else:
        someone.open("/sign-in")
        someone.page.get_by_text("I have a one-time link").click()
        someone.page.get_by_label("Code").fill(code)
        someone.page.get_by_role("button", name="Sign in with the code").click()
    expect(someone.page).to_have_url(re.compile("/tokens$"))
    expect(someone.page.get_by_role("heading", name="API keys")).to_be_visible()
    assert code not in "".join(someone.api.log)
    late.open(f"/sign-in#code={code}")
    expect(late.page.get_by_role("alert")).to_contain_text("used already")
    assert code not in late.page.url
    assert not late.context.cookies()


def test_after_signing_in_nobody_is_sent_elsewhere(someone: Person) -> None:
    for onward in ("//evil.example", "/\\evil.example", "https://evil.example", "/%09/evil.example", "javascript:1"):
        someone.open(f"/sign-in?next={onward}")
        someone.page.get_by_label("Token", exact=True).fill(someone.api.admin)
        someone.page.get_by_role("button", name="Sign in", exact=True).click()
        someone.page.wait_for_load_state()
        assert someone.page.url.startswith(someone.api.url + "/"), onward
        assert "evil" not in someone.page.url.removeprefix(someone.api.url + "/%09/")


def test_a_link_from_another_site_arrives_signed_in(someone: Person) -> None:
    someone.sign_in(someone.api.admin)
    # Another host name is another site: its links bring no cookie of SameSite=Strict along.
    elsewhere = someone.api.url.replace("127.0.0.1", "localhost")
    someone.page.route(
        elsewhere + "/elsewhere",
        lambda route: route.fulfill(content_type="text/html", body=f'<a href="{someone.api.url}/account">account</a>'),
    )
    someone.page.goto(elsewhere + "/elsewhere")
    someone.page.get_by_role("link", name="account").click()
    expect(someone.page.get_by_role("heading", name="Account")).to_be_visible()


def test_no_other_site_frames_a_page_or_sends_a_form(someone: Person) -> None:
    someone.sign_in(someone.api.admin)
    elsewhere = someone.api.url.replace("127.0.0.1", "localhost")
    body = f"""<iframe src="{someone.api.url}/sign-in"></iframe>
        <form method="post" action="{someone.api.url}/sign-out"><button>win</button></form>"""
    someone.page.route(elsewhere + "/trap", lambda route: route.fulfill(content_type="text/html", body=body))
    someone.page.goto(elsewhere + "/trap")
    framed = next(frame for frame in someone.page.frames if frame != someone.page.main_frame)
    assert framed.get_by_label("Token", exact=True).count() == 0
    someone.page.get_by_role("button", name="win").click()
    expect(someone.page.get_by_role("main")).to_contain_text("not sent from a page of this server")
    expect(someone.open("/tokens").get_by_role("heading", name="API keys")).to_be_visible()
