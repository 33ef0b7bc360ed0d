"""One entry of a zip: its local header, and a reader of its data (APPNOTE 6.3.10, sections 4.3 to 4.5, 5.8).

Python's ZipFile serves for the directory only: its reader of bzip2 and LZMA members gives all that 4 KiB
expand to at once, which may be gigabytes.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from tokenguard.decode.budget import BrokenWrapping, Layer
from tokenguard.decode.expand import MEMORY_LIMIT, Decompressor, Expanding, Inflater
from tokenguard.decode.reading import RandomAccess, read
from tokenguard.decode.zip_magic import LOCAL_HEADER
from tokenguard.model import Reader
from tokenguard.model.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from zipfile import ZipInfo

_HEADER = struct.Struct("<4s5H3L2H")
_CHUNK = 64 << 10

_STORED, _DEFLATED, _BZIP2, _LZMA = 0, 8, 12, 14
_METHODS = {_STORED, _DEFLATED, _BZIP2, _LZMA}
_FOREIGN_METHODS = {1: "Shrink", 6: "Implode", 9: "Deflate64", 93: "Zstandard", 95: "XZ", 98: "PPMd", 99: "AES"}
_NO_HEADER = -15
"""zlib's code for its largest window and no header."""

_ENCRYPTED = 0x0001 | 0x0040 | 0x2000
_LZMA_END_MARK = 0x0002
_SIZES_FOLLOW = 0x0008
_LONGEST_NAME = 1024
_IN_EXTRA_FIELD = 0xFFFFFFFF

# The magic bytes also stand in programs that read zips; a version and a method hardly ever follow there by chance.
_PLAUSIBLE = re.compile(
    re.escape(LOCAL_HEADER) + rb"[\x00-\x3f].{3}[" + re.escape(bytes((*_METHODS, *_FOREIGN_METHODS))) + rb"]\x00.{20}",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Entry:
    """Where the data of a member lies and how to read it."""

    name: str
    method: int
    flags: int
    start: int
    """Offset of the data."""
    packed: int | None
    """Bytes of the data. None: not known, it ends by itself."""
    size: int | None
    """Bytes of the member. None: not known."""
    checksum: int | None
    """CRC-32 of the member. None: not known."""

    @property
    def obstacle(self) -> str:
        """Why the member cannot be read at all; empty if it can."""
        if self.flags & _ENCRYPTED:
            return "encrypted; decrypt it and scan what comes out"
        if self.method not in _METHODS:
            name = _FOREIGN_METHODS.get(self.method, "unknown")
            return f"compressed with method {self.method} ({name}), which is not read; unpack it and scan that"
        if self.packed is None and self.method == _STORED:
            return "not compressed and not listed either, so that its end is not known"
        return ""

    def open(self, file: RandomAccess, layer: Layer) -> Reader:
        """A reader of the member. Raises BrokenWrapping if the data begins wrong."""
        data = file.part(self.start, file.size - self.start if self.packed is None else self.packed)
        if self.method != _STORED:
            starts: dict[int, Callable[[], Decompressor]] = {
                _DEFLATED: _deflate,
                _BZIP2: _bzip2,
                _LZMA: partial(_lzma, data, self._lzma_size),
            }
            data = Expanding(data, starts[self.method], layer, bounded=self.packed is not None)
        return data if self.checksum is None else _Checked(data, self.checksum)

    @property
    def _lzma_size(self) -> int:
        """The member's size where the data does not mark its end, else -1."""
        return -1 if self.size is None or self.flags & _LZMA_END_MARK else self.size


class _Checked:
    """A reader that compares the checksum at the end."""

    def __init__(self, source: Reader, checksum: int) -> None:
        self._source = source
        self._expected = checksum
        self._checksum = 0

    def readinto(self, buffer: memoryview, /) -> int:
        """Read on. Raises BrokenWrapping at the end if what was read is not what was packed."""
        count = self._source.readinto(buffer) or 0
        if count:
            self._checksum = zlib.crc32(buffer[:count], self._checksum)
        elif self._checksum != self._expected:
            raise BrokenWrapping("corrupt: its checksum is wrong")
        return count

    def close(self) -> None:
        """Close the source."""
        self._source.close()


def _deflate() -> Decompressor:
    return Inflater(_NO_HEADER)


def _bzip2() -> Decompressor:
    import bz2

    return bz2.BZ2Decompressor()


def _lzma(data: Reader, size: int) -> Decompressor:
    """LZMA data as zip keeps it: version, length of the properties, properties. Turned into what .lzma begins with."""
    import lzma

    head = read(data, 9)
    if len(head) < 9 or head[2:4] != b"\x05\x00":
        raise BrokenWrapping("corrupt: its LZMA header is not one")
    decompressor = lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=MEMORY_LIMIT)
    decompressor.decompress(head[4:] + struct.pack("<q", size), max_length=0)
    return decompressor


def _local_header(file: RandomAccess, offset: int) -> tuple[int, ...] | None:
    """The fields of the local header at `offset`, without the magic bytes; None if there is none."""
    head = file.at(offset, _HEADER.size)
    if len(head) < _HEADER.size or not head.startswith(LOCAL_HEADER):
        return None
    return _HEADER.unpack(head)[1:]


def listed(file: RandomAccess, info: ZipInfo, until: int) -> Entry:
    """The entry that a directory lists, whose data has to end before `until`. Raises BrokenWrapping."""
    fields = _local_header(file, info.header_offset) if info.header_offset >= 0 else None
    if fields is None:
        raise BrokenWrapping("corrupt: its data is not where the directory says")
    start = info.header_offset + _HEADER.size + fields[-2] + fields[-1]
    if start + info.compress_size > until:
        raise BrokenWrapping("corrupt: its data overlaps what comes next")
    return Entry(info.filename, info.compress_type, info.flag_bits, start, info.compress_size, info.file_size, info.CRC)


def unlisted(file: RandomAccess, start: int, stop: int) -> Iterator[Entry]:
    """Entries between two offsets that no directory lists: deleted ones, or all where the directory is lost."""
    stop = min(stop, file.size)
    position = base = max(0, start)
    while base + _HEADER.size <= stop:
        chunk = file.at(base, min(_CHUNK, stop - base))
        for found in _PLAUSIBLE.finditer(chunk):
            if base + found.start() < position:
                continue
            if (entry := _unlisted_at(file, base + found.start())) is not None:
                yield entry
                position = entry.start + (entry.packed or 0)
        base = max(base + len(chunk) - _HEADER.size + 1, position)


def _unlisted_at(file: RandomAccess, offset: int) -> Entry | None:
    """The entry whose header is at `offset`; None if what is there has no name."""
    fields = _local_header(file, offset)
    if fields is None:
        return None
    _, flags, method, _, _, checksum, packed, size, name_length, extra_length = fields
    name = file.at(offset + _HEADER.size, min(name_length, _LONGEST_NAME))
    if not name or len(name) < name_length or min(name) < 0x20:
        return None
    known = not flags & _SIZES_FOLLOW and packed != _IN_EXTRA_FIELD
    return Entry(
        name.decode("utf-8", "surrogateescape"),
        method,
        flags,
        offset + _HEADER.size + name_length + extra_length,
        packed if known else None,
        size if known else None,
        checksum if known else None,
    )
