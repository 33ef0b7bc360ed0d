"""The installed program, run as a user runs it: a process of its own, judged by exit code and what it printed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import plant

INSTALLED = Path(sys.executable).with_name("tokenguard")
COMMAND = (str(INSTALLED),) if INSTALLED.exists() else (sys.executable, "-m", "tokenguard")
"""How tokenguard is started: the script that pip made, else the module."""

CLEAN, FOUND, USAGE, INCOMPLETE = 0, 1, 2, 3


@dataclass(frozen=True, slots=True)
class Ended:
    """A run that came to its end."""

    code: int
    out: str
    err: str

    @property
    def report(self) -> dict[str, Any]:
        """Standard output as the JSON document that it has to be."""
        document: dict[str, Any] = json.loads(self.out)
        return document

    @property
    def message(self) -> str:
        """Standard error, which has to be exactly one line, without the program's name in front."""
        assert self.err.count("\n") == 1, self.err
        assert self.err.startswith("tokenguard: "), self.err
        return self.err.removeprefix("tokenguard: ").removesuffix("\n")


def run(
    *arguments: str | Path,
    cwd: Path,
    stdin: bytes = b"",
    before: Sequence[str] = (),
    environ: dict[str, str] | None = None,
) -> Ended:
    """Run tokenguard; `before` is a program that starts it, such as setpriv with its options."""
    done = subprocess.run(
        [*before, *COMMAND, *map(str, arguments)],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        check=False,
        env=os.environ | (environ or {}),
        timeout=120,
    )
    ended = Ended(done.returncode, os.fsdecode(done.stdout), os.fsdecode(done.stderr))
    assert "Traceback" not in ended.err, ended.err
    assert "internal error" not in ended.out + ended.err, ended.err
    return ended


def found(report: dict[str, Any]) -> set[tuple[str, str]]:
    """Rule and visible prefix of each finding of a JSON report."""
    return {(finding["rule_id"], finding["prefix"]) for finding in report["findings"]}


def paths(report: dict[str, Any]) -> set[str]:
    """Every path that a JSON report has a finding at."""
    return {place["path"] for finding in report["findings"] for place in finding["locations"]}


def hidden(token: str) -> re.Pattern[str]:
    """Any eight characters in a row of the part of a token that may not be shown."""
    tail = token[len(plant.visible_prefix(token)) :]
    return re.compile("|".join(re.escape(tail[at : at + 8]) for at in range(len(tail) - 7)))


def assert_hidden(token: str, ended: Ended) -> None:
    """Nothing that was printed gives the token away."""
    assert not hidden(token).search(ended.out + ended.err)


def plant_many(tree: Path, tokens: dict[str, str]) -> None:
    """Make 2,000 small files, so many that others are asked to help; some have a token."""
    tree.mkdir()
    for number in range(2000):
        name = f"{number}.env"
        (tree / name).write_text(f"NUMBER={number}\nKEY={tokens.get(name, '')}\n")
