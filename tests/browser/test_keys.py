"""Every story of the API keys, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Error, Page, expect

from browser.chromium import Person
from tokenguard.model.revocation import Target
from tokenguard.model.secret import Secret
from tokenguard.model.token import NewToken
from tokenguard.store.tokens import create_token

MANAGE, RESPOND, AUDIT = "developer.manage_tokens", "security.respond", "audit.read"
_TOKEN = re.compile(r"tgd_\w{8}_\w{38}")


@pytest.fixture
def names() -> Callable[[str], str]:
    """Names that no other test of the file has given."""

    def fresh(name: str) -> str:
        _NUMBERS[name] = _NUMBERS.get(name, 0) + 1
        return f"{name}{_NUMBERS[name]}"

    return fresh


_NUMBERS: dict[str, int] = {}


def signed_in(someone: Person, name: str, *scopes: str) -> Page:
    """Somebody new with these rights, signed in."""
    api = someone.api
    held = (MANAGE, *scopes)
    return someone.signed_in(api.mint(api.user(name, *held), *held)[1])


def made(someone: Person, owner: str, name: str, **more: object) -> str:
    """A key of somebody's, past the browser; its id."""
    store = someone.api.store
    new = NewToken(name, owner=f"{owner}@example.org", **more)  # type: ignore[arg-type]
    return store.acting(store.local("test")).create_token(new).record.id


def many(someone: Person, owner: str, keys: list[NewToken]) -> None:
    """Many of them in one transaction, which waits for the disk once."""
    store = someone.api.store
    with store.database.writing() as connection:
        for key in keys:
            create_token(connection, store.context, store.local("test"), replace(key, owner=f"{owner}@example.org"))


def test_a_key_is_created_shown_once_and_never_again(someone: Person, names: Callable[[str], str]) -> None:
    page = signed_in(someone, names("cleo"), "messages:send")
    page.get_by_role("link", name="Create a key").click()
    someone.accessible()
    someone.fits()
    assert page.get_by_role("checkbox").all_text_contents() is not None
    assert {box.get_attribute("value") for box in page.get_by_role("checkbox").all()} == {MANAGE, "messages:send"}
    assert not any(box.is_checked() for box in page.get_by_role("checkbox").all())
    expect(page.get_by_label("in 90 days")).to_be_checked()
    page.get_by_label("Name").fill("CI of the shop")
    page.get_by_label("messages:send").check()
    page.get_by_label("in 30 days").check()
    page.get_by_role("button", name="Create").click()
    token = page.get_by_label("The token").inner_text()
    assert _TOKEN.fullmatch(token)
    someone.accessible()
    someone.fits()

    someone.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("status").last).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == token
    assert someone.api.store.authenticate(Secret(token.encode())) is not None

    page.get_by_role("link", name="I have stored it").click()
    expect(page.get_by_role("heading", name="CI of the shop")).to_be_visible()
    assert token not in page.content()
    page.go_back()
    page.wait_for_load_state()
    assert token not in page.content()
    assert token not in "".join(someone.api.log)


def _created(someone: Person, name: str) -> str:
    page = someone.open("/tokens/new")
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Create").click()
    return page.get_by_label("The token").inner_text()


@pytest.mark.parametrize("javascript", [True, False])
def test_neither_reload_nor_going_back_shows_the_token(
    person: Callable[..., Person], names: Callable[[str], str], *, javascript: bool
) -> None:
    someone = person(java_script_enabled=javascript)
    page = signed_in(someone, names("rea"))
    token = _created(someone, "twice")
    page.reload()
    expect(page.get_by_role("heading", name="It was shown once")).to_be_visible()
    assert token not in page.content()
    page.goto(someone.api.url + "/tokens")
    assert page.get_by_role("link", name="twice", exact=True).count() == 1

    # To a page of ours and back, to another site and back: from its memory or from its cache.
    for away in (someone.api.url + "/account", someone.api.url.replace("127.0.0.1", "localhost") + "/sign-in"):
        token = _created(someone, "left")
        page.goto(away)
        _back(page)
        expect(page.get_by_text(token)).to_have_count(0)


def _back(page: Page) -> None:
    """Back to the answer to a form: no memory and no cache has it, and the browser asks before it sends it again."""
    with pytest.raises(Error, match="ERR_CACHE_MISS"):
        page.go_back(wait_until="commit")


