"""Which of several matches of the same bytes counts: the most specific rule's."""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections.abc import Iterable

from tokenguard.model import Match, Rule
from tokenguard.model.lazy_dataclass import dataclass

Specificity = tuple[bool, bool, int]


@dataclass(frozen=True, slots=True)
class Kept:
    """A match at blob[start:end]."""

    start: int
    end: int
    specificity: Specificity
    match: Match


def specificity(rule: Rule) -> Specificity:
    """Rules that describe a token come first, those that came with what is scanned last; then the longer prefix."""
    return rule.token is not None, not rule.foreign, len(rule.literal_prefix)


def most_specific(kept: Iterable[Kept]) -> list[Match]:
    """Of matches that overlap, those of the most specific rule; in order of their place.

    The most specific are taken first, so that one that is itself beaten beats nothing.
    """
    chosen: list[Kept] = []
    taken: list[tuple[int, int]] = []
    ranked = sorted(kept, key=lambda each: each.specificity, reverse=True)
    for _, equals in itertools.groupby(ranked, key=lambda each: each.specificity):
        free = [each for each in equals if not _overlaps(taken, each)]
        chosen += free
        taken = _joined([*taken, *((each.start, each.end) for each in free)])
    return [each.match for each in sorted(chosen, key=lambda each: (each.start, each.end))]


def _overlaps(taken: list[tuple[int, int]], kept: Kept) -> bool:
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
