"""Secrets in encoded text: a stretch is decoded where an encoded prefix hit, and the rules are matched inside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tokenguard.app.detector import Detector
from tokenguard.decode.wrapping import Data, Unwrapped
from tokenguard.scan.engine import Scratch
from tokenguard.scan.refine import Found, Refiner

_DEPTH = 3
"""Encodings in each other."""
_HITS = 256
"""Hits that are followed up in one decoded stretch, which is at most some kilobytes long."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A confirmed secret at data[start:end], and how it was wrapped there, outermost first."""

    start: int
    end: int
    found: Found
    via: tuple[str, ...] = ()


def decoded(detector: Detector, scratch: Scratch, data: Data, literal: int, end: int) -> Iterator[Spot]:
    """The secrets in the encoded stretch of `data` in which literal number `literal` ended at `end`."""
    wrapping = detector.wrapping(literal)
    if wrapping is None:
        return
    for unwrapped in wrapping.unwrap(data, end - detector.length(literal), end):
        yield from _inside(detector, scratch, unwrapped, ())


def _inside(detector: Detector, scratch: Scratch, unwrapped: Unwrapped, via: tuple[str, ...]) -> Iterator[Spot]:
    inner, outer = unwrapped.inner, unwrapped.outer
    via = (*via, unwrapped.via)
    view = memoryview(inner)
    for found in Refiner(detector.ruleset).refine(inner, 0, len(inner), scratch.rule_hits(view, _HITS)):
        yield Spot(outer[found.start], outer[found.end], found, via)
    if len(via) >= _DEPTH:
        return
    for hit in scratch.literal_hits(view, _HITS):
        wrapping = detector.wrapping(hit.index)
        if wrapping is None:
            continue
        for again in wrapping.unwrap(inner, hit.end - detector.length(hit.index), hit.end):
            composed = Unwrapped(again.via, again.inner, [outer[place] for place in again.outer])
            yield from _inside(detector, scratch, composed, via)
