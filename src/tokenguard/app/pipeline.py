"""One blob through every stage: windows, rules, encoded forms, containers, and again for what was inside.

A BlobScanner belongs to one thread. Raw values live here only between a hit and its Match.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from tokenguard.app.detector import Detector
from tokenguard.app.encoded import Spot, decoded
from tokenguard.decode.budget import BrokenWrapping, Budget
from tokenguard.decode.wrapping import Container, place
from tokenguard.model import Blob, Match, Reader, Skipped
from tokenguard.scan.engine import Hit, Scratch
from tokenguard.scan.position import PositionTracker
from tokenguard.scan.refine import Found, Refiner, allowance, match_of
from tokenguard.scan.windows import MARGIN, WINDOW, Window, fill, windows

MATCHES_KEPT = 10_000
"""Matches of one blob that are kept; a blob with more makes the scan incomplete."""
STRETCHES_DECODED = 10_000
"""Encoded stretches of one blob that are decoded; likewise."""

_HITS_AT_ONCE = 20_000
_MEMBER_WINDOW = 1 << 20
_HEAD = 512
_HELD = 64 << 20
"""A member that can be read only once, and is a container itself, is held in memory up to this size."""


@dataclass(frozen=True, slots=True)
class Scanned:
    """The outcome of one blob, everything inside it included."""

    matches: tuple[Match, ...]
    skipped: tuple[Skipped, ...]
    size: int
    """Bytes read of the outer blob."""


class BlobScanner:
    """Scans blobs one after the other, reusing its buffers."""

    def __init__(self, detector: Detector) -> None:
        self.detector = detector
        self.scratch: Scratch = detector.scratch()
        self._buffers = [bytearray(WINDOW)]

    def scan(self, blob: Blob) -> Scanned:
        """Everything that the rules find in `blob` and in what is wrapped in it.

        Raises:
            OSError: the blob could not be opened or read to its end.
        """
        reader = blob.open()
        try:
            buffer = self._buffers[0]
            filled = fill(reader, memoryview(buffer))
            if filled < len(buffer) and not self.scratch.first_hit(memoryview(buffer)[:filled]):
                return Scanned((), (), filled)
            task = _Task(self, blob, Budget(), depth=0)
            task.run(reader, filled)
        finally:
            reader.close()
        task.unpack()
        return Scanned(tuple(task.matches), tuple(task.skipped), task.size)

    def buffer(self, depth: int) -> bytearray:
        """The window of that depth of containers."""
        while len(self._buffers) <= depth:
            self._buffers.append(bytearray(_MEMBER_WINDOW))
        return self._buffers[depth]


_Specificity = tuple[bool, bool, int]


class _Enough(Exception):  # noqa: N818 - no error: a blob has given all that is kept of one
    pass


@dataclass(frozen=True, slots=True)
class _Kept:
    start: int
    end: int
    specificity: _Specificity
    match: Match


class _Task:
    """One blob, or one member of a container, on its way through the stages."""

    def __init__(self, scanner: BlobScanner, blob: Blob, budget: Budget, depth: int) -> None:
        self._scanner = scanner
        self._blob = blob
        self._budget = budget
        self._depth = depth
        self._refiner = Refiner(scanner.detector.ruleset)
        self._tracker = PositionTracker()
        self._stands = 0  # offset in the blob up to which the tracker has counted
        self._kept: dict[tuple[str, int, str], _Kept] = {}
        self._stretches = 0
        self._containers: dict[str, tuple[Container, list[int]]] = {}
        self._head = b""
        self.matches: list[Match] = []
        self.skipped: list[Skipped] = []
        self.size = 0

    def run(self, reader: Reader, filled: int) -> None:
        """Search the blob whose first `filled` bytes are in this depth's buffer."""
        buffer = self._scanner.buffer(self._depth)
        self._head = bytes(buffer[: min(filled, _HEAD)])
        try:
            for window in windows(reader, buffer, filled):
                self.size = window.base + window.size
                self._search(window)
        except _Enough:
            self.skip(f"more than {MATCHES_KEPT:,} matches; the rest of it was not searched")
        except BrokenWrapping as broken:
            self.skip(broken.message)
        self.matches.extend(_most_specific(self._kept.values()))

    def skip(self, why: str) -> None:
        """Note that (the rest of) this blob was not read."""
        self.skipped.append(Skipped(place(self._blob.origin), why))

    # The blob's own bytes, window by window.

    def _search(self, window: Window) -> None:
        spots = [Spot(found.start, found.end, found) for found in self._confirmed(window)]
        for hit in self._literals(window):
            spots.extend(decoded(self._scanner.detector, self._scanner.scratch, window.view, hit.index, hit.end))
        for spot in sorted(spots, key=lambda spot: (spot.start, len(spot.via), spot.end)):
            self._keep(window, spot)
        if not window.last:
            # The next window begins here; a match in it may begin no earlier.
            self._count_to(window, max(0, window.until - MARGIN))

    def _confirmed(self, window: Window) -> Iterator[Found]:
        for hits in _batches(window, self._scanner.scratch.rule_hits):
            yield from self._refiner.refine(window.data, window.base, window.size, hits)

    def _literals(self, window: Window) -> Iterator[Hit]:
        """Hits of encoded prefixes; those of containers' magics are noted for later."""
        detector = self._scanner.detector
        for hits in _batches(window, self._scanner.scratch.literal_hits):
            for hit in hits:
                if detector.wrapping(hit.index) is not None:
                    self._stretches += 1
                    if self._stretches > STRETCHES_DECODED:
                        break
                    yield hit
                    continue
                container = detector.container(hit.index)
                self._containers.setdefault(container.name, (container, []))[1].append(window.base + hit.end)
        if self._stretches > STRETCHES_DECODED and window.last:
            self.skip(f"more than {STRETCHES_DECODED:,} encoded stretches; the rest were not decoded")

    def _count_to(self, window: Window, offset: int) -> None:
        self._tracker.advance(window.data, self._stands - window.base, offset)
        self._stands = window.base + offset

    def _keep(self, window: Window, spot: Spot) -> None:
        found, start = spot.found, window.base + spot.start
        key = (found.rule.id, start, found.secret.sha256())
        if key in self._kept:
            return
        if len(self._kept) >= MATCHES_KEPT:
            raise _Enough
        self._count_to(window, spot.start)
        unit = 2 if spot.via and spot.via[0].startswith("utf-16") else 1
        position = self._tracker.span(window.data, spot.start, spot.end, unit)
        allowed = allowance(window.data, window.size, found.rule.id, spot.start, spot.end)
        origin = self._blob.origin
        if spot.via:
            origin = replace(origin, via=(*origin.via, *spot.via))
        match = match_of(found, origin, start, position, allowed)
        self._kept[key] = _Kept(start, window.base + spot.end, _specificity(found), match)

    # What the blob contains, after its own bytes: it is read again from the start.

    def unpack(self) -> None:
        """Look into the blob, where it is a container."""
        for container, hits in self._containers.values():
            if not container.recognises(self._head, hits):
                continue
            try:
                for member in container.members(self._blob, self._budget):
                    if isinstance(member, Skipped):
                        self.skipped.append(member)
                    else:
                        self._member(member)
            except Exception as error:  # noqa: BLE001 - one archive nobody foresaw must not end the scan
                self.skip(f"could not be unpacked ({container.name}: {type(error).__name__}); please report this")

    def _member(self, blob: Blob) -> None:
        task = _Task(self._scanner, blob, self._budget, self._depth + 1)
        try:
            reader = blob.open()
            try:
                task.run_member(reader)
            finally:
                reader.close()
        except BrokenWrapping as broken:
            task.skip(broken.message)
        task.unpack()
        self.matches.extend(task.matches)
        self.skipped.extend(task.skipped)

    def run_member(self, reader: Reader) -> None:
        """Search a member; one that can be read only once is held in memory when it may have to be read again."""
        buffer = self._scanner.buffer(self._depth)
        filled = fill(reader, memoryview(buffer))
        if not self._blob.rereadable:
            if filled < len(buffer):
                self._blob = Blob.of(self._blob.origin, bytes(buffer[:filled]))
            elif self._may_contain(bytes(buffer[:_HEAD])):
                held = bytearray(_HELD)
                held[:filled] = buffer
                size = filled + fill(reader, memoryview(held)[filled:])
                if size == len(held):
                    self.skip(f"a container of more than {_HELD:,} bytes in a container; unpack it and scan that")
                self._blob = Blob.of(self._blob.origin, held[:size])
                reader = self._blob.open()
                filled = fill(reader, memoryview(buffer))
        if filled == len(buffer) or self._scanner.scratch.first_hit(memoryview(buffer)[:filled]):
            self.run(reader, filled)

    def _may_contain(self, head: bytes) -> bool:
        detector, view = self._scanner.detector, memoryview(head)
        magics = (hit for hit in self._scanner.scratch.literal_hits(view, _HEAD) if not detector.wrapping(hit.index))
        return any(detector.container(hit.index).recognises(head, [hit.end]) for hit in magics)