def test_a_mistake_costs_nothing_that_was_typed(someone: Person, names: Callable[[str], str]) -> None:
    page = signed_in(someone, names("mia"), "messages:send")
    page.goto(someone.api.url + "/tokens/new")
    page.get_by_label("Name").fill("  ")
    page.get_by_label("messages:send").check()
    page.get_by_label("The day").fill("2020-01-01")
    expect(page.get_by_label("at the end of a day")).to_be_checked()
    page.locator("form.stack").evaluate("form => { form.noValidate = true }")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("alert")).to_contain_text("Something is not right yet")
    expect(page.get_by_label("Name")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("messages:send")).to_be_checked()
    someone.accessible()
    page.get_by_label("Name").fill("by a day")
    later = datetime.now(UTC) + timedelta(days=20)
    page.get_by_label("The day").fill(f"{later:%Y-%m-%d}")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_text("Expires: in ")).to_be_visible()


def test_at_the_limit_it_says_what_to_revoke_and_whom_to_ask(someone: Person, names: Callable[[str], str]) -> None:
    name = names("lim")
    page = signed_in(someone, name)
    for number in range(3):
        made(someone, name, f"pat {number}", family="binboi-access-token")
    page.goto(someone.api.url + "/tokens/new?family=binboi-access-token")
    expect(page.get_by_role("alert")).to_contain_text("3 of 3 keys of this family are active")
    assert page.get_by_role("row").nth(1).get_by_role("link").first.inner_text() == "pat 0"
    someone.accessible()
    someone.fits()
    page.get_by_role("link", name="Revoke pat 0").click()
    page.get_by_role("button", name="Revoke").click()
    page.goto(someone.api.url + "/tokens/new?family=binboi-access-token")
    expect(page.get_by_role("button", name="Create")).to_be_visible()
    page.goto(someone.api.url + "/tokens")
    expect(page.get_by_role("list", name="Active keys")).to_contain_text("2 of 3 active")


def test_a_key_is_revoked_in_a_dialog_that_names_it(someone: Person, names: Callable[[str], str]) -> None:
    name = names("rev")
    page = signed_in(someone, name)
    made(someone, name, "old deploy")
    page.reload()
    page.get_by_role("link", name="Revoke old deploy").click()
    dialog = page.get_by_role("dialog", name="Revoke “old deploy”?")
    expect(dialog).to_contain_text("last used: never")
    someone.accessible()
    page.keyboard.press("Escape")
    expect(dialog).not_to_be_visible()
    expect(page.get_by_role("link", name="Revoke old deploy")).to_be_focused()
    page.get_by_role("link", name="Revoke old deploy").click()
    dialog.get_by_label("Reason").fill("seen in a paste")
    dialog.get_by_label("Yes: write it down").check()
    dialog.get_by_label("Where it was seen").fill("https://example.org/paste/1")
    dialog.get_by_role("button", name="Revoke").click()
    expect(page.get_by_role("status").first).to_contain_text("Nobody can use this key any more")
    expect(page.get_by_role("main")).to_contain_text("seen in a paste")
    expect(page.get_by_role("link", name="https://example.org/paste/1")).to_have_attribute("rel", "noreferrer noopener")
    expect(page.get_by_role("row").filter(has_text="Revoked")).to_contain_text("you")
    someone.accessible()
    someone.fits()


def test_a_key_is_rotated_with_a_grace_and_only_once(someone: Person, names: Callable[[str], str]) -> None:
    name = names("rot")
    page = signed_in(someone, name)
    old = made(someone, name, "nightly")
    page.goto(f"{someone.api.url}/tokens/{old}/rotate")
    someone.accessible()
    page.get_by_label("1 day").check()
    page.get_by_role("button", name="Rotate").click()
    token = page.get_by_label("The token").inner_text()
    page.reload()
    expect(page.get_by_role("heading", name="was rotated already")).to_be_visible()
    assert token not in page.content()
    # A second rotation would be taken for theft: the page that is sent again is none.
    assert someone.api.store.authenticate(Secret(token.encode())) is not None
    page.goto(f"{someone.api.url}/tokens/{old}")
    expect(page.get_by_text("Expires soon")).to_be_visible()
    assert page.get_by_role("link", name="Rotate", exact=True).count() == 0


