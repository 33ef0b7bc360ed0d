r"""Backslash escapes of programming languages and JSON: `\x62`, `\u0062`, `\u{62}`, of all characters or of some.

In a token that is partly plain, octal escapes, escaped punctuation (Markdown's `\_`) and doubled
backslashes are read too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tokenguard.decode.substitution import Substitution, partly_written, written
from tokenguard.decode.wrapping import MIN_LITERAL, MIN_PREFIX, Data, Trigger, Unwrapped

# `joint`: a literal that goes on after a line break, or had to be cut after a `\x`, which is greedy in C.
_TOKENS = rb"""(?x)
    \\{1,4}+ (?: x(?P<byte>[0-9A-Fa-f]{2})
               | u(?P<short>[0-9A-Fa-f]{4})
               | U(?P<long>[0-9A-Fa-f]{8})
               | [ux]\{(?P<braced>[0-9A-Fa-f]{1,8})\}
               | (?P<octal>[0-7]{3})
               | (?P<mark>[!-/:-@\[-`{-~]) )
  | (?P<joint> ["'`] \s*+ [+.]? \s*+ ["'`] )
  | (?P<plain> [^\x00-\x20\\"'`\x7f]+ | \\ )
"""


def _value(token: re.Match[bytes]) -> bytes:
    match token.lastgroup:
        case "joint":
            return b""
        case "mark":
            return token["mark"]
        case "byte":
            return bytes.fromhex(token["byte"].decode())
        case "octal":
            return bytes([int(token["octal"], 8) & 0xFF])
        case _:
            point = int(token["short"] or token["long"] or token["braced"], 16)
            return chr(point).encode("utf-8", "surrogatepass") if point <= 0x10FFFF else b"?"


def _byte(byte: int) -> bytes:
    return rb"\x%02x" % byte


def _point(byte: int) -> bytes:
    return rb"\u%04x" % byte


def _braced(byte: int) -> bytes:
    return rb"\u{%x}" % byte


def _mark(byte: int) -> bytes:
    return bytes((0x5C, byte))


class Escape:
    """A backslash and a code for a character."""

    name = "escape"
    _substitution = Substitution("escape", _TOKENS, _value)

    def triggers(self, prefix: bytes) -> Iterator[Trigger]:
        """The beginning of the prefix with all of it escaped, and with what is neither letter nor digit escaped."""
        if len(prefix) < MIN_PREFIX:
            return
        literals = (
            *(written(prefix, escape) for escape in (_byte, _point, _braced)),
            *partly_written(prefix, b"\\", (_byte, _point, _braced, _mark)),
        )
        yield from (Trigger(literal, caseless=True) for literal in literals if len(literal) >= MIN_LITERAL)

    def unwrap(self, data: Data, start: int, end: int) -> Iterator[Unwrapped]:
        """The text from the hit to the next space or quote that ends the literal."""
        yield self._substitution.unwrap(data, start, end)
