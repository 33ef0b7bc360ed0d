"""Reading a tar: members in order, in bounded memory, and all names and link targets as text.

Headers are read by `tarfile.TarInfo`, the walk over them is our own: TarFile ends in silence at a corrupt
header, and reads a long name of whatever size into memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tokenguard.decode.budget import BrokenWrapping, Budget
from tokenguard.decode.reading import Part, read, seekable, skip
from tokenguard.decode.wrapping import place
from tokenguard.model import Blob, Origin, Reader, Skipped
from tokenguard.model.lazy_dataclass import replace

if TYPE_CHECKING:
    from tarfile import TarInfo

_BLOCK = 512
_HELD = 16 << 20
"""Bytes up to which a member of a stream is held in memory, so that reading it again costs nothing."""
_LONGEST_HEADER = 1 << 20
"""Bytes of an extended header that are read."""
_NAMES_HELD = 1 << 20

_NO_DATA = frozenset(b"123456")
"""Links, devices, folders, pipes: whatever size their header claims, no data follows."""
_LONG_NAME, _LONG_LINK, _PAX, _PAX_GLOBAL, _SPARSE = b"L", b"K", b"x", b"g", b"S"
_EXTENDED = frozenset({_LONG_NAME, _LONG_LINK, _PAX, _PAX_GLOBAL, b"X"})
_PAX_RECORD = re.compile(rb"(\d{1,7}) ([^=]+)=")


def header(block: bytes) -> TarInfo | None:
    """The header that a block is; None if its checksum is not right."""
    from tarfile import HeaderError, TarInfo

    try:
        found = TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except HeaderError:
        return None
    return found if found.size >= 0 else None


def _pax_records(text: bytes) -> dict[bytes, bytes]:
    records: dict[bytes, bytes] = {}
    position = 0
    while record := _PAX_RECORD.match(text, position):
        end = position + int(record[1])
        if end <= record.end():
            break
        records[record[2]] = text[record.end() : end - 1]
        position = end
    return records


def members(blob: Blob, budget: Budget) -> Iterator[Blob | Skipped]:
    """See Tar.members."""
    try:
        budget.enter(blob.origin)
        walk = _Walk(blob, budget)
    except BrokenWrapping as broken:
        yield Skipped(place(blob.origin), str(broken))
        return
    try:
        yield from walk.members()
    except BrokenWrapping as broken:
        yield Skipped(place(blob.origin), str(broken))
    finally:
        walk.close()
    yield from walk.names()


class _Walk:
    """One pass over an archive."""

    def __init__(self, blob: Blob, budget: Budget) -> None:
        self._blob = blob
        self._budget = budget
        self._reader = blob.open()
        self._most_held = 0 if seekable(self._reader) else _HELD
        self._offset = 0
        self._names: list[bytes] = []
        self._held = 0
        self._current: Part | None = None
        """The data of the member that the walk stands at, while nobody has read it."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Read on in the archive, counting."""
        count = self._reader.readinto(buffer)
        self._offset += count or 0
        return count

    def close(self) -> None:
        """Close the archive."""
        self._reader.close()

    def members(self) -> Iterator[Blob | Skipped]:
        """Go through the archive to the end of the blob: behind an end mark there may be another archive."""
        strange = 0
        extended: dict[bytes, bytes] = {}
        while block := read(self, _BLOCK):
            if not block.strip(b"\0"):
                continue
            found = header(block)
            if found is None:
                strange += len(block)
                continue
            if strange:
                yield self._strange(strange, self._offset - _BLOCK)
                strange = 0
            if found.type in _EXTENDED:
                yield from self._extended(found, extended)
            else:
                yield from self._member(found, block, extended)
                extended = {}
            if self._held > _NAMES_HELD:
                yield from self.names()
        if strange:
            yield self._strange(strange, self._offset)

    def _strange(self, size: int, before: int) -> Skipped:
        why = f"corrupt: {size:,} bytes before offset {before:,} are no members; only their raw bytes were searched"
        return Skipped(place(self._blob.origin), why)

    def _extended(self, info: TarInfo, extended: dict[bytes, bytes]) -> Iterator[Skipped]:
        """Take in a header that says more about the next member."""
        text = read(self, min(info.size, _LONGEST_HEADER))
        self._note(text.rstrip(b"\0"))
        if info.size > _LONGEST_HEADER:
            why = f"an extended header of {info.size:,} bytes: only the first {_LONGEST_HEADER:,} were searched"
            yield Skipped(place(self._blob.origin), why)
        skip(self, info.size - len(text) + -info.size % _BLOCK)
        if info.type == _LONG_NAME:
            extended[b"path"] = text.rstrip(b"\0")
        elif info.type not in {_LONG_LINK, _PAX_GLOBAL}:
            extended.update(_pax_records(text))

    def _member(self, info: TarInfo, block: bytes, extended: dict[bytes, bytes]) -> Iterator[Blob | Skipped]:
        self._budget.charge_member()
        for text in ("" if b"path" in extended else info.name, info.linkname):
            self._note(text.encode("utf-8", "surrogateescape"))
        name = extended.get(b"path", b"").decode("utf-8", "surrogateescape") or info.name
        size = info.size
        if (given := extended.get(b"size", b"")).isdigit():
            size = int(given[:20])
        more = info.type == _SPARSE and block[482]
        while more and (block := read(self, _BLOCK)):
            more = block[504:505] not in {b"", b"\0"}
        if size and info.type[0] not in _NO_DATA:
            origin = replace(self._blob.origin, via=(*self._blob.origin.via, f"tar:{name}"))
            yield from self._data(origin, size)
            skip(self, -size % _BLOCK)

    def _data(self, origin: Origin, size: int) -> Iterator[Blob | Skipped]:
        part = Part(self, size, owned=False)
        if size > self._most_held:
            self._current = part
            offset = self._offset
            yield Blob(origin, lambda: self._open(part, offset, size), size, rereadable=self._blob.rereadable)
            self._current = None
            skip(self, part.left)
            return
        data = bytearray(size)
        view = memoryview(data)
        try:
            while part.left:
                part.readinto(view[size - part.left :])
        except BrokenWrapping as broken:
            yield Blob.of(origin, bytes(view[: size - part.left]))
            yield Skipped(place(origin), str(broken))
        else:
            yield Blob.of(origin, bytes(data))

    def _open(self, part: Part, offset: int, size: int) -> Reader:
        """The data where the walk stands, once; after that, found again from the start of the archive."""
        if part is self._current:
            self._current = None
            return part
        reader = self._blob.open()
        try:
            if (file := seekable(reader)) is not None:
                file.seek(offset)
            else:
                self._budget.charge_bytes(offset)
                skip(reader, offset)
        except BaseException:
            reader.close()
            raise
        return Part(reader, size, owned=True)

    def _note(self, text: bytes) -> None:
        if text:
            self._names.append(text)
            self._held += len(text)

    def names(self) -> Iterator[Blob]:
        """The names that were not given yet."""
        if self._names:
            origin = replace(self._blob.origin, via=(*self._blob.origin.via, "tar:member names"))
            yield Blob.of(origin, b"\n".join(self._names))
        self._names, self._held = [], 0
