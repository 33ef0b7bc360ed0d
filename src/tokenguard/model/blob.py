"""What a source yields: a Blob (bytes with an Origin) or a Skipped (what was not read, and why)."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Protocol

from tokenguard.model.lazy_dataclass import dataclass


class Reader(Protocol):
    """The part of a binary file object that scanning needs."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Fill `buffer` as far as possible; 0 at the end."""
        ...

    def close(self) -> None:
        """Release what stands behind the reader."""
        ...


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a blob comes from.

    `path` is the path inside the tree or repository, or a name such as `commit message` for a place
    that is no file. Bytes that are not UTF-8 are carried as surrogate escapes; reports escape them.
    """

    source: str
    """`files`, `git`, `staged`, `commits`, `shell`, `stdin`."""
    path: str
    blob: str | None = None
    """The git object's id."""
    commit: str | None = None
    via: tuple[str, ...] = ()
    """How the bytes were wrapped, outermost first: `zip:conf/a.env`, `gzip`, `base64`, …"""


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes to scan. `open` gives a fresh reader from the start each time it is called, where `rereadable`."""

    origin: Origin
    open: Callable[[], Reader]
    size: int | None = None
    """Bytes, where known beforehand."""
    rereadable: bool = True

    @classmethod
    def of(cls, origin: Origin, data: bytes | bytearray | memoryview) -> Blob:
        """A blob of bytes that are already in memory."""
        return cls(origin, lambda: io.BytesIO(data), len(data))


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something that was asked for and not read: it makes the scan incomplete."""

    what: str
    """The thing: a path, an object id, an archive member."""
    why: str
    """The reason, and the remedy where there is one."""
