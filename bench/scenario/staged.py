"""What a commit waits for: one changed file in the index, without a token in it and with one."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench import reports
from bench.content import token
from bench.contestant import Contestant
from bench.limit import RatioLimit, Time
from bench.repository import Copy, CopyError
from bench.stage import Contest, Scenario, Stage
from bench.tools import TOKENGUARD, Kind, scan

STAGED, HOOK = "tokenguard scan staged", "tokenguard hook run pre-commit"
PYTHON, DIFF = "python3 -c pass", "git diff --cached"
_LIMITS = (("betterleaks", 1.0, 0.75), ("gitleaks", 0.2, None), ("kingfisher", 0.2, None))


def build(stage: Stage, line: Callable[[Stage], str]) -> Contest:
    """A clone with a worktree; a line is added to one file of middling size, and staged."""
    clone = stage.repository.clone(stage.folder / "clone")
    changed = _middling(clone)
    with (clone.path / changed).open("a", encoding="utf-8") as file:
        file.write(f"\n{line(stage)}\n")
    clone.git("add", "--", changed)
    target = clone.path
    contestants = (
        stage.tools.git(DIFF, "-C", str(target), "diff", "--cached"),
        Contestant(PYTHON, (sys.executable, "-c", "pass"), reports.nothing),
        scan(STAGED, "staged", "--repo", str(target)),
        _hook(target),
        *stage.tools.peers(Kind.STAGED, target),
    )
    limits = tuple(
        RatioLimit(f"{name} ÷ {peer}", Time(ours), Time(peer), at_most, aim)
        for name, ours in (("scan staged", STAGED), ("the hook", HOOK))
        for peer, at_most, aim in _LIMITS
    )
    facts = {"files in the index": len(clone.git("ls-files").splitlines())}
    return Contest(DIFF, contestants, limits, facts, warm_up=contestants)


def _hook(target: Path) -> Contestant:
    command = (str(TOKENGUARD), "hook", "run", "pre-commit")
    return Contestant(HOOK, command, reports.nothing, frozenset({0, 1}), folder=target)


def _middling(clone: Copy) -> str:
    """Of the text files at the top or below, the one in the middle by size."""
    entries = (line.split("\t", 1) for line in clone.git("ls-tree", "-r", "--long", "HEAD").splitlines())
    sized = sorted((int(about.split()[3]), path) for about, path in entries if about.startswith("100644 blob"))
    texts = [path for size, path in sized if size > 0 and not path.startswith('"')]
    if not texts:
        raise CopyError("HEAD has no file to change")
    return texts[len(texts) // 2]


CLEAN = Scenario("staged", "One changed file, staged", partial(build, line=lambda _: "one more line"))
LEAK = Scenario(
    "staged-leak",
    "One changed file with a token, staged",
    partial(build, line=lambda stage: f"token = {token(stage.draw('staged'))}"),
)
