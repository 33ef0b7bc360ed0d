"""What `scan staged` and `scan files` read without click is what click reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenguard.cli.plain_options import plain_files, plain_staged
from tokenguard.cli.scan import files, staged
from tokenguard.cli.scan_options import ScanOptions, parse
from tokenguard.errors import UsageError

OPTIONS = [
    *("--repo", "--output", "-o", "--fail-on", "--format", "--baseline", "--jobs", "--only", "--report-to"),
    *("--progress", "--no-progress", "--cache", "--no-cache", "--exit-zero", "--strict-allow"),
    *("--verify", "--revoke", "--yes", "--help", "-h", "--", "-", "--form", "--unknown", "-x"),
]
VALUES = ["", "json", "text=out.txt", "sarif", "nonsense", "out.json", "high", "info", "3", "-3", "a b", "=", "--cache"]

words = st.one_of(
    st.sampled_from(OPTIONS),
    st.sampled_from(VALUES),
    st.tuples(st.sampled_from(OPTIONS), st.sampled_from(VALUES)).map("=".join),
    st.tuples(st.sampled_from(OPTIONS), st.sampled_from(VALUES)).map("".join),
)


Read = tuple[str | list[str], ScanOptions]
"""What is scanned, and how."""

by_hand: dict[str, Callable[[list[str]], tuple[str | list[str], dict[str, Any]] | None]]
by_hand = {"staged": plain_staged, "files": plain_files}


def read_by_click(name: str, arguments: list[str]) -> Read | None:
    """What click reads; None where it refuses, or shows help."""
    command = {"staged": staged, "files": files}[name]
    try:
        typed = command.make_context(name, list(arguments)).params
    except (click.ClickException, click.exceptions.Exit):
        return None
    target = typed.pop("repo") if name == "staged" else list(typed.pop("paths"))
    return target, parse(**typed)


def read_by_hand(name: str, arguments: list[str]) -> Read | None:
    read = by_hand[name](arguments)
    return None if read is None else (read[0], parse(**read[1]))


@pytest.mark.parametrize("name", by_hand)
@given(arguments=st.lists(words, max_size=6))
def test_they_agree_wherever_both_read(name: str, arguments: list[str]) -> None:
    try:
        read = read_by_hand(name, arguments)
    except UsageError as error:
        with pytest.raises(UsageError, match="^" + str(error).partition(" ")[0]):
            read_by_click(name, arguments)
        return
    if read is not None:
        assert read == read_by_click(name, arguments)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("staged", []),
        ("staged", ["--no-progress", "--format", "json", "-o", "out.json"]),
        ("staged", ["--format=text", "--format=sarif=out.sarif", "--no-cache", "--repo", "somewhere"]),
        ("staged", ["--fail-on", "high", "--exit-zero", "--strict-allow", "--cache", "--output=out.txt"]),
        ("files", []),
        ("files", ["src", "a b", "--no-progress", "../x", "--format", "json", "-o", "out.json", "é"]),
        ("files", ["--respect-gitignore", "--format=text", "--format=sarif=out.sarif", "--no-cache", "."]),
    ],
)
def test_what_hooks_and_jobs_say_needs_no_click(name: str, arguments: list[str]) -> None:
    read = read_by_hand(name, arguments)
    assert read is not None
    assert read == read_by_click(name, arguments)


LEFT = [
    ["--help"],
    ["-h"],
    ["--", "extra"],
    ["-"],
    [""],
    ["--jobs", "2"],
    ["--form", "json"],
    ["-ofile"],
    ["--format"],
    ["--fail-on", "bad"],
]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [(name, arguments) for name in by_hand for arguments in LEFT]
    + [("staged", ["extra"]), ("staged", ["--respect-gitignore"]), ("files", ["--repo", "x"])],
)
def test_the_rest_is_left_to_click(name: str, arguments: list[str]) -> None:
    assert by_hand[name](arguments) is None
