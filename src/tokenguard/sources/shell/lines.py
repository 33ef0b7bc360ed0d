"""Bytes to lines in bounded memory: of each line only the head and the very end are kept."""

from __future__ import annotations

from collections.abc import Iterator

from tokenguard.model import Reader
from tokenguard.model.lazy_dataclass import dataclass, field

_CHUNK = 1 << 16
_HEAD = 4096
"""Enough to find the program of any command that a person would call one."""
_TAIL = 3
"""A continuation mark, the same again that may undo it, and a carriage return."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line without its line feed. Only the line feed ends a line, as in the formats themselves."""

    number: int
    """Counted from 1."""
    head: bytes = field(repr=False)
    tail: bytes = field(repr=False)

    def endswith(self, mark: bytes) -> bool:
        """Whether the line ends in `mark` (two bytes at most), a carriage return aside."""
        return self.tail.removesuffix(b"\r").endswith(mark)


def lines(reader: Reader) -> Iterator[Line]:
    """The lines of `reader`, in order; a last line without a line feed counts, an empty one does not."""
    number, head, tail = 1, b"", b""
    for chunk in _chunks(reader):
        start = 0
        while (end := chunk.find(b"\n", start)) >= 0:
            head, tail = _extended(head, tail, chunk[start:end])
            yield Line(number, head, tail)
            number, head, tail, start = number + 1, b"", b"", end + 1
        head, tail = _extended(head, tail, chunk[start:])
    if tail:
        yield Line(number, head, tail)


def _chunks(reader: Reader) -> Iterator[bytes]:
    buffer = bytearray(_CHUNK)
    while count := reader.readinto(memoryview(buffer)):
        yield bytes(buffer[:count])


def _extended(head: bytes, tail: bytes, more: bytes) -> tuple[bytes, bytes]:
    return head + more[: _HEAD - len(head)], (tail + more[-_TAIL:])[-_TAIL:]
