"""Who asks: `Authorization: Bearer` and nothing else, one look-up for whatever was sent, one answer for every refusal.

A missing, malformed, unknown, revoked or expired credential cannot be told apart by the body or by the time it takes:
where there is nothing to look up, something is looked up all the same.
"""

from __future__ import annotations

import re
from functools import lru_cache
from secrets import token_hex
from typing import TYPE_CHECKING

from tokenguard.model.secret import Secret
from tokenguard.server.body import header
from tokenguard.server.problems import INVALID, MISSING, ProblemError

if TYPE_CHECKING:
    from starlette.types import Scope

_CREDENTIAL = re.compile(rb"[A-Za-z0-9\-._~+/]+=*")
"""b64token of RFC 6750, section 2.1."""
_LONGEST = 512
_LONGEST_AGENT = 200

_NOBODY = Secret(token_hex(32).encode())
"""Looked up where there is nothing to look up. No token: nobody has issued it."""


class Credential:
    """What a request brought along."""

    __slots__ = ("secret", "sent")

    def __init__(self, secret: Secret, *, sent: bool) -> None:
        self.secret = secret
        """What to look up; where nothing fit was sent, a value that nobody has."""
        self.sent = sent
        """A bearer credential was sent, fit or not."""

    def refusal(self) -> ProblemError:
        """The 401."""
        return ProblemError(INVALID if self.sent else MISSING)


_NONE = Credential(_NOBODY, sent=False)
_UNFIT = Credential(_NOBODY, sent=True)


def credential(scope: Scope) -> Credential:
    """The bearer credential of a request; two are none."""
    given = header(scope, b"authorization")
    if given is None:
        return _NONE
    scheme, _, value = given.partition(b" ")
    value = value.strip(b" ")
    if scheme.lower() != b"bearer" or not value:
        return _NONE
    if _is_repeated(scope) or len(value) > _LONGEST or not _CREDENTIAL.fullmatch(value):
        return _UNFIT
    return Credential(Secret(value), sent=True)


def token_sent(text: str) -> Secret:
    """A token that a body holds. It often comes from a file, whose end of line is none of it.

    Half a character (a lone surrogate) is in no token: any text can be asked about.
    """
    return Secret(text.strip().encode("utf-8", "replace"))


def _is_repeated(scope: Scope) -> bool:
    headers = scope["headers"]
    # Where each header comes once, none has to be looked at again.
    return len(headers) != len(scope["fields"]) and sum(name == b"authorization" for name, _ in headers) > 1


@lru_cache(maxsize=1024)
def agent_name(value: bytes) -> str:
    """What a program calls itself in User-Agent, on one line and cut. Nearly all requests come from a few programs."""
    text = value[:_LONGEST_AGENT].decode("latin-1")
    return text if text.isprintable() else "".join(each if each.isprintable() else " " for each in text)
