"""Percent and backslash escapes: of every character, of some, of any mixture behind the prefix."""

from __future__ import annotations

import json
import re
import secrets
import urllib.parse
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenguard.decode.escape import Escape
from tokenguard.decode.percent import Percent

Find = Callable[..., set[Any]]
PREFIXES = st.sampled_from([b"binboi_pat_", b"binboi_live_", b"kbai_pk_"])
ANY_PREFIX = st.one_of(PREFIXES, st.from_regex(rb"[A-Za-z][A-Za-z0-9_.-]{3,19}", fullmatch=True))

ESCAPES: dict[str, Callable[[int], str]] = {
    "percent": "%{:02X}".format,
    "percent lower": "%{:02x}".format,
    "byte": r"\x{:02x}".format,
    "byte upper": r"\x{:02X}".format,
    "point": r"\u{:04x}".format,
    "point upper": r"\u{:04X}".format,
    "braced": r"\u{{{:x}}}".format,
    "braced long": r"\x{{{:04X}}}".format,
    "long": r"\U{:08x}".format,
    "octal": r"\{:03o}".format,
    "doubled": r"\\u{:04x}".format,
}
WHOLE = ("percent", "percent lower", "byte", "byte upper", "point", "point upper", "braced")


def token_of(prefix: bytes) -> bytes:
    return prefix + secrets.token_hex(18).encode()


def write(text: bytes, escape: Callable[[int], str], chosen: Callable[[int], bool]) -> bytes:
    return "".join(escape(byte) if chosen(byte) else chr(byte) for byte in text).encode()


@pytest.mark.parametrize("name", WHOLE)
@given(prefix=ANY_PREFIX, before=st.sampled_from([b"", b"a", b"key=", b'"', rb"\n", b"%0A"]))
def test_every_character(sighted: Find, name: str, prefix: bytes, before: bytes) -> None:
    token = token_of(prefix)
    written = write(token, ESCAPES[name], lambda _: True)
    seen = sighted(before + written + b" after", prefix, token, 1)
    via = "percent" if name.startswith("percent") else "escape"
    assert {(s.via, s.start, s.end) for s in seen} == {((via,), len(before), len(before + written))}


@pytest.mark.parametrize("name", ESCAPES)
@pytest.mark.parametrize("prefix", [b"binboi_pat_", b"kbai_pk_", b"live-key-"])
def test_all_that_is_neither_letter_nor_digit(sighted: Find, name: str, prefix: bytes) -> None:
    token = token_of(prefix) + b"_end"
    written = write(token, ESCAPES[name], lambda byte: not chr(byte).isalnum())
    seen = sighted(b'{"key": "' + written + b'"}', prefix, token, 1)
    assert {(s.start, s.end) for s in seen} == {(9, 9 + len(written))}


@pytest.mark.parametrize("name", WHOLE)
def test_an_early_underscore(sighted: Find, name: str) -> None:
    token = token_of(b"sk_live_")
    assert sighted(write(token, ESCAPES[name], lambda byte: byte == ord("_")), b"sk_live_", token, 1)


@pytest.mark.parametrize("name", ESCAPES)
@given(flips=st.lists(st.booleans(), min_size=36, max_size=36))
def test_any_mixture_behind_the_prefix(sighted: Find, name: str, flips: list[bool]) -> None:
    token = token_of(b"binboi_pat_")
    escape = ESCAPES[name]
    head = write(b"binboi_pat_", escape, lambda byte: byte == ord("_"))
    body = "".join(escape(byte) if flip else chr(byte) for byte, flip in zip(token[11:], flips, strict=True)).encode()
    assert sighted(b"'" + head + body + b"'", b"binboi_pat_", token, 1)


def test_percent_encoded_twice(sighted: Find, token: bytes) -> None:
    once = write(token, ESCAPES["percent"], lambda _: True)
    twice = urllib.parse.quote(once).encode()
    assert {s.via for s in sighted(twice, b"binboi_pat_", token, 3)} == {("percent", "percent")}
    some = urllib.parse.quote(token.replace(b"_", b"%5F")).encode()
    assert {s.via for s in sighted(b"x=" + some, b"binboi_pat_", token, 3)} == {("percent", "percent")}
    thrice = urllib.parse.quote(some).encode()
    assert {s.via for s in sighted(b"x=" + thrice, b"binboi_pat_", token, 3)} == {("percent",) * 3}


def test_json_within_json(sighted: Find, token: bytes) -> None:
    inner = re.sub("_", r"\\u005f", json.dumps({"key": token.decode()}))
    assert sighted(json.dumps(inner).encode(), b"binboi_pat_", token, 2)


def test_underscores_of_markdown(sighted: Find, token: bytes) -> None:
    text = b"My token is " + token.replace(b"_", rb"\_") + b"."
    assert {s.start for s in sighted(text, b"binboi_pat_", token, 1)} == {12}


def test_a_string_that_had_to_be_cut_after_an_escape(sighted: Find, token: bytes) -> None:
    text = b'char *key = "' + token.replace(b"_", rb'\x5f" "') + b'";'
    assert {s.start for s in sighted(text, b"binboi_pat_", token, 1)} == {13}


@pytest.mark.parametrize("end", [b'"', b"&next=1", b"%26x", b"\\n", b"\\u000a", b"\\x0a", b"\r\n", b"#", b" ", b""])
def test_what_ends_it(sighted: Find, token: bytes, end: bytes) -> None:
    for name in ("percent", "byte"):
        text = b"x=" + write(token, ESCAPES[name], lambda byte: byte == ord("_")) + end
        assert sighted(text, b"binboi_pat_", token, 1)


@pytest.mark.parametrize("wrapping", [Percent(), Escape()], ids=lambda wrapping: wrapping.name)
@given(
    data=st.one_of(st.binary(max_size=300), st.text("\\\"'ux{}%0189afF \n", max_size=300).map(str.encode)),
    draw=st.data(),
)
def test_any_bytes_are_taken(wrapping: Percent | Escape, data: bytes, draw: st.DataObject) -> None:
    start = draw.draw(st.integers(0, len(data)))
    end = draw.draw(st.integers(start, len(data)))
    for stretch in wrapping.unwrap(memoryview(data), start, end):
        assert len(stretch.outer) == len(stretch.inner) + 1
        assert list(stretch.outer) == sorted(stretch.outer)


@pytest.mark.parametrize("hostile", [b"\\" * 9000, b'"' + b" " * 9000, b'"\n' * 5000, b"%" * 9000, b"%2" * 5000])
def test_hostile_text_takes_no_time(hostile: bytes) -> None:
    """Each of these would take minutes if a pattern tried every way to read it."""
    for wrapping in (Percent(), Escape()):
        for _ in range(20):
            list(wrapping.unwrap(b"binboi" + hostile, 0, 7))
