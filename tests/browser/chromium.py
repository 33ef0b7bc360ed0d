"""A real Chromium, the system's own, and people in front of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from server.serving import Api
from tokenguard.model.secret import Secret

REQUIRED = os.environ.get("TOKENGUARD_TEST_BROWSER") == "required"
"""Whether a missing Chromium fails the tests instead of skipping them. Read before tests get an environment of their
own."""
PATIENCE = 10_000
"""Milliseconds to wait for what a page is to show: the machine may be busy."""
_NAMES = ("chromium", "chromium-browser", "google-chrome")


def program() -> str | None:
    """The path of the browser; None: not installed."""
    return next(filter(None, map(shutil.which, _NAMES)), None)


@contextmanager
def launched(executable: str) -> Iterator[Browser]:
    """A browser without a window."""
    # Its own sandbox needs rights that root gives up by being root. Pages are kept in memory as people's browsers do.
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable,
            args=[*sandbox, "--disable-dev-shm-usage", "--disable-gpu"],
            ignore_default_args=["--disable-back-forward-cache"],
        )
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Person:
    """Somebody in front of a browser of their own: no cookie, no cache of anybody else."""

    api: Api
    context: BrowserContext
    page: Page

    def open(self, path: str) -> Page:
        """Go to a path of the server."""
        self.page.goto(self.api.url + path)
        return self.page

    def sign_in(self, token: str, path: str = "/tokens") -> Page:
        """As people do: paste the token, press the button."""
        self.open(f"/sign-in?next={path}")
        self.page.get_by_label("Token", exact=True).fill(token)
        self.page.get_by_role("button", name="Sign in", exact=True).click()
        self.page.wait_for_url(self.api.url + path)
        return self.page

    def signed_in(self, token: str, path: str = "/tokens") -> Page:
        """The same without the form: for tests that are about something else."""
        store = self.api.store
        actor = store.authenticate(Secret(token.encode()))
        assert actor is not None
        value = store.sessions.open(actor).reveal().decode()
        self.context.add_cookies([{"name": "tokenguard", "value": value, "url": self.api.url}])
        return self.open(path)

    def accessible(self) -> None:
        """Axe finds nothing serious on the page as it stands."""
        result = Axe().run(self.page, options={"resultTypes": ["violations"]})
        serious = [each for each in result.response["violations"] if each["impact"] in {"serious", "critical"}]
        assert not serious, [(each["id"], [node["html"] for node in each["nodes"]]) for each in serious]

    def fits(self, width: int = 360) -> None:
        """Nothing is wider than a narrow screen."""
        before = self.page.viewport_size
        self.page.set_viewport_size({"width": width, "height": 740})
        wide = self.page.evaluate(_TOO_WIDE)
        assert not wide, wide
        if before:
            self.page.set_viewport_size(before)


_TOO_WIDE = """() => {
  if (document.documentElement.scrollWidth <= innerWidth) return [];
  return [...document.querySelectorAll("body *")]
    .filter((each) => each.getBoundingClientRect().right > innerWidth + 1)
    .map((each) => each.outerHTML.slice(0, 200));
}"""


@contextmanager
def person(browser: Browser, api: Api, **settings: Any) -> Iterator[Person]:
    """Somebody new, in front of an empty browser. Whatever goes wrong in a page goes wrong in the test."""
    context = browser.new_context(**settings)
    context.set_default_timeout(PATIENCE)
    faults: list[str] = []
    context.on("weberror", lambda error: faults.append(str(error.error)))
    context.on("console", lambda said: faults.append(said.text) if _is_refused(said.text) else None)
    try:
        yield Person(api, context, context.new_page())
    finally:
        context.close()
    assert not faults, faults


def _is_refused(text: str) -> bool:
    return "Content Security Policy" in text or "Content-Security-Policy" in text
