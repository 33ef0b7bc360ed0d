"""Trees of files: the repository's own, checked out, and a large made one; beside each the same scan of no files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bench import tree
from bench.contestant import Contestant
from bench.limit import Limit, RatioLimit, Time
from bench.stage import Contest, Scenario, Stage
from bench.tools import GREP_C, GREP_UTF8, KINGFISHER_OURS, Kind, Tools, scan

FILES = "tokenguard scan files"
EMPTY = ", empty folder"
_FILES = 20_000
_PLANTED = 20


def build_real(stage: Stage) -> Contest:
    """HEAD of the repository, without a repository around it."""
    target = stage.folder / "tree"
    tree.check_out(stage.repository, target)
    return _contest(stage, target)


def build_made(stage: Stage) -> Contest:
    """Many files with the sizes of source code; twenty tokens are among them."""
    target = stage.folder / "tree"
    tree.make(target, stage.scaled(_FILES), _PLANTED, stage.draw("made-files"))
    return _contest(stage, target)


def _contest(stage: Stage, target: Path) -> Contest:
    empty = stage.folder / "nothing"
    empty.mkdir()
    contestants = (*_everybody(stage.tools, target), *_everybody(stage.tools, empty, EMPTY))
    files, size = tree.count(target)
    return Contest(GREP_C, contestants, tuple(_limits(files)), {"files": files, "bytes": size}, warm_up=contestants)


def _everybody(tools: Tools, target: Path, suffix: str = "") -> Iterator[Contestant]:
    yield from tools.greps(target, suffix)
    yield scan(FILES + suffix, "files", str(target))
    yield from tools.kingfisher_with_our_rules(Kind.FILES, target, suffix)
    yield from tools.peers(Kind.FILES, target, suffix)


def _limits(files: int) -> Iterator[Limit]:
    for peer in ("gitleaks", "betterleaks", "kingfisher", KINGFISHER_OURS):
        yield RatioLimit(f"scan files ÷ {peer}", Time(FILES), Time(peer), 1.0)
    if files >= _FILES:
        for grep in (GREP_C, GREP_UTF8):
            beyond, theirs = Time(FILES, less=FILES + EMPTY), Time(grep, less=grep + EMPTY)
            yield RatioLimit(f"beyond start-up: scan files ÷ {grep}", beyond, theirs, 2.0)


REAL = Scenario("files", "The files of a checked-out commit", build_real)
MADE = Scenario("made-files", "A made tree of 20,000 files", build_made)
