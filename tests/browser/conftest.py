"""A Chromium and a server for each file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from browser import chromium
from browser.chromium import Person
from server.serving import Api, serving


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The browser. No longer than a file: Playwright runs an event loop, in which others' tests could run none."""
    executable = chromium.program()
    if executable is None:
        if chromium.REQUIRED:
            pytest.fail("Chromium is not installed, and TOKENGUARD_TEST_BROWSER says that it is a must")
        pytest.skip("Chromium is not installed")
    with chromium.launched(executable) as launched:
        yield launched


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """One server for a file's tests, without rate limits. Each test makes the people that it needs."""
    folder: Path = tmp_path_factory.mktemp("dashboard")
    with serving(folder / "store.db", folder) as running:
        yield running


@pytest.fixture
def person(browser: Browser, api: Api) -> Iterator[Callable[..., Person]]:
    """`person(**settings)`: somebody in front of an empty browser; settings are Playwright's of a context."""
    with ExitStack() as stack:

        def come(**settings: Any) -> Person:
            return stack.enter_context(chromium.person(browser, api, **settings))

        yield come


@pytest.fixture
def someone(person: Callable[..., Person]) -> Person:
    """Somebody with the usual browser."""
    return person()
