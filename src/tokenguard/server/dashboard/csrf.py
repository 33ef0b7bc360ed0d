"""That a form was sent from a page of ours: its origin, and a token that only the session's own pages hold.

Two walls: the browser's word on where a request comes from, and a value that another site cannot read. SameSite=Strict
on the cookie is the third.
"""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tokenguard.server.body import header
from tokenguard.server.problems import Problem, ProblemError

if TYPE_CHECKING:
    from starlette.types import Scope

    from tokenguard.model.secret import Secret

FIELD = "csrf"
STALE = "this page is from another session; nothing was done"
FOREIGN = "this form was not sent from a page of this server; nothing was done"


def token_of(session: Secret) -> str:
    """The value of the hidden field on the session's pages. It says nothing about the cookie."""
    return hmac.new(session.reveal(), b"tokenguard/csrf", sha256).hexdigest()


def check_token(session: Secret, given: str) -> None:
    """Raise a 403 unless it is the session's."""
    if not hmac.compare_digest(token_of(session).encode(), given.encode()):
        raise ProblemError(Problem(403, STALE, "STALE_FORM"))


def check_origin(scope: Scope) -> None:
    """Raise a 403 unless a page of this very server sent the request.

    Sec-Fetch-Site is the browser's own word, which no page can change; only an old browser, or one that speaks plain
    HTTP with another machine, leaves it out. Then Origin has to name the host that was asked.
    """
    site = header(scope, b"sec-fetch-site")
    if site is not None:
        ours = site == b"same-origin"
    else:
        origin, host = header(scope, b"origin") or b"", header(scope, b"host") or b""
        # `Origin: null` names no host, and a request without one does not either.
        ours = host != b"" and _host(origin) == host.decode("latin-1").lower()
    if not ours:
        raise ProblemError(Problem(403, FOREIGN, "FOREIGN_FORM"))


def _host(origin: bytes) -> str:
    try:
        return urlsplit(origin.decode("latin-1")).netloc.lower()
    except ValueError:
        return ""
