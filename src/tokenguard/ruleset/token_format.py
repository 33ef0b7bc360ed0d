"""What follows from a token section: the pattern that finds a token, the one that sieves, its random bits.

Deriving them is what keeps mint, find and show in step: a token rule has no pattern of its own.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable
from math import log2

from tokenguard.model import Part, TokenFormat
from tokenguard.model.checksum import DIGITS

ALPHABETS = {
    "digits": string.digits,
    "hex": string.digits + "abcdef",
    "hex_upper": string.digits + "ABCDEF",
    "base32": string.ascii_uppercase + "234567",
    "base36": string.digits + string.ascii_lowercase,
    "base58": "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz",
    "base62": string.digits + string.ascii_letters,
    "base64": string.ascii_letters + string.digits + "+/",
    "base64url": string.ascii_letters + string.digits + "-_",
}
"""Names for the usual alphabets (base32 and base64: RFC 4648; base58: Bitcoin's)."""


def pattern_of(token_format: TokenFormat) -> str:
    r"""The `re` pattern of exactly one token; whether its checksum is right, no pattern can say.

    Nothing is asked of what stands before: a literal `\n` or `%0A` in front of a token ends in a letter or
    digit and must not hide it. A letter or digit directly after makes the run too long to be a token.
    """
    return body_of(token_format) + "(?![0-9A-Za-z])"


def sieve_of(token_format: TokenFormat) -> str:
    """The same for Hyperscan, which has no look-ahead: the hit ends one byte late, except at the end."""
    return body_of(token_format) + r"(?:[^0-9A-Za-z]|\z)"


def body_of(token_format: TokenFormat) -> str:
    """The token itself as a pattern, in the syntax that `re`, Hyperscan and RE2 share; its checksum may be any."""
    return re.escape(token_format.prefix) + "".join(_part_pattern(part) for part in token_format.parts)


def random_bits(parts: Iterable[Part]) -> float:
    """Bits of entropy in uniformly drawn parts; a checksum has none."""
    return round(sum(part.length * log2(len(part.alphabet)) for part in parts if part.alphabet), 2)


def hidden_bits(token_format: TokenFormat) -> float:
    """Bits of entropy in what the visible prefix does not show."""
    shown = token_format.visible_prefix - len(token_format.prefix)
    bits = 0.0
    for part in token_format.parts:
        length = part.length or len(part.literal)
        hidden = length - min(max(shown, 0), length)
        shown -= length
        if part.alphabet:
            bits += hidden * log2(len(part.alphabet))
    return round(bits, 2)


def _part_pattern(part: Part) -> str:
    if part.literal:
        return re.escape(part.literal)
    return f"[{_ranges(DIGITS if part.checksum else part.alphabet)}]{{{part.length}}}"


def _ranges(alphabet: str) -> str:
    """The alphabet as the inside of a character class, runs of three and more as ranges."""
    runs: list[list[str]] = []
    for character in sorted(alphabet):
        if runs and ord(character) == ord(runs[-1][-1]) + 1:
            runs[-1].append(character)
        else:
            runs.append([character])
    return "".join(
        f"{re.escape(run[0])}-{re.escape(run[-1])}" if len(run) > 2 else "".join(map(re.escape, run)) for run in runs
    )
