"""Byte offsets -> lines and columns, in one pass over a blob that may come in windows.

A line ends with LF, CR LF or a lone CR (also where these are UTF-16 units). Columns count characters of the line
decoded as UTF-8 up to there, bytes where it does not decode; in UTF-16 text they count 16-bit units.
"""

from __future__ import annotations

import codecs

from tokenguard.model import Position
from tokenguard.model.lazy_dataclass import dataclass

_UTF8 = codecs.getincrementaldecoder("utf-8")


@dataclass(slots=True)
class PositionTracker:
    """Where a pass over a blob stands. `advance` moves on, `span` measures ahead without moving."""

    line: int = 1
    line_bytes: int = 0
    """Bytes since the line began."""
    line_characters: int | None = 0
    """Characters since the line began; None when the line does not decode."""
    pending: bytes = b""
    """The beginning of a character that a window cut."""
    after_return: bool = False
    """The last byte was a CR (or the CR of a UTF-16 unit): a LF now belongs to it."""

    def copy(self) -> PositionTracker:
        """Another tracker at the same place."""
        return PositionTracker(self.line, self.line_bytes, self.line_characters, self.pending, self.after_return)

    def advance(self, data: bytes | bytearray, start: int, end: int) -> None:
        """Move over data[start:end]."""
        if start >= end:
            return
        breaks = _breaks(data, start, end)
        if self.after_return and _joins(data, start, end):
            breaks -= 1
        self.line += breaks
        begin = max(data.rfind(b"\n", start, end), data.rfind(b"\r", start, end)) + 1
        if begin > 0:
            self.line_bytes, self.line_characters, self.pending = 0, 0, b""
        else:
            begin = start
        self._count(bytes(data[begin:end]))
        tail = bytes(data[max(start, end - 2) : end])
        self.after_return = tail.endswith(b"\r") or tail == b"\r\0"

    def _count(self, text: bytes) -> None:
        self.line_bytes += len(text)
        if self.line_characters is None:
            return
        decoder = _UTF8()
        try:
            characters = len(decoder.decode(self.pending + text))
        except UnicodeDecodeError:
            self.line_characters, self.pending = None, b""
            return
        self.line_characters += characters
        self.pending = decoder.getstate()[0]

    def column(self, unit: int = 1) -> int:
        """The column of the next byte, from 1; `unit` is 2 in UTF-16 text."""
        if unit == 1 and self.line_characters is not None and not self.pending:
            return self.line_characters + 1
        return self.line_bytes // unit + 1

    def span(self, data: bytes | bytearray, start: int, end: int, unit: int = 1) -> Position:
        """The position of data[start:end], where the tracker stands at `start`."""
        ahead = self.copy()
        ahead.advance(data, start, end)
        return Position(self.line, self.column(unit), ahead.line, ahead.column(unit))


def _breaks(data: bytes | bytearray, start: int, end: int) -> int:
    returns = data.count(b"\r", start, end)
    feeds = data.count(b"\n", start, end)
    if returns and feeds:
        return feeds + returns - data.count(b"\r\n", start, end) - data.count(b"\r\0\n", start, end)
    return feeds + returns


def _joins(data: bytes | bytearray, start: int, end: int) -> bool:
    """Whether what begins here completes a CR LF that a cut divided."""
    head = bytes(data[start : min(end, start + 2)])
    return head.startswith(b"\n") or head == b"\0\n"
