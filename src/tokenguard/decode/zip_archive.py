"""Reading a zip: its members by the directory, what that does not list, and what is left where it is lost."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from typing import IO, TYPE_CHECKING, cast

from tokenguard.decode import zip_magic
from tokenguard.decode.budget import BrokenWrapping, Budget, Layer
from tokenguard.decode.reading import RandomAccess, TooLargeToHold
from tokenguard.decode.wrapping import place
from tokenguard.decode.zip_entry import Entry, listed, unlisted
from tokenguard.model import Blob, Origin, Skipped
from tokenguard.model.lazy_dataclass import replace

if TYPE_CHECKING:
    from zipfile import ZipFile, ZipInfo

_END = struct.Struct("<4s4H2LH")
_LONGEST_END = _END.size + 0xFFFF
_IN_64_BIT_RECORD = 0xFFFFFFFF
_64_BIT_LOCATOR_SIZE = 20

_MOST_HELD = 64 << 20
"""Bytes of a zip in a stream that are held in memory to be read at all."""
_LARGEST_DIRECTORY = 16 << 20
"""Bytes; about 120,000 members with names of usual length. In memory it is some ten times that."""


def members(blob: Blob, budget: Budget) -> Iterator[Blob | Skipped]:
    """See Zip.members."""
    try:
        file = RandomAccess(blob.open(), _MOST_HELD)
    except TooLargeToHold as large:
        if _is_zip(large.head, large.tail, large.size):
            yield Skipped(place(blob.origin), str(large))
        return
    except BrokenWrapping as broken:
        yield Skipped(place(blob.origin), str(broken))
        return
    with closing(file):
        tail = file.at(max(0, file.size - _LONGEST_END), _LONGEST_END)
        if not _is_zip(file.at(0, 4), tail, file.size):
            return
        try:
            yield from _Archive(blob.origin, file, budget).members()
        except BrokenWrapping as broken:
            yield Skipped(place(blob.origin), str(broken))


def _is_zip(head: bytes, tail: bytes, size: int) -> bool:
    """Whether a blob begins like a zip, or ends with an end record that can be true of a blob of this size."""
    if head.startswith(zip_magic.FIRST):
        return True
    found = tail.rfind(zip_magic.END)
    if found < 0 or len(tail) - found < _END.size:
        return False
    _, disk, first_disk, here, entries, length, offset, _ = _END.unpack_from(tail, found)
    if _IN_64_BIT_RECORD in {length, offset}:
        return tail[max(0, found - _64_BIT_LOCATOR_SIZE) : found].startswith(zip_magic.END_64_LOCATOR)
    return bool(length + offset <= size - len(tail) + found and disk == first_disk and here == entries)


class _Archive:
    """One zip."""

    def __init__(self, origin: Origin, file: RandomAccess, budget: Budget) -> None:
        self._origin = origin
        self._file = file
        self._budget = budget

    def members(self) -> Iterator[Blob | Skipped]:
        """By the directory, else by what lies in the file. Raises BudgetExceeded."""
        self._budget.enter(self._origin)
        try:
            directory = _directory(self._file)
        except BrokenWrapping as broken:
            yield Skipped(place(self._origin), f"{broken}; the members that lie in it were searched as far as found")
            yield from self._unlisted(0, self._file.size)
            return
        infos = sorted(directory.infolist(), key=lambda info: info.header_offset)
        yield from self._texts(directory.comment, infos)
        end = 0
        ends = [*(info.header_offset for info in infos), directory.start_dir][1:]
        for info, until in zip(infos, ends, strict=True):
            yield from self._unlisted(end, info.header_offset)
            self._budget.charge_member()
            try:
                entry = listed(self._file, info, until)
            except BrokenWrapping as broken:
                yield Skipped(place(self._inside(info.filename)), str(broken))
                end = until
            else:
                yield self._member(entry)
                end = entry.start + info.compress_size
        yield from self._unlisted(end, directory.start_dir)

    def _texts(self, comment: bytes, infos: Sequence[ZipInfo]) -> Iterator[Blob]:
        names = [info.orig_filename.encode("utf-8", "surrogateescape") for info in infos]
        comments = [text for text in (comment, *(info.comment for info in infos)) if text]
        for what, texts in (("member names", names), ("comments", comments)):
            if texts:
                yield Blob.of(self._inside(what), b"\n".join(texts))

    def _inside(self, name: str) -> Origin:
        return replace(self._origin, via=(*self._origin.via, f"zip:{name}"))

    def _unlisted(self, start: int, stop: int) -> Iterator[Blob | Skipped]:
        for entry in unlisted(self._file, start, stop):
            self._budget.charge_member()
            yield self._member(entry)

    def _member(self, entry: Entry) -> Blob | Skipped:
        origin = self._inside(entry.name)
        if entry.obstacle:
            return Skipped(place(origin), entry.obstacle)
        return Blob(origin, partial(entry.open, self._file, Layer(self._budget)))


class _DirectoryFile:
    """The part of a file that ZipFile needs to read a directory, with a bound on what it reads at once."""

    def __init__(self, file: RandomAccess) -> None:
        self._file = file
        self._position = 0

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to an offset. Raises OSError before the start, as files do."""
        position = offset + {0: 0, 1: self._position, 2: self._file.size}[whence]
        if position < 0:
            raise OSError("before the start")
        self._position = position
        return position

    def tell(self) -> int:
        """Where it stands."""
        return self._position

    def read(self, size: int = -1) -> bytes:
        """The next bytes, all if negative. Raises BrokenWrapping for more than a directory may have."""
        left = max(0, self._file.size - self._position)
        wanted = left if size < 0 else min(size, left)
        if wanted > _LARGEST_DIRECTORY:
            raise BrokenWrapping(f"its directory is larger than {_LARGEST_DIRECTORY >> 20} MiB")
        data = self._file.at(self._position, wanted)
        self._position += len(data)
        return data


def _directory(file: RandomAccess) -> ZipFile:
    from zipfile import ZipFile

    try:
        return ZipFile(cast("IO[bytes]", _DirectoryFile(file)))
    except BrokenWrapping:
        raise
    except Exception:  # noqa: BLE001 - hostile data: BadZipFile, NotImplementedError, UnicodeDecodeError, struct.error
        raise BrokenWrapping("corrupt: its directory cannot be read") from None
