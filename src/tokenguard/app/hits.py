"""The hits of stage 1 in a stretch of bytes, so many in memory at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tokenguard.scan.engine import Hit

_AT_ONCE = 20_000


def batches(
    view: memoryview, ask: Callable[[memoryview, int], list[Hit]], reach: int, after: int, until: int
) -> Iterator[list[Hit]]:
    """The hits that end in (after, until]; `reach` is how far before its end a hit may begin."""
    begin, limit = 0, _AT_ONCE
    while True:
        hits = ask(view[begin:], limit)
        full = len(hits) >= limit
        # Where a batch is full others may end at its last byte: that byte is asked for again.
        last = min(until, begin + hits[-1].end - 1) if full else until
        if full and last <= after:
            limit *= 2  # as many hits lie within reach as are asked for: with fewer it would go on for ever
            continue
        yield [Hit(hit.index, begin + hit.end) for hit in hits if after < begin + hit.end <= last]
        if last == until:
            return
        after, begin = last, max(0, last - reach)
