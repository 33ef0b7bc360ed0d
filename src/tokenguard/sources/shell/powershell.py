"""PowerShell's PSReadLine: one command a line, no times, a backtick before each line break inside a command."""

from __future__ import annotations

import codecs
from collections.abc import Iterator

from tokenguard.sources.shell.history import Span
from tokenguard.sources.shell.lines import Line


class Utf16ToUtf8:
    """Decoder for the files of a host that saves UTF-16 with a byte order mark."""

    __slots__ = ("_decoder",)

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-16")(errors="replace")

    def decode(self, data: bytes, *, final: bool) -> bytes:
        """See `Decoder.decode`."""
        return self._decoder.decode(data, final).encode("utf-8", "replace")


def spans(lines: Iterator[Line]) -> Iterator[Span]:
    """The commands of a history."""
    span: Span | None = None
    goes_on = False
    for line in lines:
        if span and goes_on:
            span = Span(span.first, line.number, span.text)
        else:
            if span:
                yield span
            span = Span(line.number, line.number, line.head.removeprefix(codecs.BOM_UTF8))
        goes_on = line.endswith(b"`")
    if span:
        yield span
