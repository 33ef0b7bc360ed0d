"""The help of every command, word for word. Run with UPDATE_SNAPSHOTS=1 to write what is expected anew."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from cli.program import CLEAN, run
from tokenguard.cli.root import root

EXPECTED = Path(__file__).parent / "expected"


def commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of every command, groups among them."""
    yield path
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None, name
            yield from commands(inner, (*path, name))


ALL = sorted(commands(root))
LEAVES = [path for path in ALL if not any(other[: len(path)] == path and other != path for other in ALL)]


def name_of(path: tuple[str, ...]) -> str:
    return "-".join(("tokenguard", *path))


@pytest.mark.parametrize("path", ALL, ids=name_of)
def test_help_reads_as_expected(path: tuple[str, ...], tmp_path: Path) -> None:
    ended = run(*path, "--help", cwd=tmp_path)
    assert (ended.code, ended.err) == (CLEAN, "")
    expected = EXPECTED / f"{name_of(path)}.txt"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        expected.parent.mkdir(exist_ok=True)
        expected.write_text(ended.out)
    assert ended.out == expected.read_text()
    assert max(map(len, ended.out.splitlines())) <= 120


def test_no_help_is_left_over() -> None:
    assert {path.stem for path in EXPECTED.iterdir()} == set(map(name_of, ALL))


@pytest.mark.parametrize("path", LEAVES, ids=name_of)
def test_every_command_has_examples(path: tuple[str, ...]) -> None:
    """And they are commands that there are, with options that there are."""
    command: click.Command = root
    for name in path:
        assert isinstance(command, click.Group)
        command = command.get_command(click.Context(command), name) or root
    own = " ".join(("tokenguard", *path))
    lines = [line.strip() for line in (command.epilog or "").splitlines() if own in line]
    assert lines, "no examples"
    options = {name for each in command.params if isinstance(each, click.Option) for name in each.opts}
    for line in lines:
        _, _, ours = line.rpartition(own)
        given = {word.partition("=")[0] for word in ours.split() if word.startswith("-") and len(word) > 1}
        assert given <= options, line


@pytest.mark.parametrize("path", [path for path in ALL if path and path not in LEAVES], ids=name_of)
def test_a_group_has_an_example_of_each_command(path: tuple[str, ...]) -> None:
    told = (EXPECTED / f"{name_of(path)}.txt").read_text().partition("Examples:")[2]
    for inner in ALL:
        if inner[:-1] == path:
            assert " ".join(("tokenguard", *inner)) in told


def test_the_version(tmp_path: Path) -> None:
    assert run("--version", cwd=tmp_path).out.startswith("tokenguard, version ")
