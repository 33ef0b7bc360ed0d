"""One blob on its way through every stage: windows, rules, encoded forms, containers, and again for what was inside.

Only blobs in which the sieve hits come here. Raw values live here between a hit and its Match, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Protocol

from tokenguard.app.detector import Detector
from tokenguard.app.encoded import Decoder, Spot
from tokenguard.app.hits import batches
from tokenguard.app.specificity import Kept, most_specific, specificity
from tokenguard.decode.budget import BrokenWrapping, Budget
from tokenguard.decode.wrapping import Container, place
from tokenguard.model import Blob, Match, Reader, Skipped
from tokenguard.model.lazy_dataclass import replace
from tokenguard.scan.engine import Hit, Scratch
from tokenguard.scan.position import PositionTracker
from tokenguard.scan.refine import Found, Refiner, allowance, match_of
from tokenguard.scan.windows import MARGIN, Window, fill, windows

MATCHES_KEPT = 10_000
"""Matches of one blob that are kept; a blob with more makes the scan incomplete."""
STRETCHES_DECODED = 2_000
"""Encoded stretches of one blob that are decoded; likewise."""

_HEAD = 512
_HELD = 64 << 20
"""A member that can be read only once, and is a container itself, is held in memory up to this size."""


class Workbench(Protocol):
    """What tasks share: the engine of their thread, and its buffers."""

    detector: Detector
    scratch: Scratch

    def buffer(self, depth: int) -> bytearray:
        """The window of that depth of containers."""
        ...


class _Enough(Exception):  # noqa: N818 - no error: a blob has given all that is kept of one
    pass


class Task:
    """One blob, or one member of a container, on its way through the stages."""

    def __init__(self, bench: Workbench, blob: Blob, budget: Budget | None = None, depth: int = 0) -> None:
        self._bench = bench
        self._blob = blob
        self._budget = budget or Budget()
        self._depth = depth
        self._refiner = Refiner(bench.detector.ruleset)
        self._tracker = PositionTracker()
        self._stands = 0  # offset in the blob up to which the tracker has counted
        self._mark = self._tracker.copy()
        self._marked = 0  # likewise: where the next window begins, which can lie before a match in this one
        self._kept: dict[tuple[str, int, str], Kept] = {}
        self._stretches = 0
        self._decoder = Decoder(bench.detector, bench.scratch)
        self._containers: dict[str, tuple[Container, list[int]]] = {}
        self._head = b""
        self.matches: list[Match] = []
        self.skipped: list[Skipped] = []
        self.size = 0

    def run(self, reader: Reader, filled: int) -> None:
        """Search the blob whose first `filled` bytes are in this depth's buffer."""
        buffer = self._bench.buffer(self._depth)
        self._head = bytes(buffer[: min(filled, _HEAD)])
        try:
            for window in windows(reader, buffer, filled):
                self.size = window.base + window.size
                self._search(window)
        except _Enough:
            self.skip(f"more than {MATCHES_KEPT:,} matches; the rest of it was not searched")
        except OSError as error:
            self.skip(f"{error.strerror or error}; the rest of it was not searched")
        if self._stretches > STRETCHES_DECODED or self._decoder.exhausted:
            self.skip(f"more than {STRETCHES_DECODED:,} encoded stretches; the rest were not decoded")
        self.matches.extend(most_specific(self._kept.values()))

    def skip(self, why: str) -> None:
        """Note that (the rest of) this blob was not read."""
        self.skipped.append(Skipped(place(self._blob.origin), why))

    # The blob's own bytes, window by window.

    def _search(self, window: Window) -> None:
        spots = [Spot(found.start, found.end, found) for found in islice(self._confirmed(window), MATCHES_KEPT + 1)]
        for hit in self._literals(window):
            spots.extend(self._decoder.secrets(window.view, hit.index, hit.end))
        for spot in sorted(spots, key=lambda spot: (spot.start, len(spot.via), spot.end)):
            self._keep(window, spot)
        if not window.last:
            start = max(0, window.until - MARGIN)
            self._mark.advance(window.data, self._marked - window.base, start)
            self._marked = self._stands = window.base + start
            self._tracker = self._mark.copy()

    def _confirmed(self, window: Window) -> Iterator[Found]:
        ask, reach = self._bench.scratch.rule_hits, self._bench.detector.longest_match + 1
        for hits in batches(window.view, ask, reach, window.after, window.until):
            yield from self._refiner.refine(window.data, window.base, window.size, hits)

    def _literals(self, window: Window) -> Iterator[Hit]:
        """Hits of encoded prefixes; those of containers' magics are noted for later."""
        detector = self._bench.detector
        ask, reach = self._bench.scratch.literal_hits, detector.longest_literal
        for hits in batches(window.view, ask, reach, window.after, window.until):
            for hit in hits:
                if detector.wrapping(hit.index) is not None:
                    self._stretches += 1
                    if self._stretches > STRETCHES_DECODED:
                        break
                    yield hit
                    continue
                container = detector.container(hit.index)
                self._containers.setdefault(container.name, (container, []))[1].append(window.base + hit.end)

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
        fingerprint = self._bench.detector.fingerprints.of(found.rule, found.secret)
        match = match_of(found, origin, start, position, allowed=allowed, fingerprint=fingerprint)
        self._kept[key] = Kept(start, window.base + spot.end, specificity(found.rule), match)

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
        task = Task(self._bench, blob, self._budget, self._depth + 1)
        try:
            reader = _Member(blob.open())
        except BrokenWrapping as broken:
            self.skipped.append(Skipped(place(blob.origin), broken.message))
            return
        try:
            task.run_member(reader)
        finally:
            reader.close()
        if reader.broken is not None:
            task.skip(reader.broken.message)
        task.unpack()
        self.matches.extend(task.matches)
        self.skipped.extend(task.skipped)

    def run_member(self, reader: Reader) -> None:
        """Search a member; one that can be read only once is held in memory when it may have to be read again."""
        buffer = self._bench.buffer(self._depth)
        filled = fill(reader, memoryview(buffer))
        reader, filled = self._held(reader, filled)
        if filled == len(buffer) or self._bench.scratch.any_hit(memoryview(buffer)[:filled]):
            self.run(reader, filled)

    def run_once(self, reader: Reader, filled: int) -> None:
        """As `run`, for a blob that can be read only once."""
        self.run(*self._held(reader, filled))

    def _held(self, reader: Reader, filled: int) -> tuple[Reader, int]:
        """What goes on with the blob whose first bytes are in the buffer: from memory where it may be read again."""
        buffer = self._bench.buffer(self._depth)
        if self._blob.rereadable:
            return reader, filled
        if filled < len(buffer):
            self._blob = Blob.of(self._blob.origin, bytes(buffer[:filled]))
        elif self._may_contain(bytes(buffer[:_HEAD])):
            held = bytearray(_HELD)
            held[:filled] = buffer
            size = filled + fill(reader, memoryview(held)[filled:])
            if size == len(held):
                self.skip(f"an archive of more than {_HELD:,} bytes in a stream; unpack it and scan that")
            self._blob = Blob.of(self._blob.origin, held[:size])
            reader = self._blob.open()
            filled = fill(reader, memoryview(buffer))
        return reader, filled

    def _may_contain(self, head: bytes) -> bool:
        detector, view = self._bench.detector, memoryview(head)
        magics = (hit for hit in self._bench.scratch.literal_hits(view, _HEAD) if not detector.wrapping(hit.index))
        return any(detector.container(hit.index).recognises(head, [hit.end]) for hit in magics)


class _Member:
    """A member's Reader that ends where the data breaks off, so that what came before is searched."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.broken: BrokenWrapping | None = None

    def readinto(self, buffer: memoryview, /) -> int | None:
        """As the member's own; 0 from the first fault on."""
        if self.broken is not None:
            return 0
        try:
            return self._reader.readinto(buffer)
        except BrokenWrapping as broken:
            self.broken = broken
            return 0

    def close(self) -> None:
        """Close the member."""
        self._reader.close()
