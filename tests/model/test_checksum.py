"""The checksum at a token's end: one value that others can compute too, and every slip of one character is seen."""

from __future__ import annotations

import secrets
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

import plant
from tokenguard.model import Part, TokenFormat
from tokenguard.model.checksum import DIGITS, checksum_holds, checksum_of
from tokenguard.model.mint import draw_token

CHECKED = TokenFormat("acme_", (Part(DIGITS, 30), Part(checksum="crc32", length=6)), 5, 178.6)
PLAIN = TokenFormat("acme_", (Part(DIGITS, 30),), 5, 178.6)


@pytest.mark.parametrize(
    ("text", "checksum"),
    [
        (b"", b"000000"),
        (b"123456789", b"3jZRME"),  # the standard check value of CRC-32, 0xCBF43926
        (b"a", b"4GEHKN"),
    ],
)
def test_known_values(text: bytes, checksum: bytes) -> None:
    assert checksum_of(text) == checksum
    value = 0
    for digit in checksum.decode():
        value = value * 62 + (string.digits + string.ascii_uppercase + string.ascii_lowercase).index(digit)
    assert value < 2**32


@given(text=st.text(string.printable, max_size=80))
def test_it_is_what_anyone_else_computes(text: str) -> None:
    assert checksum_of(text.encode()).decode() == plant.checksum(text)


def test_what_is_drawn_holds_and_one_other_character_does_not() -> None:
    token = draw_token(CHECKED)
    assert len(token) == CHECKED.length == 41
    assert checksum_holds(CHECKED, token.encode())
    for at in range(len(token)):
        other = secrets.choice([digit for digit in DIGITS if digit != token[at]])
        assert not checksum_holds(CHECKED, (token[:at] + other + token[at + 1 :]).encode())


def test_a_format_without_one_is_content() -> None:
    assert checksum_holds(PLAIN, draw_token(PLAIN).encode())
    assert checksum_holds(None, b"anything")
    assert (CHECKED.checksum_length, PLAIN.checksum_length) == (6, 0)
