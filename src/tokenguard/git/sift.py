"""Many objects in one stream: which of them have to be looked at.

The output of `git cat-file --batch --buffer` is searched in windows that span many objects, so that an object
without a hit costs one comparison of its header. A search that hits names the object; the search goes on behind it.
"""

from __future__ import annotations

import threading
from array import array
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field

from tokenguard.git.objects import Shard
from tokenguard.git.runner import Git, Process

WINDOW = 1 << 20
"""Small enough that what was just read is searched while it is in the cache of the core."""
OVERLAP = 16 << 10
"""Bytes searched twice at the seam of two windows: more than the longest match."""

Search = Callable[[memoryview], int]
"""End offset of a first hit; 0 for none."""


@dataclass(slots=True)
class Sifted:
    """Which objects of the shards have to be looked at."""

    hits: list[str] = field(default_factory=list)
    doubtful: list[str] = field(default_factory=list)
    """Objects at which git broke off: each has to be tried alone."""


class Sifter:
    """Sifts shards one after the other over one git; a thread's own."""

    def __init__(self, git: Git, search: Search, window: int = WINDOW) -> None:
        self._git = git
        self._search = search
        self._buffer = bytearray(window + OVERLAP)
        self.outcome = Sifted()

    def sift(self, shard: Shard, progress: Callable[[int], None]) -> None:
        """Search all objects of the shard; `progress` is told the bytes."""
        begin = 0
        while begin < len(shard.lines):
            begin = self._stream(shard.lines, begin, progress)

    def _stream(self, lines: list[bytes], begin: int, progress: Callable[[int], None]) -> int:
        """One git from object `begin` on; the index of the first object that is still to be searched."""
        process = self._git.start("cat-file", "--batch", "--buffer", stdin=True)
        feeder = threading.Thread(target=_feed, args=(process, lines, begin), daemon=True)
        feeder.start()
        passage = _Passage(lines, begin)
        try:
            self._read(process, passage, progress)
        finally:
            if not passage.done:
                process.kill()  # else the feeder would wait for a git that waits for us
            feeder.join()
            process.finish()
        hits = self.outcome.hits
        hits.extend(_name(lines[index]) for index in passage.hits)
        if passage.done:
            return len(lines)
        # Git broke off: the object that was on its way is tried alone later, the rest in a new stream.
        broken = min(passage.current, len(lines) - 1)
        self.outcome.doubtful.append(_name(lines[broken]))
        return broken + 1

    def _read(self, process: Process, passage: _Passage, progress: Callable[[int], None]) -> None:
        buffer = self._buffer
        view = memoryview(buffer)
        kept = 0
        readinto = process.stdout.readinto  # type: ignore[attr-defined]  # unbuffered: FileIO
        while True:
            filled = kept
            while filled < len(buffer) and (count := readinto(view[filled:])):
                filled += count
            if filled == kept:
                return
            progress(filled - kept)
            if not passage.walk(buffer, filled):
                return
            passage.search(self._search, view, filled)
            over = min(OVERLAP, filled)
            view[:over] = view[filled - over : filled]
            passage.shift(filled - over)
            kept = over


class _Passage:
    """Where a stream stands among the objects that were asked for. Offsets count in the whole stream."""

    def __init__(self, lines: list[bytes], begin: int) -> None:
        self._lines = lines
        self.index = begin
        """The next object whose header is expected."""
        self.current = begin
        """The object on its way."""
        self.expected = 0
        """Where the next header begins."""
        self.position = 0
        """Bytes read."""
        self.hits: list[int] = []
        self._base = 0
        self._starts = array("q")
        self._indices = array("q")
        self._searched = 0

    @property
    def done(self) -> bool:
        """Everything that was asked for has come."""
        return self.index >= len(self._lines) and self.expected == self.position

    def walk(self, buffer: bytearray, filled: int) -> bool:
        """Check the headers in buffer[:filled]; False when one is not what was announced."""
        lines, starts, indices = self._lines, self._starts, self._indices
        base, total = self._base, len(lines)
        self.position = base + filled
        at, index = self.expected - base, self.index
        while index < total:
            header = lines[index]
            size = len(header)
            if at + size > filled:
                break
            if not buffer.startswith(header, at):
                self.expected, self.index, self.current = base + at, index, index
                return False
            starts.append(base + at)
            indices.append(index)
            at += size + int(header[header.rindex(b" ") :]) + 1
            index += 1
        self.expected, self.index = base + at, index
        self.current = index if at <= filled else index - 1
        return True

    def search(self, search: Search, view: memoryview, filled: int) -> None:
        """Find the objects with hits in what has not been searched yet (and the overlap before it)."""
        at = max(0, self._searched - self._base)
        while at < filled and (end := search(view[at:filled])):
            # The byte before the last surely lies in the match: a pattern may take one byte behind the secret.
            place = bisect_right(self._starts, self._base + max(at + end - 2, at)) - 1
            index = self._indices[max(place, 0)]
            if not self.hits or self.hits[-1] != index:
                self.hits.append(index)
            following = self._starts[place + 1] if place + 1 < len(self._starts) else self.expected
            at = max(at + end, following - self._base)
        self._searched = self._base + at if at > filled else 0

    def shift(self, by: int) -> None:
        """The window moves on: forget the objects that lie before it."""
        self._base += by
        keep = max(0, bisect_right(self._starts, self._base) - 1)
        del self._starts[:keep]
        del self._indices[:keep]


def _feed(process: Process, lines: list[bytes], begin: int) -> None:
    """Ask for the objects, some thousands at a time; ends early when git does."""
    step = 4096
    try:
        for start in range(begin, len(lines), step):
            part = lines[start : min(start + step, len(lines))]
            process.stdin.write(b"".join([line[: line.index(b" ")] + b"\n" for line in part]))
        process.stdin.close()
    except OSError:
        return


def _name(line: bytes) -> str:
    return line[: line.index(b" ")].decode()
