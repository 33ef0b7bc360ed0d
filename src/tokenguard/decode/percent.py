"""Percent encoding (RFC 3986 section 2.1) of all characters or of some, once or twice."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tokenguard.decode.substitution import Substitution, partly_written, written
from tokenguard.decode.wrapping import MIN_LITERAL, MIN_PREFIX, Data, Trigger, Unwrapped

_TOKENS = rb"""%(?P<code>[0-9A-Fa-f]{2})|(?P<plain>[^\x00-\x20"<>%\x7f]+|%)"""


def _value(token: re.Match[bytes]) -> bytes:
    return bytes.fromhex(token["code"].decode())


def _once(byte: int) -> bytes:
    return b"%%%02x" % byte


def _twice(byte: int) -> bytes:
    return b"%%25%02x" % byte


class Percent:
    """`%` and two hexadecimal digits for a byte. Of a double encoding, one layer is taken off at a time."""

    name = "percent"
    _substitution = Substitution("percent", _TOKENS, _value)

    def triggers(self, prefix: bytes) -> Iterator[Trigger]:
        """The beginning of the prefix with all of it encoded, and with what is neither letter nor digit encoded."""
        if len(prefix) < MIN_PREFIX:
            return
        literals = (
            written(prefix, _once),
            written(prefix, _twice),
            *partly_written(prefix, b"%", (_once, _twice)),
        )
        yield from (Trigger(literal, caseless=True) for literal in literals if len(literal) >= MIN_LITERAL)

    def unwrap(self, data: Data, start: int, end: int) -> Iterator[Unwrapped]:
        """The text from the hit to the next space, quote or angle bracket."""
        yield self._substitution.unwrap(data, start, end)
