"""The one-time link into the dashboard: printed, and opened in the browser.

Its code stands behind the #, which no browser sends along: it is in no log, no proxy and no Referer. A browser is given
a private file that leads there instead of the link, since a program's arguments can be read by everybody on a machine.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import webbrowser
from contextlib import contextmanager, suppress
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from tokenguard.model.secret import Secret

_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what listens on all is asked on this machine


def link(url: str, code: Secret) -> str:
    """The address to open."""
    parts = urlsplit(url)
    host = _ANY.get(parts.hostname or "", parts.hostname or "")
    shown = f"[{host}]" if ":" in host else host
    place = shown if parts.port is None else f"{shown}:{parts.port}"
    return urlunsplit((parts.scheme, place, "/sign-in", "", f"code={code.reveal().decode('ascii')}"))


def show(address: str) -> None:
    """Print the link."""
    with suppress(OSError):
        click.echo(f"sign in, once and within 5 minutes: {address}")


@contextmanager
def browser(secrets: Collection[str]) -> Iterator[Callable[[str], None]]:
    """What opens an address, without waiting for the browser; where there is none, the printed link does.

    `secrets`: variables that the server has read, and the browser does not inherit, beside all of our own.

    The file that leads there is in a folder that only this user can read, and gone at the end; its code was used then,
    or is too old.
    """
    folder = Path(tempfile.mkdtemp(prefix="tokenguard-"))

    def open_address(address: str) -> None:
        page = folder / "sign-in.html"
        page.write_text(
            '<!doctype html><meta charset="utf-8"><title>tokenguard</title>'
            f'<meta http-equiv="refresh" content="0; url={escape(address)}"><a href="{escape(address)}">Sign in</a>',
            encoding="utf-8",
        )
        _hide(secrets)
        threading.Thread(target=_shown, args=(page.as_uri(),), name="tokenguard-browser", daemon=True).start()

    try:
        yield open_address
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _shown(address: str) -> None:
    """Open it where there is a window for it, or in what the user named."""
    if "BROWSER" in os.environ or has_window():
        webbrowser.open(address)


def has_window() -> bool:
    """Whether the browser that would open has a window of its own.

    One for the terminal would take the terminal from the server, which goes on writing there; and it runs no script.
    """
    try:
        found = webbrowser.get()
    except webbrowser.Error:
        return False
    # The two kinds that the standard library starts in the terminal; no other is exactly of one of them.
    return type(found).__name__ not in {"GenericBrowser", "Elinks"}


def _hide(secrets: Collection[str]) -> None:
    """Take secrets, and our own variables, a pepper among them, out of what a browser inherits."""
    for name in [each for each in os.environ if each.startswith("TOKENGUARD_") or each in secrets]:
        del os.environ[name]
