"""Bytes written as digits of a few bits each, possibly over several lines: what base64 and hex share.

Where a text begins and ends among its neighbours cannot be known, so each likely reading is given.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from itertools import pairwise

from tokenguard.decode.wrapping import LOOK_AHEAD, LOOK_BACK, Data, Unwrapped
from tokenguard.model.lazy_dataclass import dataclass


def halves(digits: bytes, shortest: int, longest: int) -> tuple[bytes, ...]:
    """Two neighbouring pieces of `digits`: a line break breaks only one. Too short to be cut: itself, or nothing.

    They are taken from the end: prefixes of tokens grow more specific towards it.
    """
    if len(digits) < 2 * shortest:
        return (digits,) if len(digits) >= shortest else ()
    digits = digits[-2 * longest :]
    middle = len(digits) // 2
    return digits[:middle], digits[middle:]


@dataclass(frozen=True, slots=True)
class DigitScript:
    """How bytes are written as digits."""

    name: str
    bits: int
    """Bits a digit carries."""
    pieces: bytes
    """A regular expression of what a stretch consists of. Groups: `digits`; `symbol`, digits before which the text
    may have ended; `gap`, between digits, where it may have ended too; `joint`, between digits of one text only."""
    decode: Callable[[bytes], bytes]
    """Takes digits and gives every whole byte of them."""
    zero: bytes
    """The digit of value zero."""

    def unwrap(self, data: Data, start: int, end: int) -> Iterator[Unwrapped]:
        """Every reading of the stretch around the digits `data[start:end]`: where it ends, which digit begins a byte.

        Readings in which the hit itself is not ASCII are left out, since prefixes are.
        """
        low = max(0, start - LOOK_BACK)
        stretch = _Stretch(re.compile(self.pieces), bytes(data[low : end + LOOK_AHEAD]), low, start)
        hit = bisect_left(stretch.offsets, start), bisect_left(stretch.offsets, end)
        if hit[0] == hit[1]:
            return
        ends = stretch.ends(hit[1])
        for missing in range(math.lcm(8, self.bits) // self.bits):
            if self._is_ascii(stretch.digits[: hit[1]], hit[0], missing):
                for stop in ends:
                    yield self._reading(stretch.digits[:stop], stretch.offsets[:stop], missing)

    def _reading(self, digits: bytes, offsets: list[int], missing: int) -> Unwrapped:
        """The bytes, if of the group of digits that the stretch begins with so many are `missing` in front of it.

        A byte that begins in one of those is right in its low bits only.
        """
        skipped = missing * self.bits // 8
        inner = self.decode(self.zero * missing + digits)
        outer = self._begins([offsets[0]] * missing + offsets, len(inner))
        last = -(-len(inner) * 8 // self.bits) - missing - 1
        return Unwrapped(self.name, inner[skipped:], (*outer[skipped:], offsets[max(0, last)] + 1))

    def _begins(self, offsets: list[int], count: int) -> list[int]:
        """Of each of `count` bytes, the offset of the digit that it begins in."""
        group = math.lcm(8, self.bits)
        step, digits = group // 8, group // self.bits
        begins = [0] * count
        for index in range(min(step, count)):
            first, bytes_there = index * 8 // self.bits, len(range(index, count, step))
            begins[index::step] = offsets[first : first + digits * bytes_there : digits]
        return begins

    def _is_ascii(self, digits: bytes, first: int, missing: int) -> bool:
        """Whether all whole bytes from the digit `first` on are."""
        inner = self.decode(self.zero * missing + digits)
        return inner[-(-(first + missing) * self.bits // 8) :].isascii()


class _Stretch:
    """The digits around a hit, what stands between them left out."""

    def __init__(self, pieces: re.Pattern[bytes], region: bytes, low: int, start: int) -> None:
        """`region`: the data from offset `low` on; `start`: offset of the hit."""
        self._pieces = pieces
        self._region = region
        self._low = low
        self._parts: list[bytes] = []
        self._stops: list[int] = []
        """After how many digits there is something else, or a symbol."""
        self.offsets: list[int] = []
        """Where in the data each digit stands."""
        self._before(start - low)
        # The hit is digits, whatever the bytes before it would make of its first ones: `\\n` before `nYm9p`.
        self._take(start - low, len(region))
        self.digits = b"".join(self._parts)

    def _before(self, hit: int) -> None:
        """Take what leads up to the hit: where it is broken off, all anew."""
        position = 0
        while (position := self._take(position, hit)) < hit:
            self._parts.clear()
            self.offsets.clear()
            position += 1
        self._stops.clear()

    def _take(self, position: int, end: int) -> int:
        """Take pieces up to `end` or to what is none; gives where that is."""
        while piece := self._pieces.match(self._region, position, end):
            position = piece.end()
            if piece.lastgroup in {"symbol", "gap"}:
                self._stops.append(len(self.offsets))
            if piece.lastgroup in {"symbol", "digits"}:
                self._parts.append(piece.group())
                self.offsets.extend(range(self._low + piece.start(), self._low + position))
        return position

    def ends(self, after: int) -> list[int]:
        """After how many digits, at least `after`, the text may end: all of them, and where its last line may be.

        Without padding nothing marks the end, and what follows on the next line would be read on with the text.
        So it may end with the hit's line, with the next, and around the first line that is not as long as that.
        """
        stops = [*(stop for stop in self._stops if stop >= after), len(self.offsets)]
        lines = [stop - before for before, stop in pairwise(stops)]
        odd = next((index for index, length in enumerate(lines) if length != lines[0]), len(stops))
        return sorted({*stops[:2], *stops[odd : odd + 2], stops[-1]})