def test_keys_are_found_sorted_and_paged(someone: Person, names: Callable[[str], str]) -> None:
    name = names("fin")
    page = signed_in(someone, name)
    many(someone, name, [NewToken(f"worker {number:02}", never_expires=number == 7) for number in range(52)])
    dead = made(someone, name, "dead one")
    store = someone.api.store
    store.acting(store.local("test")).revoke([Target(id=dead)], reason="test")
    page.reload()
    assert page.get_by_role("row").count() == 51
    assert sum(map(len, _weigh(someone))) < 100_000
    someone.accessible()
    someone.fits()
    page.get_by_role("link", name="Next page").click()
    assert page.get_by_role("row").count() == 5
    page.get_by_role("link", name="First page").click()
    page.get_by_role("link", name="Name", exact=True).click()
    expect(page.get_by_role("columnheader", name="Name")).to_have_attribute("aria-sort", "ascending")
    expect(page.get_by_role("row").nth(1)).to_contain_text("a token")
    page.get_by_role("link", name="Name", exact=True).click()
    expect(page.get_by_role("row").nth(1)).to_contain_text("worker 51")
    page.get_by_label("Name, prefix or scope").fill("worker 07")
    page.get_by_role("button", name="Filter").click()
    assert page.get_by_role("row").count() == 2
    expect(page.get_by_role("row").nth(1)).to_contain_text("Never")
    page.get_by_role("link", name="Show all of mine").click()
    page.get_by_label("Status").select_option("Revoked")
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_role("row").nth(1)).to_contain_text("dead one")
    expect(page.get_by_role("row").nth(1)).to_contain_text("Revoked")
    assert page.get_by_role("row").count() == 2


def _weigh(someone: Person) -> list[bytes]:
    """Everything that the page consists of, as it comes over the wire."""
    seen: list[bytes] = []
    page = someone.context.new_page()
    page.on("response", lambda response: seen.append(response.body()))
    page.goto(someone.api.url + "/tokens", wait_until="networkidle")
    page.close()
    assert len(seen) >= 3
    return seen


_BROKEN = """() => {
  const lines = (each) => new Set([...each.getClientRects()].map((box) => Math.round(box.top))).size;
  return [...document.querySelectorAll("td .prefix, td .scope, td time, td .status, td.title a")]
    .filter((each) => lines(each) > 1 || each.matches(".prefix") && each.scrollWidth > each.clientWidth)
    .map((each) => each.outerHTML);
}"""


@pytest.mark.parametrize("width", [360, 800, 1200, 1440])
def test_whatever_is_short_stays_in_one_line(
    person: Callable[..., Person], names: Callable[[str], str], width: int
) -> None:
    someone = person(viewport={"width": width, "height": 900})
    name = names("wid")
    page = signed_in(someone, name, RESPOND, "messages:send")
    made(someone, name, "CI of the shop", scopes=(MANAGE, RESPOND, "messages:send"), expires_in_days=300)
    made(someone, name, "of a long prefix", family="binboi-access-token")
    page.goto(f"{someone.api.url}/tokens?everyone=yes&text={name}")
    assert page.get_by_role("row").count() == 4
    assert not page.evaluate(_BROKEN)
    long = made(someone, name, "deploy/" * 12 + "x" * 100, scopes=("messages:send",))
    page.reload()
    expect(page.locator(f"td.title a[href='/tokens/{long}']")).to_be_visible()
    someone.fits(width)
    someone.accessible()


def test_a_token_that_is_pasted_into_the_search_stays_out_of_the_address(
    someone: Person, names: Callable[[str], str]
) -> None:
    name = names("pas")
    page = signed_in(someone, name)
    token = _created(someone, "pasted")
    page.goto(someone.api.url + "/tokens")
    page.get_by_label("Name, prefix or scope").fill(token)
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_role("status").first).to_contain_text("You pasted a token")
    expect(page.get_by_role("row").nth(1)).to_contain_text("pasted")
    assert token not in page.url
    assert token not in page.content()


