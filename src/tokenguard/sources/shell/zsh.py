"""zsh: `: seconds:duration;command` or the bare command, a backslash before each line break inside it.

The bytes are metafied (zsh's Src/utils.c): NUL and 0x83 to 0xA2 stand as 0x83 and the byte XOR 32.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tokenguard.sources.shell.history import Span
from tokenguard.sources.shell.lines import Line

_META = b"\x83"
# Only what metafying can have produced: a file that another shell wrote in plain UTF-8 keeps its
# line feeds and every ASCII byte but a space.
_METAFIED = re.compile(rb"\x83([\x20\x80-\x82\xa3-\xbf])")
_STAMP = re.compile(rb": *(\d{1,12}):\d+;")


class Unmetafy:
    """Decoder of metafied bytes."""

    __slots__ = ("_carry",)

    def __init__(self) -> None:
        self._carry = b""

    def decode(self, data: bytes, *, final: bool) -> bytes:
        """See `Decoder.decode`."""
        data, self._carry = self._carry + data, b""
        if _META not in data:
            return data
        if data.endswith(_META) and not final:
            data, self._carry = data[:-1], _META
        return _METAFIED.sub(lambda match: bytes((match[1][0] ^ 32,)), data)


def spans(lines: Iterator[Line]) -> Iterator[Span]:
    """The commands of a history."""
    span: Span | None = None
    goes_on = False
    for line in lines:
        if span and goes_on:
            span = Span(span.first, line.number, span.text, span.epoch)
        else:
            if span:
                yield span
            span = _begun(line)
        # zsh writes a space behind a command that itself ends in a backslash.
        goes_on = line.endswith(b"\\")
    if span:
        yield span


def _begun(line: Line) -> Span:
    stamped = _STAMP.match(line.head)
    if stamped is None:
        return Span(line.number, line.number, line.head)
    return Span(line.number, line.number, line.head[stamped.end() :], int(stamped[1]))