def _batches(window: Window, ask: Callable[[memoryview, int], list[Hit]]) -> Iterator[list[Hit]]:
    """The hits that the window answers for, so many in memory at once."""
    view, begin, after = window.view, 0, window.after
    while True:
        hits = ask(view[begin:], _HITS_AT_ONCE)
        full = len(hits) >= _HITS_AT_ONCE
        # Where a batch is full others may end at its last byte: that byte is asked for again.
        until = min(window.until, begin + hits[-1].end - 1) if full else window.until
        yield [Hit(hit.index, begin + hit.end) for hit in hits if after < begin + hit.end <= until]
        if not full or until == window.until:
            return
        after, begin = until, max(0, until - MARGIN)


def _specificity(found: Found) -> _Specificity:
    """Rules that describe a token come first, those that came with what is scanned last; then the longer fixed prefix."""
    rule = found.rule
    return rule.token is not None, not rule.foreign, len(rule.literal_prefix)


def _most_specific(kept: Iterable[_Kept]) -> list[Match]:
    """Of matches that overlap, those of the most specific rule; in order of their place.

    The most specific are taken first, so that one that is itself beaten beats nothing.
    """
    chosen: list[_Kept] = []
    taken: list[tuple[int, int]] = []
    ranked = sorted(kept, key=lambda each: each.specificity, reverse=True)
    for _, equals in itertools.groupby(ranked, key=lambda each: each.specificity):
        free = [each for each in equals if not _overlaps(taken, each)]
        chosen += free
        taken = _joined([*taken, *((each.start, each.end) for each in free)])
    return [each.match for each in sorted(chosen, key=lambda each: (each.start, each.end))]


def _overlaps(taken: list[tuple[int, int]], kept: _Kept) -> bool:
    """Whether a match reaches into one of the spans, which are sorted and apart."""
    before = bisect_left(taken, (kept.end,)) - 1
    return before >= 0 and taken[before][1] > kept.start


def _joined(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same bytes as sorted spans that do not overlap."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and start < joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return joined
