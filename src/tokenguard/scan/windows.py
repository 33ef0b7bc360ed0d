"""A blob of any size as windows of bounded size.

Each window answers for the hits whose end lies in (`after`, `until`]; around them it holds enough bytes on both sides
that stage 2 decides the same as on the whole blob.
"""

from __future__ import annotations

from collections.abc import Iterator

from tokenguard.model import Reader
from tokenguard.model.lazy_dataclass import dataclass

WINDOW = 4 << 20
"""Bytes of a window: many calls' worth, yet small beside the caches of a core."""
MARGIN = 16 << 10
"""Bytes kept on each side: twice the longest match that a rule may have (8 KiB)."""


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of a blob. Offsets named here count in the window; add `base` for the blob's."""

    data: bytearray
    base: int
    """Offset in the blob of data[0]."""
    size: int
    """Bytes of data that are filled."""
    after: int
    until: int
    last: bool

    @property
    def view(self) -> memoryview:
        """The filled part."""
        return memoryview(self.data)[: self.size]


def fill(reader: Reader, view: memoryview) -> int:
    """Read until `view` is full or the reader ends; the bytes read."""
    done = reader.readinto(view) or 0
    while 0 < done < len(view):
        count = reader.readinto(view[done:])
        if not count:
            break
        done += count
    return done


def windows(reader: Reader, buffer: bytearray, filled: int) -> Iterator[Window]:
    """The windows of a blob whose first `filled` bytes are in `buffer` already.

    The buffer is used again for each window: done with a window means done with its bytes.
    """
    view = memoryview(buffer)
    base, after, size = 0, 0, filled
    while True:
        last = size < len(buffer)
        until = size if last else size - MARGIN
        yield Window(buffer, base, size, after, until, last)
        if last:
            return
        start = max(0, until - MARGIN)
        kept = size - start
        view[:kept] = view[start:size]
        base, after = base + start, until - start
        size = kept + fill(reader, view[kept:])
