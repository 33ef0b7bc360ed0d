"""Readers over other readers: whole reads, a part of a blob, a blob as a file that can be sought in."""

from __future__ import annotations

import io
from contextlib import closing
from typing import Protocol, cast

from tokenguard.decode.budget import BrokenWrapping
from tokenguard.model import Reader

_CHUNK = 64 << 10
_HEAD = 512
_TAIL = 66 << 10
"""The end record of a zip begins in the last 65,557 bytes."""


class Seekable(Reader, Protocol):
    """A reader that can be read from any place."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to an offset; gives it as counted from the start."""
        ...


def seekable(reader: Reader) -> Seekable | None:
    """`reader` itself if it can be sought in."""
    can = getattr(reader, "seekable", None)
    if not hasattr(reader, "seek") or (can is not None and not can()):
        return None
    return cast("Seekable", reader)


def read(reader: Reader, size: int) -> bytes:
    """`size` bytes, fewer only at the end. Memory is taken as they come, not as a header claims."""
    data = bytearray()
    with memoryview(bytearray(min(size, _CHUNK))) as view:
        while len(data) < size and (count := reader.readinto(view[: size - len(data)])):
            data += view[:count]
    return bytes(data)


def skip(reader: Reader, size: int) -> int:
    """Read and forget `size` bytes; gives how many there were."""
    left = size
    with memoryview(bytearray(min(size, _CHUNK))) as view:
        while left and (count := reader.readinto(view[:left])):
            left -= count
    return size - left


class Part:
    """`size` bytes of another reader, from where it stands. Raises BrokenWrapping where there are fewer."""

    def __init__(self, source: Reader, size: int, *, owned: bool) -> None:
        """`owned`: closing the part closes its source."""
        self._source = source
        self._owned = owned
        self.left = size
        """Bytes that are still to be read."""

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill `buffer` as far as one read goes; 0 at the end."""
        if not self.left:
            return 0
        count = self._source.readinto(buffer[: self.left])
        if not count:
            raise BrokenWrapping("cut short: the archive ends before its data does")
        self.left -= count
        return count

    def close(self) -> None:
        """Close the source if it is owned."""
        if self._owned:
            self._source.close()


class TooLargeToHold(BrokenWrapping):
    """A blob that cannot be sought in is larger than what may be held of it."""

    def __init__(self, most: int, head: bytes, tail: bytes, size: int) -> None:
        super().__init__(
            f"it stands in a stream that cannot be sought in, and is larger than the {most >> 20} MiB that are held",
            remedy="unpack what it stands in and scan that",
        )
        self.head = head
        self.tail = tail
        """The last bytes of the blob."""
        self.size = size
        """Bytes of the whole blob."""


class RandomAccess:
    """A blob that can be read at any offset: as it is where it can be sought in, else held in memory."""

    def __init__(self, reader: Reader, most: int) -> None:
        """Takes over `reader`, and closes it where it cannot. Raises TooLargeToHold over `most` bytes."""
        file = seekable(reader)
        if file is None:
            with closing(reader):
                file = io.BytesIO(_hold(reader, most))
        self._file = file
        self.size = file.seek(0, io.SEEK_END)
        """Bytes."""

    def at(self, offset: int, size: int) -> bytes:
        """The bytes there, fewer at the end."""
        if offset >= self.size:
            return b""
        self._file.seek(offset)
        return read(self._file, size)

    def part(self, offset: int, size: int) -> Reader:
        """A reader of the bytes there; any number of them can be read by turns."""
        return _PartAt(self._file, offset, size)

    def close(self) -> None:
        """Close what is behind it."""
        self._file.close()


class _PartAt:
    """Part of a file that others read too: it seeks before it reads."""

    def __init__(self, file: Seekable, offset: int, size: int) -> None:
        self._file = file
        self._offset = offset
        self._part = Part(file, size, owned=False)

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill `buffer` as far as one read goes; 0 at the end."""
        self._file.seek(self._offset)
        count = self._part.readinto(buffer)
        self._offset += count
        return count

    def close(self) -> None:
        """Leave the file open for the others."""


def _hold(reader: Reader, most: int) -> bytes:
    data = read(reader, most + 1)
    if len(data) <= most:
        return data
    head, tail, size = data[:_HEAD], data[-_TAIL:], len(data)
    del data
    while more := read(reader, _CHUNK):
        tail = (tail + more)[-_TAIL:]
        size += len(more)
    raise TooLargeToHold(most, head, tail, size)
