"""Hexadecimal digits: in one run, wrapped over lines, set apart by spaces, colons or `, 0x`, or in a dump.

Dumps are those of `xxd -g1`, `hexdump -C` and `od -tx1`; of plain runs, lines of at least 16 digits are read on.
"""

from __future__ import annotations

from collections.abc import Iterator

from tokenguard.decode.digits import DigitScript, halves
from tokenguard.decode.wrapping import MIN_PREFIX, Data, Trigger, Unwrapped

_LONGEST_PREFIX = 8
"""Bytes of a prefix that are looked for: a row of a dump breaks at most one place in them."""
_SEPARATORS = (b" ", b":", b", 0x")

# The end of a dump's row (its text column, if any) and the next one's address, up to its first byte.
_NEXT_ROW = rb"""
    (?: [ \t]*+ \| [^\n]{0,80} | [ \t]{2,}+ [^\n]{1,20} )?+
    \r?\n [0-9A-Fa-f]{6,16} :? [ \t]++ (?= [0-9A-Fa-f]{2} [ \t\r\n] )
"""
# After a run of five digits and more, a separator does not separate the bytes of one text.
_PIECES = (
    rb"(?x) (?P<joint>"
    + _NEXT_ROW
    + rb"""
    | (?<! [0-9A-Fa-f]{5} ) (?: [ \t:,] | 0[xX] )+ )
  | (?P<gap> (?: [\s"'`\\+,:.&\#*>|/-] | (?<=\\)[nrt] )+ (?: 0[xX] )? )
  | (?P<digits> [0-9A-Fa-f]+ )
"""
)


def _decode(digits: bytes) -> bytes:
    return bytes.fromhex(digits[: len(digits) & ~1].decode())


class Hex:
    """Bytes as digits of four bits."""

    name = "hex"
    _script = DigitScript("hex", 4, _PIECES, _decode, zero=b"0")

    def triggers(self, prefix: bytes) -> Iterator[Trigger]:
        """Both halves of the prefix's digits, plain and with each separator; nothing under four bytes."""
        if len(prefix) < MIN_PREFIX:
            return
        prefix = prefix[:_LONGEST_PREFIX]
        for literal in halves(prefix.hex().encode(), 6, 8):
            yield Trigger(literal, caseless=True)
        for piece in halves(prefix, 3, 4):
            for separator in _SEPARATORS:
                yield Trigger(separator.join(b"%02x" % byte for byte in piece), caseless=True)

    def unwrap(self, data: Data, start: int, end: int) -> Iterator[Unwrapped]:
        """Every likely reading of the digits around the hit; see DigitScript."""
        return self._script.unwrap(data, start, end)
