"""The seam of this stage: what a wrapping is, and what unwrapping gives.

A text wrapping works on a stretch of bytes in memory, a container on a whole blob. Neither verifies
what it finds: the rules are matched on the inside again. Both are made for hostile input.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from tokenguard.decode.budget import BrokenWrapping, Budget
from tokenguard.model import Blob, Origin, Skipped
from tokenguard.model.lazy_dataclass import dataclass

__all__ = [
    "LOOK_AHEAD",
    "LOOK_BACK",
    "MIN_LITERAL",
    "MIN_PREFIX",
    "BrokenWrapping",
    "Container",
    "Data",
    "TextWrapping",
    "Trigger",
    "Unwrapped",
    "place",
]

LOOK_BACK = 64
"""Bytes before a hit that a text wrapping may look at."""
LOOK_AHEAD = 8 << 10
"""Bytes after a hit that a text wrapping may look at."""
MIN_LITERAL = 5
"""Bytes in the shortest trigger of a text wrapping: a shorter one would hit in ordinary text."""

MIN_PREFIX = 4
"""Bytes in the shortest prefix that is looked for in wrapped form."""

Data = bytes | bytearray | memoryview


@dataclass(frozen=True, slots=True)
class Trigger:
    """What is searched for in the raw bytes: a literal, never a pattern."""

    literal: bytes
    caseless: bool = False
    """ASCII letters of either case match."""


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """A stretch of text, decoded."""

    via: str
    """`base64`, `hex`, `percent`, `escape`, `utf-16le`, `utf-16be`."""
    inner: bytes
    outer: Sequence[int]
    """One more than `inner`: where in the data the encoded form of each byte begins, and the stretch's end."""


class TextWrapping(Protocol):
    """A way to write text as other text. New ones are listed in `tokenguard.decode.registry`."""

    @property
    def name(self) -> str:
        """What `via` says, where there is but one form."""
        ...

    def triggers(self, prefix: bytes) -> Iterable[Trigger]:
        """Literals of which at least one occurs wherever `prefix` stands wrapped this way."""
        ...

    def unwrap(self, data: Data, start: int, end: int) -> Iterable[Unwrapped]:
        """Decode the stretch around `data[start:end]`, where a trigger hit. Never raises.

        Where it cannot be known where a stretch begins or ends, each likely reading is given, so the
        same secret may be seen in several of them.
        """
        ...


def place(origin: Origin) -> str:
    """An origin as a Skipped names it: the path, then what the bytes were wrapped in."""
    return "!".join((origin.path, *origin.via))


class Container(Protocol):
    """A file format that holds other blobs. New ones are listed in `tokenguard.decode.registry`."""

    @property
    def name(self) -> str:
        """`gzip`, `bzip2`, `xz`, `zip`, `tar`."""
        ...

    @property
    def triggers(self) -> tuple[Trigger, ...]:
        """Magic bytes; they are reported wherever they stand, `recognises` decides."""
        ...

    def recognises(self, head: bytes, hits: Sequence[int]) -> bool:
        """Whether to look inside. `head`: the first 512 bytes; `hits`: end offsets of its triggers in the blob."""
        ...

    def members(self, blob: Blob, budget: Budget) -> Iterator[Blob | Skipped]:
        """The blobs one layer down, and what could not be read.

        Their readers raise `BrokenWrapping` for whatever is wrong with the data. They are to be read
        while the iteration stands at them.
        """
        ...
