"""What `scan staged` reads without click is what click reads."""

from __future__ import annotations

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenguard.cli.plain_options import plain
from tokenguard.cli.scan import staged
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


def by_click(arguments: list[str]) -> tuple[str, ScanOptions] | None:
    """The repository and the options as click has them; None where it refuses, or shows help."""
    try:
        typed = staged.make_context("staged", list(arguments)).params
    except (click.ClickException, click.exceptions.Exit):
        return None
    repository = typed.pop("repo")
    return repository, parse(**typed)


def by_hand(arguments: list[str]) -> tuple[str, ScanOptions] | None:
    typed = plain(arguments)
    return None if typed is None else (typed.pop("repo"), parse(**typed))


@given(st.lists(words, max_size=6))
def test_they_agree_wherever_both_read(arguments: list[str]) -> None:
    try:
        read = by_hand(arguments)
    except UsageError as error:
        with pytest.raises(UsageError, match="^" + str(error).partition(" ")[0]):
            by_click(arguments)
        return
    if read is not None:
        assert read == by_click(arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--no-progress", "--format", "json", "-o", "out.json"],
        ["--format=text", "--format=sarif=out.sarif", "--no-cache", "--repo", "somewhere"],
        ["--fail-on", "high", "--exit-zero", "--strict-allow", "--cache", "--output=out.txt"],
    ],
)
def test_what_hooks_say_needs_no_click(arguments: list[str]) -> None:
    read = by_hand(arguments)
    assert read is not None
    assert read == by_click(arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["-h"],
        ["extra"],
        ["--jobs", "2"],
        ["--form", "json"],
        ["-ofile"],
        ["--format"],
        ["--fail-on", "bad"],
    ],
)
def test_the_rest_is_left_to_click(arguments: list[str]) -> None:
    assert plain(arguments) is None
