"""The cookie that a signed-in browser holds: for this host alone, for no script, with no request of another site."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tokenguard.model.secret import Secret
from tokenguard.server.body import header

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import Scope

_VALUE = re.compile(r"[A-Za-z0-9_-]{43}")


class Cookie:
    """How the cookie is named and set. `secure`: browsers reach the server by https."""

    def __init__(self, *, secure: bool) -> None:
        self.secure = secure
        # The prefix makes browsers refuse it with a Domain, another path, or without Secure.
        self.name = "__Host-tokenguard" if secure else "tokenguard"

    def read(self, scope: Scope) -> Secret | None:
        """The session's value; None: there is none, or nothing that could be one. Two of them are none."""
        given = (header(scope, b"cookie") or b"").decode("latin-1")
        pairs = (part.strip().partition("=") for part in given.split(";"))
        values = [value for name, _, value in pairs if name == self.name]
        if len(values) != 1 or not _VALUE.fullmatch(values[0]):
            return None
        return Secret(values[0].encode())

    def give(self, response: Response, session: Secret) -> None:
        """Set it. It has no age: it goes with the browser, or earlier with the session."""
        self._set(response, session.reveal().decode())

    def take(self, response: Response) -> None:
        """Remove it."""
        self._set(response, "", max_age=0)

    def _set(self, response: Response, value: str, max_age: int | None = None) -> None:
        response.set_cookie(
            self.name, value, max_age=max_age, path="/", secure=self.secure, httponly=True, samesite="strict"
        )
