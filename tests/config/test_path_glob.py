"""Path patterns: the cases that docs/ignoring.md names, and agreement with git's own reading of gitignore."""

from __future__ import annotations

import itertools
import os
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenguard.config.path_glob import PathGlob

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("pattern", "covered", "not_covered"),
    [
        ("fixtures", ["fixtures", "fixtures/a", "x/fixtures/y/z"], ["fixtures2", "my-fixtures/a"]),
        ("*.env", ["a.env", "x/y/.env", "a.env/b"], ["a.envx", "env"]),
        ("/conf", ["conf", "conf/a"], ["x/conf"]),
        ("./conf", ["conf/a"], ["x/conf/a"]),
        ("conf/*.env", ["conf/a.env"], ["conf/x/a.env", "x/conf/a.env", "conf/a.txt"]),
        ("conf/**/a.env", ["conf/a.env", "conf/x/a.env", "conf/x/y/a.env"], ["a.env", "conf2/a.env"]),
        ("**/conf/a", ["conf/a", "x/y/conf/a"], ["x/confa", "conf/x/a"]),
        ("tests/**", ["tests/a", "tests/x/y"], ["tests", "x/tests/a"]),
        ("tests/", ["tests/a", "x/tests/a"], ["tests", "x/tests"]),
        ("**", ["a", "x/y/z", "commit message"], []),
        ("commit message", ["commit message"], ["commit", "message"]),
        ("a?c", ["abc"], ["ac", "abbc"]),
        ("[ab].txt", ["a.txt", "b.txt"], ["c.txt"]),
        ("[!ab].txt", ["c.txt"], ["a.txt"]),
        ("[*].txt", ["*.txt"], ["a.txt"]),
        ("Conf", ["Conf"], ["conf"]),
        ("a b\nc", ["a b\nc"], ["a b"]),
        ("*.txt", [os.fsdecode(b"\xff\xfe.txt"), "line\nbreak.txt", "/home/u/a.txt", "./a.txt"], []),
    ],
)
def test_what_a_pattern_covers(pattern: str, covered: list[str], not_covered: list[str]) -> None:
    glob = PathGlob.parse(pattern)
    assert [path for path in covered if not glob.matches(path)] == []
    assert [path for path in not_covered if glob.matches(path)] == []


@pytest.mark.parametrize("pattern", ["", " ", "/", "//", "!keep", "x" * 1001])
def test_a_pattern_that_means_nothing_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="pattern"):
        PathGlob.parse(pattern)


def test_equal_texts_are_equal_patterns() -> None:
    assert PathGlob.parse("a/*.env") == PathGlob.parse("a/*.env") != PathGlob.parse("a/*.en")
    assert len({PathGlob.parse("a"), PathGlob.parse("a")}) == 1


@pytest.mark.parametrize("pattern", ["*a" * 400 + "b", "**/a/" * 150 + "b", "?*" * 400 + "b", "*[ab]" * 150 + "c"])
def test_a_hostile_pattern_takes_no_time(pattern: str) -> None:
    glob = PathGlob.parse(pattern)
    started = time.process_time()
    assert not glob.matches("a" * 4000)
    assert not glob.matches("a/" * 2000)
    assert time.process_time() - started < 2


PATHS = ["/".join(parts) for size in (1, 2, 3) for parts in itertools.product(("a", "b", "ab", "ba"), repeat=size)]
# git's answers to two stars beside other characters contradict gitignore(5): `a**/**` covers the file `a`.
_SEGMENT = st.just("**") | st.text("ab*?", min_size=1, max_size=3).filter(lambda text: "**" not in text)
_PATTERN = st.builds(
    lambda root, segments, end: root + "/".join(segments) + end,
    st.sampled_from(["", "/"]),
    st.lists(_SEGMENT, min_size=1, max_size=4),
    st.sampled_from(["", "/"]),
)


@pytest.fixture(scope="module")
def empty_repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("ignoring")
    subprocess.run(["git", "init", "-q", top], check=True)
    return top


@settings(max_examples=150)
@given(pattern=_PATTERN)
def test_git_reads_the_pattern_in_the_same_way(empty_repository: Path, pattern: str) -> None:
    (empty_repository / ".gitignore").write_text(pattern + "\n")
    asked = subprocess.run(
        ["git", "-C", empty_repository, "check-ignore", "--no-index", "--stdin", "-z"],
        input="\0".join((*PATHS, "")),
        capture_output=True,
        text=True,
        check=False,
    )
    glob = PathGlob.parse(pattern)
    assert {path for path in PATHS if glob.matches(path)} == set(filter(None, asked.stdout.split("\0")))
