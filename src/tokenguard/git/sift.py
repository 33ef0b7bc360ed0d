"""Many objects, searched a tray at a time: which of them have to be looked at.

An object without a hit costs one comparison of its header; of the others one hit is enough.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Self

from tokenguard.errors import GitError
from tokenguard.git.objects import Shard
from tokenguard.git.runner import Git
from tokenguard.git.tray import CAPACITY, OBJECTS, Tray

Search = Callable[[memoryview, Callable[[int], int]], None]
"""Calls back with the end of each hit; the answer is the offset up to which further ones do not matter."""

_BARREN = 1000
"""Times in a row that git may end without giving one whole object: each costs a start of git."""


@dataclass(slots=True)
class Sifted:
    """Which objects have to be looked at."""

    hits: list[str] = field(default_factory=list)
    alone: list[str] = field(default_factory=list)
    """Objects that are too large for a tray, or at which git broke off: each has to be read by itself."""

    def all(self) -> tuple[str, ...]:
        """All of them, each once."""
        return tuple(dict.fromkeys((*self.hits, *self.alone)))


class Sifter:
    """Sifts shards one after the other; a thread's own."""

    def __init__(self, git: Git, search: Search, capacity: int = CAPACITY) -> None:
        self._tray = Tray(git)
        self._search = search
        self._capacity = min(capacity, CAPACITY)
        self._barren = 0
        self.outcome = Sifted()

    def sift(self, shard: Shard, progress: Callable[[int], None]) -> None:
        """Search all objects of the shard; `progress` is told the bytes."""
        for load in self._loads(shard.lines):
            lines = load.lines
            while lines:
                data = self._tray.load(lines, load.size)
                progress(len(data))
                starts = _starts(lines, data)
                self._hits(lines, starts, data)
                if len(starts) == len(lines) + 1:
                    break
                # Git broke off at the object after the last whole one: it is tried alone, the others again.
                broken = len(starts) - 1
                self._barren = 0 if broken else self._barren + 1
                if self._barren > _BARREN:
                    raise GitError("git broke off at one object after the other", remedy="run: git fsck")
                self.outcome.alone.append(_name(lines[broken]))
                lines = lines[broken + 1 :]

    def _loads(self, lines: Sequence[bytes]) -> Iterator[_Load]:
        """The objects in loads that fit the tray."""
        load = _Load()
        for line in lines:
            size = len(line) + int(line[line.rindex(b" ") :]) + 1
            if size > self._capacity:
                self.outcome.alone.append(_name(line))
                continue
            if load.size + size > self._capacity or len(load.lines) == OBJECTS:
                yield load
                load = _Load()
            load.lines.append(line)
            load.size += size
        if load.lines:
            yield load

    def _hits(self, lines: Sequence[bytes], starts: array[int], data: memoryview) -> None:
        """Note the objects in which the search hits, each once."""
        hits: dict[int, None] = {}

        def note(end: int) -> int:
            # The byte before the last surely lies in the match: a pattern may take one byte behind the secret.
            place = bisect_right(starts, max(end - 2, 0)) - 1
            hits[place] = None
            return starts[place + 1]

        self._search(data[: starts[-1]], note)
        self.outcome.hits.extend(_name(lines[place]) for place in hits)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._tray.close()


@dataclass(slots=True)
class _Load:
    lines: list[bytes] = field(default_factory=list)
    size: int = 0
    """Bytes that the answer takes: headers, contents, line feeds."""


def _starts(lines: Sequence[bytes], data: memoryview) -> array[int]:
    """Where each object's header begins, and the end of the last whole one: one more than whole objects."""
    starts = array("q", (0,))
    at, filled = 0, len(data)
    for header in lines:
        begin = at + len(header)
        following = begin + int(header[header.rindex(b" ") :]) + 1
        if following > filled or data[at:begin] != header:
            break
        starts.append(following)
        at = following
    return starts


def _name(line: bytes) -> str:
    return line[: line.index(b" ")].decode()
