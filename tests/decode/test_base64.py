"""Base64 in all its forms: whatever stands before, wherever the lines break, whichever alphabet."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable
from dataclasses import dataclass

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
WORDS = st.text("abcXYZ019 :=\n", max_size=12).map(str.encode)

Find = Callable[..., set[object]]


def token_of(prefix: bytes) -> bytes:
    return prefix + secrets.token_hex(18).encode()


@dataclass(frozen=True)
class Lines:
    """Digits over lines, and where each of them stands."""

    text: bytes
    offsets: list[int]


def lines(digits: bytes, width: int, separator: bytes, before: bytes = b"") -> Lines:
    text, offsets = bytearray(before), []
    for start in range(0, len(digits), width):
        text += separator if start else b""
        offsets.extend(range(len(text), len(text) + len(digits[start : start + width])))
        text += digits[start : start + width]
    return Lines(bytes(text), offsets)


@given(prefix=ANY_PREFIX, before=WORDS, after=WORDS, safe=st.booleans(), padded=st.booleans())
def test_one_line(sighted: Find, prefix: bytes, before: bytes, after: bytes, safe: bool, padded: bool) -> None:  # noqa: FBT001
    token = token_of(prefix)
    after = b" " + after
    encode = base64.urlsafe_b64encode if safe else base64.b64encode
    digits = encode(before + token + after)
    data = b'"' + (digits if padded else digits.rstrip(b"=")) + b'"'
    seen = sighted(data, prefix, token, 1)
    first, end = len(before), len(before) + len(token)
    assert {(sight.via, sight.start, sight.end) for sight in seen} == {
        (("base64",), 1 + first * 8 // 6, 1 + end * 8 // 6)
    }


@pytest.mark.parametrize("separator", BREAKS, ids=repr)
@given(
    prefix=PREFIXES, before=WORDS, width=st.integers(16, 90), column=st.integers(0, 40).map(lambda count: b" " * count)
)
def test_wrapped_at_every_column(
    sighted: Find, separator: bytes, prefix: bytes, before: bytes, width: int, column: bytes
) -> None:
    token = token_of(prefix)
    wrapped = lines(base64.b64encode(before + token + b"\nnext line"), width, separator, column + b"key: ")
    spans = {(sight.start, sight.end) for sight in sighted(wrapped.text, prefix, token, 1)}
    first, end = len(before), len(before) + len(token)
    begin, last = wrapped.offsets[first * 8 // 6], wrapped.offsets[-(-end * 8 // 6) - 1]
    # The digit that ends the token may hold the beginning of what follows.
    assert spans
    assert spans <= {(begin, wrapped.offsets[end * 8 // 6]), (begin, last + 1)}


@given(
    prefix=PREFIXES,
    before=WORDS,
    between=WORDS,
    inner_width=st.sampled_from([64, 76, 1000]),
    width=st.one_of(st.integers(20, 90), st.just(10_000)),
    separator=st.sampled_from(BREAKS[:6]),
)
def test_twice(
    sighted: Find, prefix: bytes, before: bytes, between: bytes, inner_width: int, width: int, separator: bytes
) -> None:
    token = token_of(prefix)
    inner = lines(base64.b64encode(before + token + b" after"), inner_width, b"\n").text
    outer = lines(base64.b64encode(between + b"\n" + inner + b"\n"), width, separator).text
    assert ("base64", "base64") in {sight.via for sight in sighted(outer, prefix, token, 2)}


@given(prefix=PREFIXES, before=WORDS, width=st.one_of(st.integers(16, 90), st.just(10_000)))
def test_an_encoded_command_of_powershell(sighted: Find, prefix: bytes, before: bytes, width: int) -> None:
    token = token_of(prefix)
    script = (before + token + b"; exit").decode().encode("utf-16-le")
    data = b"powershell.exe -enc " + lines(base64.b64encode(script), width, b"\n").text
    assert ("base64", "utf-16le") in {sight.via for sight in sighted(data, prefix, token, 2)}


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
