"""Many objects, searched a tray at a time: which of them have to be looked at.

An object without a hit costs one comparison of its header; of the others one hit is enough.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate, islice
from operator import add, eq
from typing import Self

from tokenguard.errors import GitError
from tokenguard.git.objects import Shard
from tokenguard.git.runner import Git
from tokenguard.git.tray import CAPACITY, OBJECTS, Tray
from tokenguard.model.lazy_dataclass import dataclass, field

Search = Callable[[memoryview, Sequence[int]], Iterable[int]]
"""Given objects one behind the other, where each begins, and where the last one ends: in which of them it hits."""

Take = Callable[[str, str, bytes], None]
"""Told of an object in which the search hits: its id, its type, its content."""

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
    """Sifts shards; a thread's own."""

    def __init__(self, git: Git, search: Search, *, take: Take | None = None, capacity: int = CAPACITY) -> None:
        """`take` gets each object with a hit. What git broke off at, it may get damaged: read what is `alone` anew."""
        self._tray = Tray(git)
        self._search = search
        self._take = take
        self._capacity = min(capacity, CAPACITY)
        self._barren = 0
        self._rests: list[_Load] = []
        self.outcome = Sifted()

    def sift(self, shards: Iterable[Shard], progress: Callable[[int], None]) -> None:
        """Search all objects of the shards; `progress` is told the bytes."""
        loads = (load for shard in shards for load in self._loads(shard))
        for load, starts, data in self._answered(loads):
            progress(len(data))
            self._hits(load.lines, starts, data)

    def _answered(self, loads: Iterator[_Load]) -> Iterator[tuple[_Load, array[int], memoryview]]:
        """The loads with what git gave of each; the next one is asked for before this one is looked at."""
        asked, before = self._ask_next(loads), _Load()
        while asked is not None:
            load, data = asked, self._tray.take()
            if self._tray.spilled:
                self.outcome.alone.extend(map(_name, before.lines))
            asked = self._ask_next(loads) if self._tray.ended else None
            starts = _starts(load, data)
            self._put_back(load, len(starts) - 1)
            asked = asked or self._ask_next(loads)
            yield load, starts, data
            before = load

    def _ask_next(self, loads: Iterator[_Load]) -> _Load | None:
        load = self._rests.pop() if self._rests else next(loads, None)
        if load is not None:
            self._tray.ask(load.lines, load.size)
        return load

    def _put_back(self, load: _Load, whole: int) -> None:
        """Keep what is left of a load in which git broke off: the object after the last whole one goes alone."""
        if whole == len(load.lines):
            return
        self._barren = 0 if whole else self._barren + 1
        if self._barren > _BARREN:
            raise GitError("git broke off at one object after the other", remedy="run: git fsck")
        self.outcome.alone.append(_name(load.lines[whole]))
        rest = _Load(load.lines[whole + 1 :], load.answers[whole + 1 :])
        if rest.lines:
            self._rests.append(rest)

    def _loads(self, shard: Shard) -> Iterator[_Load]:
        """The objects in loads that fit the tray."""
        ends = list(accumulate(shard.answers, initial=0))
        first, count = 0, len(shard.lines)
        while first < count:
            most = min(first + OBJECTS, count)
            last = bisect_right(ends, ends[first] + self._capacity, first, most + 1) - 1
            if last == first:
                self.outcome.alone.append(_name(shard.lines[first]))
                last += 1
            else:
                yield _Load(shard.lines[first:last], shard.answers[first:last])
            first = last

    def _hits(self, lines: Sequence[bytes], starts: array[int], data: memoryview) -> None:
        """Note the objects in which the search hits, each once."""
        for place in self._search(data, starts):
            header = lines[place]
            self.outcome.hits.append(_name(header))
            if self._take is not None:
                content = data[starts[place] + len(header) : starts[place + 1] - 1]
                self._take(_name(header), header.split()[1].decode(), bytes(content))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._tray.close()


@dataclass(slots=True)
class _Load:
    lines: list[bytes] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    """As in a Shard."""

    @property
    def size(self) -> int:
        """Bytes that the whole answer takes."""
        return sum(self.answers)


def _starts(load: _Load, data: memoryview) -> array[int]:
    """Where each object's header begins, and the end of the last whole one: one more than whole objects."""
    starts = array("q", accumulate(load.answers, initial=0))
    whole = bisect_right(starts, len(data)) - 1
    # Without a loop of our own: it would take longer than everything else that is done for an object without a hit.
    headers = map(slice, starts, map(add, starts, map(len, load.lines)))
    right = list(islice(map(eq, map(data.__getitem__, headers), load.lines), whole))
    if not all(right):
        whole = right.index(False)
    return starts[: whole + 1]


def _name(line: bytes) -> str:
    return line[: line.index(b" ")].decode()
