"""Hexadecimal digits: one run, wrapped, set apart, and the dumps of real programs."""

from __future__ import annotations

import secrets
import shutil
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenguard.decode.hex import Hex

Find = Callable[..., set[Any]]
PREFIXES = st.sampled_from([b"binboi_pat_", b"binboi_live_", b"kbai_pk_"])
ANY_PREFIX = st.one_of(PREFIXES, st.from_regex(rb"[A-Za-z][A-Za-z0-9_.-]{3,19}", fullmatch=True))
WORDS = st.text("abcXYZ019 :=\n", max_size=12).map(str.encode)


def token_of(prefix: bytes) -> bytes:
    return prefix + secrets.token_hex(18).encode()


@given(prefix=ANY_PREFIX, before=WORDS, upper=st.booleans(), separator=st.sampled_from(["", " ", ":", ", 0x"]))
def test_one_line(sighted: Find, prefix: bytes, before: bytes, upper: bool, separator: str) -> None:  # noqa: FBT001
    token = token_of(prefix)
    pairs = [f"{byte:02X}" if upper else f"{byte:02x}" for byte in before + token + b" after"]
    data = b"(" + separator.join(pairs).encode() + b")"
    step = 2 + len(separator)
    start, end = 1 + step * len(before), 1 + step * (len(before) + len(token))
    assert {(sight.via, sight.start, sight.end) for sight in sighted(data, prefix, token, 1)} == {
        (("hex",), start, end)
    }


@given(
    prefix=PREFIXES,
    before=WORDS,
    width=st.integers(16, 90),
    separator=st.sampled_from([b"\n", b"\r\n    ", b"\\n", b'"\n  "', b"' +\n    '"]),
)
def test_wrapped_at_every_column(sighted: Find, prefix: bytes, before: bytes, width: int, separator: bytes) -> None:
    token = token_of(prefix)
    digits = (before + token + b" after").hex().encode()
    data = separator.join(digits[start : start + width] for start in range(0, len(digits), width))
    assert {sight.via for sight in sighted(data, prefix, token, 1)} == {("hex",)}


@pytest.mark.parametrize("following", [b"cafe4141", b"41", b"deadbeef\n62", b"face off"])
@pytest.mark.parametrize("separator", [b"\n", b" ", b", "])
def test_what_follows_does_not_hide_it(sighted: Find, separator: bytes, following: bytes) -> None:
    token = token_of(b"kbai_pk_")
    assert sighted(token.hex().encode() + separator + following, b"kbai_pk_", token, 1)


@pytest.mark.parametrize(
    "command",
    [
        "xxd -p",
        "xxd -p -u -c 16",
        "xxd -i",
        "xxd -g1",
        "xxd -g1 -u",
        "hexdump -C",
        "od -An -v -tx1",
        "od -v -tx1",
        "od -Ax -v -tx1",
    ],
)
def test_real_dumps(sighted: Find, command: str, token: bytes) -> None:
    program, *options = command.split()
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    for before in range(16):
        text = b"h" * before + token + b"\nand the rest of the file\n"
        dump = subprocess.run([program, *options], input=text, capture_output=True, check=True).stdout
        seen = {sight.via for sight in sighted(dump, b"binboi_pat_", token, 1)}
        assert ("hex",) in seen, f"{command} at {before}"


def test_nothing_is_searched_for_a_prefix_under_four_bytes() -> None:
    assert list(Hex().triggers(b"abc")) == []


@given(st.binary(max_size=400), st.data())
def test_any_bytes_are_taken(data: bytes, draw: st.DataObject) -> None:
    start = draw.draw(st.integers(0, len(data)))
    end = draw.draw(st.integers(start, len(data)))
    for stretch in Hex().unwrap(memoryview(data), start, end):
        assert len(stretch.outer) == len(stretch.inner) + 1
