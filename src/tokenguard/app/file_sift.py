"""Many files, searched together: in which of them there can be anything.

A search costs a small file more than to be looked at: they are read one behind the other and searched with one call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Self

from tokenguard.app.session import Session
from tokenguard.app.worker_pool import WorkerPool
from tokenguard.sources.files import Walked, read_whole

_AT_ONCE = 256
"""Files that are searched before the counts are brought up to date, and those with a hit are looked at."""
_ALONE = 4
"""So many times as many files are searched before others help: a smaller tree is done by then."""
_SMALL = 1 << 20
"""Bytes of a file that is read whole at once; larger ones go through windows."""
_TOGETHER = 1 << 19
"""Bytes of files upon which they are searched: they are still in the processor's cache."""
_LINE_FEED = 10

Search = Callable[[memoryview, Sequence[int]], list[int]]
"""Given blobs with a line feed behind each, where each begins, and where the last one ends: in which there is a hit."""


class FileSift:
    """Leaves out of a walk the files in which there is nothing, nearly all, and counts them."""

    def __init__(self, session: Session) -> None:
        self._session = session
        search = FileSearch(session.detector.scratch().parts_hit, session.max_size or _SMALL)
        self._pool = WorkerPool(search, session.jobs if session.own_process else 1, alone=_ALONE)

    def __call__(self, items: Iterator[Walked]) -> Iterator[Walked]:
        """What is left of the items; files come later than they were walked."""
        waiting: list[str] = []
        for item in items:
            if not isinstance(item, list):
                yield item
                continue
            waiting += item
            whole = len(waiting) - len(waiting) % _AT_ONCE
            for first in range(0, whole, _AT_ONCE):
                yield from map(self._left, self._pool.give(waiting[first : first + _AT_ONCE]))
            del waiting[:whole]
        yield from map(self._left, self._pool.give(waiting))
        yield from map(self._left, self._pool.rest())

    def _left(self, answered: tuple[list[str], tuple[list[int], int]]) -> list[str]:
        paths, (numbers, size) = answered
        self._session.collector.count(blobs=len(paths) - len(numbers), bytes=size)
        self._session.progress.advance(size)
        return [paths[number] for number in numbers]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.close()


class FileSearch:
    """Reads files into one buffer, again and again."""

    def __init__(self, search: Search, limit: int) -> None:
        """Files of more than `limit` bytes are not searched here."""
        self._search = search
        self._limit = limit
        self._view = memoryview(bytearray(_TOGETHER + _SMALL + 1))

    def __call__(self, paths: Sequence[str]) -> tuple[list[int], int]:
        """Which files have to be looked at (with a hit, too large, or not to be read), and the others' bytes."""
        left: list[int] = []
        clean = 0
        read: list[int] = []
        starts, end = [0], 0
        view, limit = self._view, self._limit
        for number, path in enumerate(paths):
            size = read_whole(path, view[end : end + _SMALL])
            if size < 0 or size > limit:
                left.append(number)
                continue
            end += size + 1
            view[end - 1] = _LINE_FEED
            read.append(number)
            starts.append(end)
            if end >= _TOGETHER:
                clean += self._hit(read, starts, left)
                read, starts, end = [], [0], 0
        clean += self._hit(read, starts, left)
        return left, clean

    def _hit(self, read: Sequence[int], starts: Sequence[int], left: list[int]) -> int:
        """Put those with a hit to what is left; the bytes of the others."""
        size = starts[-1] - len(read)
        for part in self._search(self._view, starts):
            left.append(read[part])
            size -= starts[part + 1] - starts[part] - 1
        return size
