"""Bodies are read strictly: what two readers could read differently is refused, and no refusal repeats it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenguard.server.body import (
    MOST_VALUES,
    DisconnectedError,
    parse_form,
    parse_json,
    parse_query,
    read_body,
    require_type,
    storable,
)
from tokenguard.server.problems import ProblemError

_MARK = "7Hk2pQ"
"""Stands in bad input: no answer may hold it."""

_texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_texts, inner, max_size=4),
    max_leaves=12,
)


@given(_values)
def test_json_that_is_unambiguous_is_read_as_it_was_written(value: Any) -> None:
    assert parse_json(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    "body",
    [
        f'{{"{_MARK}": 1, "{_MARK}": 2}}',
        f'{{"a": {{"{_MARK}": 1, "\\u0037Hk2pQ": 2}}}}',
        f'["{_MARK}", NaN]',
        f'["{_MARK}", -Infinity]',
        f'["{_MARK}", 1e999]',
        "1" * 5000,
        "[" * 33 + "]" * 33,
        "[" * 100_000,
        '{"a":' * 100_000,
        f'["{_MARK}"',
        f'["{_MARK}"] trailing',
        f"{_MARK}",
        "'" + _MARK + "'",
        "\ufeff[]",
        "",
    ],
)
def test_other_json_is_refused_without_repeating_it(body: str) -> None:
    _refused(422, lambda: parse_json(body.encode()))


@pytest.mark.parametrize("body", [b'["\xff"]', b'["\xed\xa0\x80"]', b'["\xc0\x80"]', "[]".encode("utf-16")])
def test_what_is_not_utf8_is_refused(body: bytes) -> None:
    _refused(422, lambda: parse_json(body))


@pytest.mark.parametrize("one", [b"[]", b"{}", b'{"":0}', b"0"])
def test_small_values_without_end_are_refused_before_they_fill_the_memory(one: bytes) -> None:
    number = MOST_VALUES + 1
    for body in (b"[" + b",".join([one] * number) + b"]", b"," * number):
        with pytest.raises(ProblemError) as refused:
            parse_json(body)
        assert (refused.value.problem.status, str(MOST_VALUES) in refused.value.problem.detail) == (413, True)


def test_a_form_gives_each_field_once() -> None:
    assert parse_form(b"token=a%2Bb+c&empty=&token_type_hint=x") == {
        "token": "a+b c",
        "empty": "",
        "token_type_hint": "x",
    }


@pytest.mark.parametrize(
    "body",
    [
        f"token={_MARK}&token={_MARK}".encode(),
        f"token={_MARK}%ff".encode(),
        f"token={_MARK}%00".encode(),
        f"token={_MARK}".encode() + b"\xff",
        "&".join(f"{_MARK}{index}=1" for index in range(60)).encode(),
    ],
)
def test_other_forms_and_queries_are_refused(body: bytes) -> None:
    _refused(422, lambda: parse_form(body))
    _refused(422, lambda: parse_query(body))


@pytest.mark.parametrize(
    ("header", "fits"),
    [
        ("application/json", True),
        ("Application/JSON; charset=UTF-8", True),
        ("application/json; charset=latin-1", False),
        ("text/plain", False),
        ("application/json+x", False),
        ("", False),
        (None, False),
    ],
)
def test_the_type_of_a_body_has_to_be_said(header: str | None, fits: bool) -> None:  # noqa: FBT001
    scope = {"fields": {} if header is None else {b"content-type": header.encode()}}
    if fits:
        require_type(scope, "application/json")
    else:
        _refused(415, lambda: require_type(scope, "application/json"))


@pytest.mark.parametrize("length", [b"101", b"-1", b"9" * 30, b"x"])
def test_a_length_above_the_limit_is_refused_before_the_body_is_read(length: bytes) -> None:
    async def never() -> Any:
        raise AssertionError("read")

    _refused(413, lambda: asyncio.run(read_body({"fields": {b"content-length": length}}, never, 100)))


def test_pieces_are_counted_together() -> None:
    assert _read_pieces([b"a" * 50, b"b" * 50], 100) == b"a" * 50 + b"b" * 50
    _refused(413, lambda: _read_pieces([b"a" * 50, b"b" * 51], 100))
    _refused(413, lambda: _read_pieces([b"a" * 101], 100))


def test_a_body_that_breaks_off_is_nobodys() -> None:
    async def gone() -> Any:
        return {"type": "http.disconnect"}

    with pytest.raises(DisconnectedError):
        asyncio.run(read_body({"fields": {}}, gone, 100))


@pytest.mark.parametrize("value", [["a\0"], {"\0": 1}, {"a": {"b": ["\ud800"]}}, "\udfff"])
def test_texts_that_no_database_keeps_are_known(value: Any) -> None:
    assert not storable(value)


@given(_values)
def test_all_other_texts_can_be_stored(value: Any) -> None:
    assert storable(value)


def _read_pieces(pieces: list[bytes], limit: int) -> bytes:
    left = list(pieces)

    async def receive() -> Any:
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    return asyncio.run(read_body({"fields": {}}, receive, limit))


def _refused(status: int, call: Any) -> None:
    with pytest.raises(ProblemError) as caught:
        call()
    problem = caught.value.problem
    assert problem.status == status
    assert _MARK not in problem.body().decode()
    assert _MARK not in str(caught.value)
