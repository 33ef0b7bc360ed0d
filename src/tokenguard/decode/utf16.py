"""UTF-16 in either byte order, with or without a mark, at an even or odd offset: its Latin-1 range."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tokenguard.decode.wrapping import LOOK_AHEAD, LOOK_BACK, MIN_PREFIX, Data, Trigger, Unwrapped

_LONGEST_PREFIX = 12
_AFTER = re.compile(rb"[^\x00](?:\x00[^\x00])*")
_BEFORE = re.compile(rb"(?:[^\x00]\x00)*\Z")


class Utf16:
    """Two bytes for a character, one of them NUL."""

    name = "utf-16"

    def triggers(self, prefix: bytes) -> Iterator[Trigger]:
        """The prefix with a NUL between any two characters: the same in both byte orders."""
        if len(prefix) >= MIN_PREFIX:
            yield Trigger(b"\0".join(prefix[index : index + 1] for index in range(len(prefix[:_LONGEST_PREFIX]))))

    def unwrap(self, data: Data, start: int, end: int) -> Iterator[Unwrapped]:
        """The characters around the hit, up to the first on either side that is not Latin-1, or NUL."""
        low = max(0, start - LOOK_BACK)
        region = bytes(data[low : end + LOOK_AHEAD])
        before = _BEFORE.search(region, 0, start - low)
        after = _AFTER.match(region, start - low)
        if before is None or after is None:
            return
        first, last = before.start(), after.end() - 1
        nul_before = first > 0 and region[first - 1] == 0
        nul_after = region[last + 1 : last + 2] == b"\0"
        # In the middle of a text both orders fit; texts mostly start at an even offset.
        big = nul_before and (not nul_after or (low + first) % 2 == 1)
        inner = region[first : last + 1 : 2]
        outer = range(low + first - big, low + first - big + 2 * len(inner), 2)
        stretch_end = low + last + 1 + (nul_after and not big)
        yield Unwrapped("utf-16be" if big else "utf-16le", inner, (*outer, stretch_end))
