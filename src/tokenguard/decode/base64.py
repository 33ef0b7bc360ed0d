"""Base64 (RFC 4648 sections 4 and 5): any alignment, either alphabet, padded or not, wrapped over lines.

A prefix of eight bytes or more is found under a break at any place, given lines of at least 16 digits.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterator

from tokenguard.decode.digits import DigitScript, halves
from tokenguard.decode.wrapping import MIN_LITERAL, MIN_PREFIX, Data, Trigger, Unwrapped

_LONGEST_PREFIX = 16
"""Bytes of a prefix that are looked for: their digits have to fit into what a hit may look back on, wrapped."""
_LONGEST_PIECE = 7
"""Digits of a trigger: two in a row stay on two lines of a wrapped text."""

# The digits 62 and 63 never stand in the encoding of letters, digits and most punctuation, so one that may
# as well be a comment's slash or a concatenation's plus can be left out of the reading.
_PIECES = rb"""(?x)
    (?P<digits> [A-Za-z0-9]+ )
  | (?P<symbol> (?<=[A-Za-z0-9]) [-+/_]+ (?=[A-Za-z0-9]) )
  | (?P<gap> (?: [\s"'`\\+,.&#*>|/_-] | (?<=\\)[nrt] | %0[AaDd] | &\#(?:10|13|x[AaDd]); )+ )
"""
_FROM_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_TO_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def _decode(digits: bytes) -> bytes:
    digits = digits.translate(_FROM_URL_SAFE)
    if len(digits) % 4 == 1:
        digits = digits[:-1]
    return binascii.a2b_base64(digits + b"=" * (-len(digits) % 4))


def _invariant(text: bytes, alignment: int) -> bytes:
    """The digits that `text` alone decides when `alignment` bytes stand before it in a group of three."""
    encoded = binascii.b2a_base64(bytes(alignment) + text, newline=False)
    return encoded[-(-8 * alignment // 6) : 8 * (alignment + len(text)) // 6]


def _extended(prefix: bytes, alignment: int) -> tuple[bytes, ...]:
    """Of a prefix that decides one digit too few, those digits together with each that can stand before them."""
    if alignment != 1 or len(prefix) < MIN_PREFIX:
        return ()
    return tuple(binascii.b2a_base64(bytes([byte]) + prefix)[1 : 1 + MIN_LITERAL] for byte in range(4))


class Base64:
    """Bytes as digits of six bits."""

    name = "base64"
    _script = DigitScript("base64", 6, _PIECES, _decode, zero=b"A")

    def triggers(self, prefix: bytes) -> Iterator[Trigger]:
        """Both halves of the digits that the prefix decides, for each alignment; nothing under four bytes."""
        prefix = prefix[:_LONGEST_PREFIX]
        for alignment in range(3):
            digits = _invariant(prefix, alignment)
            for literal in halves(digits, MIN_LITERAL, _LONGEST_PIECE) or _extended(prefix, alignment):
                # In one order wherever it runs: what is generated from them is compared.
                yield from map(Trigger, dict.fromkeys((literal, literal.translate(_TO_URL_SAFE))))

    def unwrap(self, data: Data, start: int, end: int) -> Iterator[Unwrapped]:
        """Every likely reading of the digits around the hit; see DigitScript."""
        return self._script.unwrap(data, start, end)
