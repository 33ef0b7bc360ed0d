"""Whatever a signed message holds: its entries, or a 4xx; never a fault, and no token in what is said."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenguard.server.problems import ProblemError
from tokenguard.server.webhooks.entries import place, read_entries, text
from tokenguard.server.webhooks.github import GITHUB
from tokenguard.server.webhooks.gitlab import GITLAB

_TEXTS = st.text(st.characters(), max_size=30)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXTS, inner, max_size=4),
    max_leaves=8,
)
_KEYS = st.sampled_from(("token", "type", "url", "source", "location"))
_ENTRIES = st.lists(st.dictionaries(_KEYS, _TEXTS | _VALUES, max_size=5) | _VALUES, max_size=6)


@given(_VALUES | _ENTRIES)
def test_any_json(value: Any) -> None:
    for forge in (GITHUB, GITLAB):
        try:
            listed = read_entries(json.dumps(value).encode(), forge.place_of)
        except ProblemError as error:
            assert error.problem.status == 422  # noqa: PT017 - as below
            continue
        good = [each for each in value if isinstance(each, dict) and text(each, "token")]
        assert len(listed.entries) == len(listed.types) == len(good)
        assert [each.token.reveal() for each in listed.entries] == [
            each["token"].encode("utf-8", "replace") for each in good
        ]


@given(st.binary(max_size=200))
def test_any_bytes(body: bytes) -> None:
    try:
        read_entries(body, GITHUB.place_of)
    except ProblemError as error:
        assert error.problem.status == 422  # noqa: PT017 - what it is raised with


@given(_TEXTS, _TEXTS)
def test_any_place(source: str, url: str) -> None:
    found = place(source, url)
    assert (found.source, found.url) == (source, url)


@pytest.mark.parametrize(
    ("url", "commit", "path"),
    [
        ("https://github.com/o/r/blob/" + "0a" * 20 + "/a/b%20c.py#L3-L4", "0a" * 20, "a/b c.py"),
        ("https://gitlab.com/g/p/-/blob/" + "0a" * 20 + "/x?plain=1", "0a" * 20, "x"),
        ("https://github.com/o/r/commit/" + "0a" * 20, "0a" * 20, ""),
        ("https://github.com/o/r/commit/" + "0a" * 21, "", ""),
        ("https://github.com/o/r/blob/main/a.py", "", ""),
        ("https://gist.github.com/o/" + "0a" * 16, "", ""),
        ("", "", ""),
    ],
)
def test_what_a_link_says(url: str, commit: str, path: str) -> None:
    found = place("github:commit", url)
    assert (found.commit, found.path, found.url) == (commit, path, url)
