"""The checksum that a token may end in: one that is wrong was never issued, which can be told without asking anybody.

CRC-32 (ISO 3309, as `zlib.crc32`) of everything before it, in base62 with the digits 0-9A-Za-z, padded with zeros on
the left. It finds slips and look-alikes; it is no secret, and whoever forges a token can forge it too.
"""

from __future__ import annotations

from zlib import crc32

from tokenguard.model.rule import TokenFormat

CHECKSUMS = {"crc32": 6}
"""The checksums that a format may name, and the characters of each: 62**6 is the first power above 2**32."""
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
"""What a checksum is written in, in the order of value."""


def checksum_of(text: bytes) -> bytes:
    """The checksum that belongs behind `text`."""
    rest, written = crc32(text), ""
    for _ in range(CHECKSUMS["crc32"]):
        rest, digit = divmod(rest, len(DIGITS))
        written = DIGITS[digit] + written
    return written.encode()


def checksum_holds(token_format: TokenFormat | None, token: bytes) -> bool:
    """Whether `token`, which has the format's shape, ends in the right checksum; so does what has none."""
    length = token_format.checksum_length if token_format is not None else 0
    return not length or token[-length:] == checksum_of(token[:-length])
