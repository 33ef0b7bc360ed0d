"""UTF-16: both byte orders, any offset, cut anywhere, beside other characters."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenguard.decode.utf16 import Utf16

Find = Callable[..., set[Any]]
PREFIXES = st.one_of(
    st.sampled_from([b"binboi_pat_", b"binboi_live_", b"kbai_pk_"]),
    st.from_regex(rb"[A-Za-z][A-Za-z0-9_.-]{3,19}", fullmatch=True),
)
WORDS = st.text("abé \u2019漢😀\ufeff\r\n=", max_size=60)


@pytest.mark.parametrize("order", ["utf-16-le", "utf-16-be"])
@given(prefix=PREFIXES, around=st.tuples(WORDS, WORDS), shift=st.sampled_from([b"", b"x", b"xy", b"\xff\xfe\xfd"]))
def test_both_byte_orders(sighted: Find, order: str, prefix: bytes, around: tuple[str, str], shift: bytes) -> None:
    before, after = around
    token = prefix + secrets.token_hex(18).encode()
    head = shift + before.encode(order)
    text = token.decode().encode(order)
    seen = sighted(head + text + ("\n" + after).encode(order), prefix, token, 1)
    assert len(seen) == 1
    (sight,) = seen
    # In the middle of Latin-1 text at an odd offset both orders fit; then the span may be off by the NUL.
    assert abs(sight.start - len(head)) <= (1 if shift else 0)
    assert sight.end - sight.start == len(text)


@pytest.mark.parametrize("order", ["utf-16-le", "utf-16-be"])
def test_alone(sighted: Find, order: str, token: bytes) -> None:
    text = token.decode().encode(order)
    for data in (text, b"x" + text, text + b"x", text.rstrip(b"\0")):
        assert len(sighted(data, b"binboi_pat_", token, 1)) == 1
    (sight,) = sighted(text, b"binboi_pat_", token, 1)
    assert sight.via == (order.replace("16-", "16"),)


def test_what_is_not_latin_ends_it(sighted: Find, token: bytes) -> None:
    text = ("漢" + token.decode() + "\u2019s").encode("utf-16-le")
    (sight,) = sighted(text, b"binboi_pat_", token, 1)
    assert (sight.start, sight.end) == (2, 2 + 2 * len(token))


@given(st.lists(st.sampled_from([0, 0, 97, 255]), max_size=300).map(bytes), st.data())
def test_any_bytes_are_taken(data: bytes, draw: st.DataObject) -> None:
    start = draw.draw(st.integers(0, len(data)))
    end = draw.draw(st.integers(start, len(data)))
    for stretch in Utf16().unwrap(memoryview(data), start, end):
        assert len(stretch.outer) == len(stretch.inner) + 1
        assert stretch.outer[-1] <= len(data)
