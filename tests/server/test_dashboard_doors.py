"""What an attacker sends to the dashboard past any browser: every header and every refusal, byte by byte."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from server.serving import SETTINGS, Api, serving
from stores import TestClock
from tokenguard.model.secret import Secret
from tokenguard.store.store import Store

MANAGE = "developer.manage_tokens"
_CSRF = re.compile(r'name="csrf" value="(\w+)"')


class Browser:
    """What a browser sends along, without one."""

    def __init__(self, api: Api, **headers: str) -> None:
        self.api = api
        self.session = requests.Session()
        self.session.headers.update({"Accept": "text/html,*/*", "Sec-Fetch-Site": "same-origin"} | headers)

    def get(self, path: str, **headers: str | None) -> requests.Response:
        return self.session.get(self.api.url + path, headers=headers, allow_redirects=False, timeout=20)

    def post(self, path: str, fields: dict[str, str], **headers: str | None) -> requests.Response:
        return self.session.post(self.api.url + path, data=fields, headers=headers, allow_redirects=False, timeout=20)

    def sign_in(self, token: str, **fields: str) -> requests.Response:
        return self.post("/sign-in", {"token": token, **fields})

    def csrf(self) -> str:
        found = _CSRF.search(self.get("/account").text)
        assert found
        return found[1]


@pytest.fixture
def browser(api: Api) -> Browser:
    return Browser(api)


def test_every_page_has_its_headers_and_every_asset_can_be_kept(browser: Browser) -> None:
    browser.sign_in(browser.api.admin)
    paths = ("/", "/sign-in", "/tokens", "/tokens/new", "/account", "/nowhere", "/tokens/tok_none", "/signed-out.css")
    for path in paths:
        headers = browser.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["X-Content-Type-Options"] == "nosniff"
    page = browser.get("/sign-in").text
    assert not re.search(r"<script(?! src=)|<style| style=| on\w+=", page)
    for asset in re.findall(r'(?:href|src)="(/static/[^"]+)"', page):
        answer = browser.get(asset)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["Cache-Control"]
        assert "no-store" not in answer.headers["Cache-Control"]
    assert browser.get("/static/0000000000000000/style.css").headers["Cache-Control"] == "no-store"
    for path in ("/static/../app.py", "/static/%2e%2e/pages.py", "/static/x/..%2fpages.py"):
        assert browser.get(path).status_code == 404


def test_the_cookie_is_strict_and_where_there_is_tls_secure(api: Api, tmp_path: Path) -> None:
    said = Browser(api).sign_in(api.admin).headers["Set-Cookie"]
    assert re.fullmatch(r"tokenguard=[\w-]{43}; HttpOnly; Path=/; SameSite=strict", said)
    with serving(tmp_path / "store.db", tmp_path, replace(SETTINGS, behind_proxy=1)) as behind:
        said = Browser(behind).sign_in(behind.admin).headers["Set-Cookie"]
        assert said.startswith("__Host-tokenguard=")
        assert "; Secure" in said
        assert "Domain" not in said


@pytest.mark.parametrize("value", ["", "x", "a" * 43, "' OR 1=1 --", "\xff" * 43, "a" * 5000])
def test_a_forged_session_is_nobody(browser: Browser, value: str) -> None:
    answer = browser.get("/tokens", Cookie=f"tokenguard={value}")
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/sign-in?next=%2Ftokens"
    assert browser.post("/sign-out", {"csrf": "x"}, Cookie=f"tokenguard={value}").status_code == 401


def test_what_the_store_keeps_opens_nothing(browser: Browser) -> None:
    browser.sign_in(browser.api.admin)
    value = browser.session.cookies["tokenguard"]
    with browser.api.store.database.reading() as connection:
        kept = connection.exec_driver_sql("SELECT id_hash FROM sessions").all()
    assert all(value.encode() not in row[0] for row in kept)
    hashed = kept[0][0].hex()
    assert Browser(browser.api).get("/tokens", Cookie=f"tokenguard={hashed[:43]}").status_code == 303


def test_a_form_needs_its_own_sessions_token_and_its_own_origin(browser: Browser) -> None:
    api = browser.api
    browser.sign_in(api.admin)
    stale = browser.csrf()
    browser.sign_in(api.admin)
    fresh = browser.csrf()
    assert stale != fresh
    other = Browser(api)
    other.sign_in(api.admin)
    for given in ("", stale, other.csrf(), fresh[:-1], "é"):
        assert browser.post("/sign-out", {"csrf": given}).status_code == 403
    for site in ("cross-site", "same-site", "none"):
        assert browser.post("/sign-out", {"csrf": fresh}, **{"Sec-Fetch-Site": site}).status_code == 403
    plain = {"Sec-Fetch-Site": None}  # as an old browser: Origin decides
    for origin in ("https://evil.example", "null", api.url + ".evil.example", "http://127.0.0.1:1", "//", "http://["):
        headers = plain | {"Origin": origin}
        assert browser.post("/sign-out", {"csrf": fresh}, **headers).status_code == 403
    assert browser.post("/sign-out", {"csrf": fresh}, **plain).status_code == 403
    assert browser.post("/sign-out", {"csrf": fresh}, **plain, Origin="null", Host="").status_code == 403
    assert browser.get("/account").status_code == 200
    ours = plain | {"Origin": api.url}
    assert browser.post("/sign-out", {"csrf": fresh}, **ours).status_code == 303


def test_nothing_is_changed_by_get(browser: Browser) -> None:
    api = browser.api
    token_id, token = api.mint()
    browser.sign_in(api.admin)
    csrf = browser.csrf()
    for path in (
        f"/tokens/{token_id}/revoke?csrf={csrf}",
        f"/tokens/{token_id}/rotate?csrf={csrf}",
        "/tokens/new?name=a",
    ):
        assert browser.get(path).status_code == 200
    assert browser.get(f"/sign-out?csrf={csrf}").status_code == 405
    assert not api.dead(token)


@pytest.mark.parametrize(
    "onward",
    [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "/\t/evil.example",
        "/\r\nX: y",
        "javascript:1",
        "\\\\e",
    ],
)
def test_signing_in_leads_to_no_other_host(browser: Browser, onward: str) -> None:
    answer = browser.sign_in(browser.api.admin, next=onward)
    assert answer.headers["Location"] == "/"
    assert "X" not in answer.headers
    assert "evil" not in browser.get("/sign-in?" + requests.compat.urlencode({"next": onward})).text


def test_another_user_sees_and_ends_nothing_of_mine(api: Api) -> None:
    mine, token = api.mint()
    other = Browser(api)
    other.sign_in(api.mint(api.user("ida", MANAGE), MANAGE)[1])
    for path in (f"/tokens/{mine}", f"/tokens/{mine}/revoke", f"/tokens/{mine}/rotate"):
        assert other.get(path).status_code == 404
    assert other.post(f"/tokens/{mine}/revoke", {"csrf": other.csrf(), "leaked": "yes"}).status_code == 404
    assert other.post(f"/tokens/{mine}/rotate", {"csrf": other.csrf()}).status_code == 404
    assert not api.dead(token)
    made = other.post("/tokens/new", {"csrf": other.csrf(), "name": "a", "scopes": "security.respond", "expiry": "7"})
    assert made.status_code == 422
    assert other.get("/tokens?everyone=yes").status_code == 403


def test_a_narrow_token_signs_in_as_no_more_than_itself(api: Api) -> None:
    narrow = Browser(api)
    narrow.sign_in(api.mint("admin@example.org", "messages:send")[1])
    answer = narrow.get("/tokens")
    assert answer.status_code == 403
    assert "Manage API Tokens" in answer.text
    assert "sign in with one that has it" in answer.text


def test_a_key_is_made_once_however_often_its_form_is_sent(browser: Browser) -> None:
    browser.sign_in(browser.api.admin)
    fields = {"csrf": browser.csrf(), "name": "raced", "once": "the same", "expiry": "7"}
    cookies = dict(browser.session.cookies)

    def send(_: int) -> str:
        sent = Browser(browser.api)
        sent.session.cookies.update(cookies)
        return sent.post("/tokens/new", fields).text

    with ThreadPoolExecutor(8) as pool:
        pages = list(pool.map(send, range(8)))
    assert sum("data-secret" in page for page in pages) == 1
    assert sum("It was shown once" in page for page in pages) == 7


def test_no_code_or_token_or_session_is_in_the_log(browser: Browser) -> None:
    api = browser.api
    code = api.store.sessions.new_link(api.store.local("root")).reveal().decode()
    assert browser.post("/sign-in/link", {"code": code}).status_code == 303
    assert browser.post("/sign-in/link", {"code": code}).status_code == 401
    browser.sign_in(api.admin)
    said = "".join(api.log)
    for secret in (code, api.admin, browser.session.cookies["tokenguard"]):
        assert secret not in said


@pytest.mark.parametrize("body", [b"\xff\xfe", b"a=%ff", b"csrf=%00", b"&" * 3000 + b"a=b", b"x" * 300_000])
def test_a_broken_form_is_refused_as_a_page(browser: Browser, body: bytes) -> None:
    answer = browser.session.post(
        browser.api.url + "/sign-in",
        data=body,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        timeout=20,
    )
    assert answer.status_code in {401, 413, 422}
    assert answer.headers["Content-Type"].startswith("text/html")


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[Api]:
    with serving(tmp_path / "store.db", tmp_path, SETTINGS) as api:
        yield api


def test_guessing_is_slowed_and_the_owner_gets_in_from_the_same_address(limited: Api) -> None:
    guess = "tgd_" + "0" * 8 + "_" + "0" * 38
    for _ in range(5):
        assert Browser(limited).sign_in(guess).status_code == 401
    started = time.monotonic()
    assert Browser(limited).sign_in(guess).status_code == 401
    assert time.monotonic() - started >= 0.25
    with ThreadPoolExecutor(12) as pool:
        answers = [pool.submit(Browser(limited).sign_in, guess) for _ in range(12)]
        statuses = sorted(answer.result().status_code for answer in answers)
    assert statuses.count(429) >= 8
    started = time.monotonic()
    assert Browser(limited).sign_in(limited.admin).status_code == 303
    assert 0.2 <= time.monotonic() - started < 10


def test_whoever_floods_an_address_with_guesses_does_not_shut_out_its_owner(limited: Api) -> None:
    over, refused = threading.Event(), threading.Event()

    def guess() -> set[int]:
        statuses = set()
        while not over.is_set():
            statuses.add(Browser(limited).sign_in("tgd_" + "0" * 8 + "_" + "0" * 38).status_code)
            if 429 in statuses:
                refused.set()
        return statuses

    with ThreadPoolExecutor(8) as pool:
        guessing = [pool.submit(guess) for _ in range(8)]
        try:
            # From then on as many wait as may.
            assert refused.wait(20)
            assert [Browser(limited).sign_in(limited.admin).status_code for _ in range(5)] == [303] * 5
        finally:
            over.set()
    assert set().union(*(each.result() for each in guessing)) == {401, 429}


def test_a_session_is_over_when_nobody_uses_it_and_after_half_a_day(api: Api) -> None:
    clock, context = TestClock(), api.store.context
    path = api.store.database.path
    assert path is not None
    with Store.open(path, peppers=context.peppers, ruleset=context.ruleset, clock=clock) as store:

        def lives(session: Secret) -> bool:
            return store.sessions.find(session, address=None, agent=None) is not None

        actor = store.authenticate(Secret(api.admin.encode()))
        assert actor is not None
        idle, busy = store.sessions.open(actor), store.sessions.open(actor)
        for _ in range(12):
            clock.turn(seconds=59 * 60)
            assert lives(busy)
        assert not lives(idle)
        clock.turn(seconds=12 * 60)
        assert not lives(busy)
