"""Secrets in encoded text: a stretch is decoded where an encoded prefix hit, and the rules are matched inside."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from tokenguard.app.detector import Detector
from tokenguard.app.hits import batches
from tokenguard.decode.wrapping import Data, Unwrapped
from tokenguard.model.lazy_dataclass import dataclass
from tokenguard.scan.engine import Hit, Scratch
from tokenguard.scan.refine import Found, Refiner

_DEPTH = 3
"""Encodings in each other."""
_NESTED = 4_000
"""Stretches in decoded stretches that are decoded of one blob."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A confirmed secret at data[start:end], and how it was wrapped there, outermost first."""

    start: int
    end: int
    found: Found
    via: tuple[str, ...] = ()


class Decoder:
    """Decodes the stretches of one blob."""

    def __init__(self, detector: Detector, scratch: Scratch) -> None:
        self._detector = detector
        self._scratch = scratch
        self._left = _NESTED
        self.exhausted = False
        """More was encoded in what was encoded than is decoded of one blob."""

    def secrets(self, data: Data, literal: int, end: int) -> Iterator[Spot]:
        """The secrets in the encoded stretch of `data` in which literal number `literal` ended at `end`."""
        for unwrapped in self._unwrapped(data, Hit(literal, end)):
            yield from self._inside(unwrapped, ())

    def _unwrapped(self, data: Data, hit: Hit) -> Iterable[Unwrapped]:
        wrapping = self._detector.wrapping(hit.index)
        return wrapping.unwrap(data, hit.end - self._detector.length(hit.index), hit.end) if wrapping else ()

    def _inside(self, unwrapped: Unwrapped, via: tuple[str, ...]) -> Iterator[Spot]:
        inner, outer = unwrapped.inner, unwrapped.outer
        via = (*via, unwrapped.via)
        refiner = Refiner(self._detector.ruleset)
        for hits in self._hits(inner, self._scratch.rule_hits, self._detector.longest_match + 1):
            for found in refiner.refine(inner, 0, len(inner), hits):
                yield Spot(outer[found.start], outer[found.end], found, via)
        if len(via) >= _DEPTH:
            return
        for hits in self._hits(inner, self._scratch.literal_hits, self._detector.longest_literal):
            for hit in hits:
                self._left -= 1
                if self._left < 0:
                    self.exhausted = True
                    return
                for again in self._unwrapped(inner, hit):
                    yield from self._inside(Unwrapped(again.via, again.inner, [outer[at] for at in again.outer]), via)

    def _hits(self, inner: bytes, ask: Callable[[memoryview, int], list[Hit]], reach: int) -> Iterator[list[Hit]]:
        return batches(memoryview(inner), ask, reach, 0, len(inner))