def test_names_of_any_kind_are_text_and_nothing_else(someone: Person, names: Callable[[str], str]) -> None:
    name = names("evi")
    page = signed_in(someone, name)
    script = "<script>document.title='owned'</script><img src=x onerror=alert(1)>"
    hebrew = 'מפתח של "CI" {{7*7}}'
    for each in (script, hebrew):
        made(someone, name, each)
    page.reload()
    expect(page.get_by_role("link", name=script, exact=True)).to_be_visible()
    page.get_by_role("link", name=hebrew, exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(hebrew)
    assert page.title().startswith(hebrew)
    for bad in ("\x1b[31mred", "ab\u202edc", "x" * 10_000):
        page.goto(someone.api.url + "/tokens/new")
        page.get_by_label("Name").evaluate("(field, text) => { field.maxLength = 20000; field.value = text; }", bad)
        page.get_by_role("button", name="Create").click()
        expect(page.get_by_role("alert")).to_be_visible()
        assert page.get_by_label("The token").count() == 0
        someone.fits()


def test_everything_can_be_done_by_keyboard(someone: Person, names: Callable[[str], str]) -> None:
    api, name = someone.api, names("key")
    token = api.mint(api.user(name, MANAGE), MANAGE)[1]
    page = someone.open("/sign-in")
    page.keyboard.type(token)
    page.keyboard.press("Enter")
    page.wait_for_url(api.url + "/tokens")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Create a key")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(api.url + "/tokens/new")
    page.get_by_label("Name").focus()
    page.keyboard.type("by hand")
    page.keyboard.press("Enter")
    expect(page.get_by_label("The token")).to_be_visible()
    page.goto(api.url + "/tokens")
    page.get_by_role("link", name="Revoke by hand").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    # The focus stays in the dialog.
    for _ in range(12):
        page.keyboard.press("Tab")
        inside = page.evaluate(
            "document.activeElement.closest('dialog') !== null || document.activeElement === document.body"
        )
        assert inside
    page.get_by_label("Reason").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("Nobody can use")


def test_without_a_script_all_but_copying_works(person: Callable[..., Person], names: Callable[[str], str]) -> None:
    someone = person(java_script_enabled=False)
    name = names("noj")
    page = signed_in(someone, name)
    made(someone, name, "plain")
    page.reload()
    expect(page.get_by_role("button", name="Copy").first).not_to_be_visible()
    page.get_by_role("link", name="Revoke plain").click()
    page.get_by_label("Reason").fill("done")
    page.get_by_role("button", name="Revoke").click()
    expect(page.get_by_role("status")).to_contain_text("Nobody can use")
    page.goto(someone.api.url + "/tokens")
    page.get_by_label("Name, prefix or scope").fill("plain")
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_role("row").nth(1)).to_contain_text("Revoked")
    token = _created(someone, "unscripted")
    assert _TOKEN.fullmatch(token)


def test_dark_mode_is_dark_and_as_readable(person: Callable[..., Person], names: Callable[[str], str]) -> None:
    someone = person(color_scheme="dark")
    name = names("dar")
    page = signed_in(someone, name)
    made(someone, name, "soon", expires_in_days=3)
    page.reload()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(16, 22, 27)"
    expect(page.get_by_text("Expires soon")).to_be_visible()
    someone.accessible()
    page.goto(someone.api.url + "/tokens/new")
    someone.accessible()


def test_nothing_moves_once_it_is_drawn(someone: Person, names: Callable[[str], str]) -> None:
    name = names("cls")
    page = signed_in(someone, name, RESPOND, AUDIT)
    many(someone, name, [NewToken(f"{number} " * (number + 1)) for number in range(20)])
    page.add_init_script("""
      window.moved = 0;
      new PerformanceObserver((list) => { for (const each of list.getEntries()) window.moved += each.value; })
        .observe({type: "layout-shift", buffered: true});
    """)
    # A page comes in pieces, a row of a table at a time. The styles are in the browser's cache by now.
    slow = {"offline": False, "latency": 0, "downloadThroughput": 60_000, "uploadThroughput": -1}
    someone.context.new_cdp_session(page).send("Network.emulateNetworkConditions", slow)
    for path in ("/tokens", "/tokens/new", "/account", "/leaks", "/audit"):
        page.goto(someone.api.url + path, wait_until="networkidle")
        assert page.evaluate("window.moved") == 0, path


def test_a_responder_sees_everybodys_keys_and_their_trail(someone: Person, names: Callable[[str], str]) -> None:
    name, other = names("res"), names("oth")
    page = signed_in(someone, name, RESPOND, AUDIT)
    someone.api.user(other, MANAGE)
    made(someone, other, "not mine")
    page.get_by_label("Everybody").check()
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_role("row").filter(has_text="not mine")).to_contain_text(f"{other}@example.org")
    page.get_by_role("link", name="not mine", exact=True).click()
    expect(page.get_by_role("row").filter(has_text="Created")).to_be_visible()
    assert page.get_by_role("link", name="Rotate", exact=True).count() == 0
