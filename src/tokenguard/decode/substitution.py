"""Text in which some characters are written as escape sequences and others stand for themselves.

What percent and backslash escapes share: which literals give an escaped prefix away, and reading one token
of text after the other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial

from tokenguard.decode.wrapping import LOOK_AHEAD, MIN_LITERAL, Data, Unwrapped
from tokenguard.model.lazy_dataclass import dataclass

Escape = Callable[[int], bytes]
"""How one byte is written."""


def written(prefix: bytes, escape: Escape, enough: int = 12) -> bytes:
    """The beginning of `prefix` as `escape` writes it, cut once it is longer than `enough` bytes.

    What follows is left to chance: every character of a token may be escaped or not.
    """
    literal = b""
    for byte in prefix:
        literal += escape(byte)
        if len(literal) > enough:
            break
    return literal


def partly_written(prefix: bytes, lead: bytes, escapes: tuple[Escape, ...]) -> Iterator[bytes]:
    """The beginning of `prefix` with letters and digits plain and the rest escaped; nothing if it has only those.

    Where enough stands before the first escape, its `lead` character alone gives it away, whatever its form.
    """
    special = re.search(rb"[^A-Za-z0-9]", prefix)
    if special is None:
        return
    plain = prefix[: special.start()]
    if special.group() != lead and len(plain + lead) >= MIN_LITERAL:
        yield plain + lead
        return
    for escape in escapes:
        yield plain + written(prefix[special.start() :], partial(_special, escape), enough=MIN_LITERAL)


def _special(escape: Escape, byte: int) -> bytes:
    return bytes([byte]) if bytes([byte]).isalnum() else escape(byte)


@dataclass(frozen=True, slots=True)
class Substitution:
    """How escape sequences are written."""

    name: str
    tokens: bytes
    """A regular expression of one token of text: group `plain` stands for itself; for the others see `value`."""
    value: Callable[[re.Match[bytes]], bytes]
    """What a token that is not plain stands for."""

    def unwrap(self, data: Data, start: int, end: int) -> Unwrapped:
        """The text from `start` on, up to what is no token. A hit begins with the prefix: nothing is looked back on."""
        region = bytes(data[start : end + LOOK_AHEAD])
        inner = bytearray()
        outer: list[int] = []
        position = 0
        tokens = re.compile(self.tokens)
        while token := tokens.match(region, position):
            position = token.end()
            if token.lastgroup == "plain":
                inner += token.group()
                outer.extend(range(start + token.start(), start + position))
            else:
                value = self.value(token)
                inner += value
                outer.extend([start + token.start()] * len(value))
        return Unwrapped(self.name, bytes(inner), (*outer, start + position))
