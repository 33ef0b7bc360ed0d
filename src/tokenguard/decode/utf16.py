"""UTF-16 in either byte order, with or without a mark, at an even or odd offset: its Latin-1 range."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tokenguard.decode.wrapping import LOOK_AHEAD, LOOK_BACK, MIN_PREFIX, Data, Trigger, Unwrapped

_LONGEST_PREFIX = 12
_AFTER = re.compile(rb"[^\x00](?:\x00[^\x00])*")
_BEFORE = re.compile(rb"(?:[^\x00]\x00)*\Z")
_UP_TO_A_LETTER = re.compile(rb"[!-~]+(?<=[A-Za-z0-9])")


class Utf16:
    """Two bytes for a character, one of them NUL."""

    name = "utf-16"

    def triggers(self, prefix: bytes) -> Iterator[Trigger]:
        """The prefix with a NUL between any two characters: the same in both byte orders."""
        if len(prefix) >= MIN_PREFIX:
            yield Trigger(b"\0".join(bytes([byte]) for byte in prefix[:_LONGEST_PREFIX]))

    def unwrap(self, data: Data, start: int, end: int) -> Iterator[Unwrapped]:
        """The characters around the hit, up to the first on either side that is not Latin-1, or NUL.

        In the middle of a text both byte orders fit. Then that one counts in which units begin at even offsets; if
        it is the wrong one, `outer` is a byte off.
        """
        low = max(0, start - LOOK_BACK)
        region = bytes(data[low : end + LOOK_AHEAD])
        for big, first, last in _readings(region, start - low, end - low, odd=start % 2 == 1):
            inner = region[first : last + 1 : 2]
            begin = low + first - big
            units = range(begin, begin + 2 * len(inner), 2)
            yield Unwrapped("utf-16be" if big else "utf-16le", inner, (*units, min(units.stop, low + len(region))))


def _readings(region: bytes, start: int, end: int, *, odd: bool) -> list[tuple[bool, int, int]]:
    """The byte orders that fit the hit, likeliest first: whether it is big-endian, first and last character.

    `odd`: the hit begins at an odd offset. The outermost byte of the run may be half of a character beyond
    Latin-1: the first one if the NUL of each stands before it, else the last one.
    """
    before, after = _BEFORE.search(region, 0, start), _AFTER.match(region, start)
    if before is None or after is None:
        return []
    first, last = before.start(), after.end() - 1
    nul_before = first > 0 and region[first - 1] == 0
    nul_after = region[last + 1 : last + 2] == b"\0"
    little = (False, first, last if nul_after else last - 2)
    big = (True, first if nul_before else first + 2, last)
    readings = [
        order for order in ((big, little) if odd else (little, big)) if order[1] <= start and order[2] >= end - 1
    ]
    if nul_after or not _UP_TO_A_LETTER.fullmatch(region[start : last + 1 : 2]):
        return readings[:1]
    # What the hit begins reaches to the run's end: whole in one order, and in the other cut or too long by a
    # character. A file may also be cut before the last NUL.
    return readings if big in readings else [*readings, (False, first, last)]
