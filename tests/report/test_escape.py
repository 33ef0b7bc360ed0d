"""The quoting of unsafe text: what is safe stays, what is not cannot act, and everything comes back."""

from __future__ import annotations

import codecs
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenguard.report import escape
from tokenguard.report.escape import flowed, octets, portable, shown, unsafe
from tokenguard.report.json_encoding import encode
from tokenguard.report.uri import reference

NAMES = st.binary(max_size=30).map(lambda name: name.decode("utf-8", "surrogateescape"))
ANYTHING = st.one_of(NAMES, st.text(), st.text(st.characters(codec=None), max_size=30))


def unquoted(text: str) -> str:
    """The original of a quoted text, by Python's own reading of octal escapes."""
    if not text.startswith('"'):
        return text
    decoded, _ = codecs.escape_decode(text[1:-1].encode())
    assert isinstance(decoded, bytes)
    return decoded.decode("utf-8", "surrogateescape")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("conf/a.env", "conf/a.env"),
        ("C:\\a b\\ñ.env", "C:\\a b\\ñ.env"),
        ("a\x1b[31mb", '"a\\033[31mb"'),
        ("a\nb\tc\rd", '"a\\nb\\tc\\rd"'),
        ("\x9b31m", '"\\302\\23331m"'),
        ("evil\u202egnp.exe", '"evil\\342\\200\\256gnp.exe"'),
        ("zero\u200bwidth", '"zero\\342\\200\\213width"'),
        ("caf\udce9", '"caf\\351"'),
        ('"a"', '"\\"a\\""'),
        ("::add-mask::x", '"\\072:add-mask::x"'),
        (" a \u3000::Error::", '" a \u3000\\072:Error::"'),
        ("###[group]x ##vso[y", '"#\\043#[group]x \\043#vso[y"'),
        ("std::x [::1] ::1 :: #[derive] ## [a]", "std::x [::1] ::1 :: #[derive] ## [a]"),
        ('a"b\\c\x7f', '"a\\"b\\\\c\\177"'),
        ("", ""),
    ],
)
def test_shown_quotes_what_is_unsafe(text: str, expected: str) -> None:
    assert shown(text) == expected


def test_prose_of_several_lines_flows() -> None:
    assert flowed("one\n  two\tthree\n") == "one two three"
    assert flowed("a\x1bb") == '"a\\033b"'


def test_shown_cuts_before_it_quotes() -> None:
    assert shown("ab\x1bcd", limit=3) == '"ab\\033"…'
    assert shown("abc", limit=3) == "abc"


@given(ANYTHING)
def test_shown_is_one_safe_line(text: str) -> None:
    assert not unsafe().search(shown(text))
    shown(text).encode()


@given(NAMES)
def test_every_name_comes_back(name: str) -> None:
    assert unquoted(shown(name)) == name
    assert unquoted(shown(name, also="`|")) == name
    assert unquoted(portable(name)) == name
    assert octets(name) == name.encode("utf-8", "surrogateescape")


@given(ANYTHING)
def test_portable_is_utf_8_and_leaves_utf_8_alone(text: str) -> None:
    portable(text).encode()
    if not text.startswith('"') and text.isascii():
        assert portable(text) == text


@given(ANYTHING, ANYTHING)
def test_different_texts_stay_different(one: str, other: str) -> None:
    assert (shown(one) == shown(other)) == (octets(one) == octets(other))


@given(ANYTHING)
def test_json_shows_no_unsafe_character(text: str) -> None:
    encoded = encode({"path": text})
    assert not unsafe().search(encoded)
    encoded.encode()


@given(ANYTHING)
def test_a_reference_is_a_plain_uri(path: str) -> None:
    uri = reference(path)
    assert uri
    assert uri.isascii()
    assert not set(uri) & set(' "<>\\^`{|}#?:@') or uri.startswith("file:///")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a b/ñ.env", "a%20b/%C3%B1.env"),
        ("caf\udce9", "caf%E9"),
        ("c:/x", "c%3A/x"),
        ("100%#?", "100%25%23%3F"),
        ("/etc/x", "file:///etc/x"),
        ("//host/x", "file:///host/x"),
        ("", "."),
    ],
)
def test_references(path: str, expected: str) -> None:
    assert reference(path) == expected


@given(ANYTHING)
def test_what_was_quoted_comes_back(text: str) -> None:
    assert octets(escape.unquoted(portable(text))) == octets(text)
    assert octets(escape.unquoted(shown(text))) == octets(text)


@pytest.mark.parametrize("text", ['"', '"a', '"a"b"', '"\\"', '"\\9"', '"\\400"', '"\\x41"', '"\\'])
def test_what_nobody_quoted_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not quoted"):
        escape.unquoted(text)


@given(st.text('"\\0123nrtx', max_size=30))
def test_unquoting_is_total(text: str) -> None:
    with contextlib.suppress(ValueError):
        escape.unquoted(text)
