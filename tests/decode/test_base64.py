"""Base64 in all its forms: whatever stands before, wherever the lines break, whichever alphabet."""

from __future__ import annotations

import base64
import functools
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenguard.decode.base64 import Base64

BREAKS = (
    b"\n",
    b"\r\n",
    b"\r\n    ",
    b"\n\t\t",
    b"\\n",
    b"\\r\\n",
    b'"\n  "',
    b"' +\n    '",
    b"\n# ",
    b"\n// ",
    b"\n+",
    b" \\\n",
)
PREFIXES = st.sampled_from([b"binboi_pat_", b"binboi_live_", b"kbai_pk_"])
ANY_PREFIX = st.one_of(PREFIXES, st.from_regex(rb"[A-Za-z][A-Za-z0-9_.-]{3,19}", fullmatch=True))

Find = Callable[..., set[Any]]


def token_of(prefix: bytes) -> bytes:
    return prefix + secrets.token_hex(18).encode()


@dataclass(frozen=True)
class Lines:
    """Digits over lines, and where each of them stands."""

    text: bytes
    offsets: list[int]


def lines(digits: bytes, width: int, separator: bytes, before: bytes = b"") -> Lines:
    text = bytearray(before)
    offsets: list[int] = []
    for start in range(0, len(digits), width):
        text += separator if start else b""
        offsets.extend(range(len(text), len(text) + len(digits[start : start + width])))
        text += digits[start : start + width]
    return Lines(bytes(text), offsets)


@dataclass(frozen=True)
class Case:
    """A token in a text."""

    prefix: bytes
    before: bytes
    after: bytes

    @functools.cached_property
    def token(self) -> bytes:
        return self.prefix + secrets.token_hex(18).encode()

    @functools.cached_property
    def text(self) -> bytes:
        return self.before + self.token + b" " + self.after

    @property
    def digits(self) -> tuple[int, int]:
        """The digits in which the token and what follows it begin."""
        return len(self.before) * 8 // 6, (len(self.before) + len(self.token)) * 8 // 6


WORDS = st.text("abcXYZ019 :=\n", max_size=12).map(str.encode)
CASES = st.builds(Case, PREFIXES, WORDS, WORDS)
ANY_CASES = st.builds(Case, ANY_PREFIX, WORDS, WORDS)


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@given(case=ANY_CASES, padded=st.booleans())
def test_one_line(sighted: Find, encode: Callable[[bytes], bytes], case: Case, *, padded: bool) -> None:
    digits = encode(case.text)
    data = b'"' + (digits if padded else digits.rstrip(b"=")) + b'"'
    seen = sighted(data, case.prefix, case.token, 1)
    first, end = case.digits
    assert {(sight.via, sight.start, sight.end) for sight in seen} == {(("base64",), 1 + first, 1 + end)}


@pytest.mark.parametrize("separator", BREAKS, ids=repr)
@given(case=CASES, width=st.integers(16, 90), column=st.integers(0, 40))
def test_wrapped_at_every_column(sighted: Find, separator: bytes, case: Case, width: int, column: int) -> None:
    wrapped = lines(base64.b64encode(case.text), width, separator, b" " * column + b"key: ")
    spans = {(sight.start, sight.end) for sight in sighted(wrapped.text, case.prefix, case.token, 1)}
    first, end = case.digits
    last = -(-(len(case.before) + len(case.token)) * 8 // 6) - 1
    # The digit that ends the token may hold the beginning of what follows.
    start = wrapped.offsets[first]
    assert spans
    assert spans <= {(start, wrapped.offsets[end]), (start, wrapped.offsets[last] + 1)}


@pytest.mark.parametrize("separator", BREAKS[:6], ids=repr)
@given(
    case=CASES,
    between=WORDS,
    widths=st.tuples(st.sampled_from([64, 76, 1000]), st.one_of(st.integers(20, 90), st.just(10_000))),
)
def test_twice(sighted: Find, separator: bytes, case: Case, between: bytes, widths: tuple[int, int]) -> None:
    inner_width, width = widths
    inner = lines(base64.b64encode(case.text), inner_width, b"\n").text
    outer = lines(base64.b64encode(between + b"\n" + inner + b"\n"), width, separator).text
    assert ("base64", "base64") in {sight.via for sight in sighted(outer, case.prefix, case.token, 2)}


@given(case=CASES, width=st.one_of(st.integers(16, 90), st.just(10_000)))
def test_an_encoded_command_of_powershell(sighted: Find, case: Case, width: int) -> None:
    script = case.text.decode().encode("utf-16-le")
    data = b"powershell.exe -enc " + lines(base64.b64encode(script), width, b"\n").text
    seen = {sight.via for sight in sighted(data, case.prefix, case.token, 2)}
    assert ("base64", "utf-16le") in seen or (width < 10_000 and ("base64", "utf-16be") in seen)


@pytest.mark.parametrize("width", [10_000, 76, 64, 60, 48, 32, 24])
@pytest.mark.parametrize("following", [b"PASSWORD=1", b"foo", b"end", b"Y2FmZQ==", b"/callback", b"A" * 100])
def test_what_follows_on_the_next_line_does_not_hide_it(sighted: Find, width: int, following: bytes) -> None:
    """96 digits need no padding: nothing says that the text ends there."""
    for _ in range(20):
        token = b"kbai_pk_" + secrets.token_hex(32).encode()
        data = lines(base64.b64encode(token), width, b"\n").text + b"\n" + following + b"\n"
        assert sighted(data, b"kbai_pk_", token, 1), data


@pytest.mark.parametrize("around", [b"/%s/callback", b"auth-%s-1", b"x_%s_y", b'{"a\\/%s\\/b"}', b"token=%s&x=1"])
def test_in_a_path_or_a_query(sighted: Find, around: bytes) -> None:
    for _ in range(20):
        token = b"kbai_pk_" + secrets.token_hex(32).encode()
        assert sighted(around % base64.b64encode(token), b"kbai_pk_", token, 1)


def test_a_list_of_tokens_without_padding(sighted: Find) -> None:
    tokens = [b"kbai_pk_" + secrets.token_hex(32).encode() for _ in range(30)]
    data = b"\n".join(map(base64.b64encode, tokens))
    for token in tokens:
        assert sighted(data, b"kbai_pk_", token, 1)


def test_a_token_of_any_characters(sighted: Find) -> None:
    """Digits 62 and 63 belong to a secret with `~`, `?` and `>` in it."""
    for _ in range(50):
        token = b"app_" + bytes(secrets.choice(b"ab>?~Q0") for _ in range(40))
        for before in (b"", b"x", b"xy"):
            data = b'"' + base64.b64encode(before + token + b" .") + b'"'
            assert sighted(data, b"app_", token, 1)


def test_a_short_prefix_at_each_alignment(sighted: Find) -> None:
    for before in (b"", b"x", b"xy", b"xyz", b"\xff", b"\xffy"):
        token = token_of(b"AKIA")
        assert sighted(base64.b64encode(before + token), b"AKIA", token, 1)


def test_nothing_is_searched_for_a_prefix_under_four_bytes() -> None:
    assert list(Base64().triggers(b"abc")) == []


@given(st.binary(max_size=400), st.data())
def test_any_bytes_are_taken(data: bytes, draw: st.DataObject) -> None:
    start = draw.draw(st.integers(0, len(data)))
    end = draw.draw(st.integers(start, len(data)))
    for stretch in Base64().unwrap(memoryview(data), start, end):
        assert len(stretch.outer) == len(stretch.inner) + 1
