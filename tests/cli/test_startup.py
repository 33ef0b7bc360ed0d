"""What start-up may not import: a hook is waited for at every commit."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cli.program import CLEAN, COMMAND, FOUND
from git_repository import RepositoryBuilder

if TYPE_CHECKING:
    from collections.abc import Callable

HEAVY = frozenset(
    [
        "ast",
        "asyncio",
        "bz2",
        "calendar",
        "click",
        "csv",
        "ctypes",
        "dataclasses",
        "datetime",
        "decimal",
        "email",
        "git",
        "gettext",
        "http",
        "lzma",
        "shutil",
        "html",
        "importlib.metadata",
        "inspect",
        "json",
        "logging",
        "multiprocessing",
        "optparse",
        "pickle",
        "platform",
        "random",
        "requests",
        "rich",
        "secrets",
        "sqlalchemy",
        "sqlite3",
        "ssl",
        "statistics",
        "string",
        "tarfile",
        "tempfile",
        "textwrap",
        "tomllib",
        "unittest",
        "urllib.request",
        "uuid",
        "xml",
        "yaml",
        "zipfile",
    ]
)
"""Modules that no commit without findings needs, and all that is below them."""

UNREAD = frozenset(
    (
        "tokenguard.api",
        "tokenguard.app.respond",
        "tokenguard.cli.options",
        "tokenguard.cli.response",
        "tokenguard.cli.root",
        "tokenguard.respond",
        "tokenguard.ruleset.load",
    )
)
"""Parts of tokenguard that are for other commands."""


UNFOUND = frozenset(
    (
        "tokenguard.app.objects",
        "tokenguard.git.changes",
        "tokenguard.git.revisions",
        "tokenguard.model.finding",
        "tokenguard.report.place",
    )
)
"""Parts that a small commit without findings does not come to."""


UNALLOWED = frozenset(("tokenguard.app.allow", "tokenguard.app.baseline", "tokenguard.app.judge"))
"""Parts for repositories that say what does not count."""


def imported(*arguments: str, cwd: Path, code: int = CLEAN) -> set[str]:
    """The modules that a run of the installed program, which ends with `code`, imports."""
    started = [sys.executable, "-X", "importtime", *(COMMAND if len(COMMAND) == 1 else COMMAND[1:])]
    done = subprocess.run(
        [*started, *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        # What measures the coverage of this run is imported too.
        env={name: value for name, value in os.environ.items() if not name.startswith("COV")},
    )
    assert done.returncode == code, done.stderr
    return {match[1] for match in re.finditer(r"^import time: +\d+ \| +\d+ \| +(\S+)$", done.stderr, re.MULTILINE)}


def forbidden(modules: set[str], heavy: frozenset[str]) -> set[str]:
    """Those that are heavy, or below one that is."""
    return {name for name in modules if any(name == each or name.startswith(f"{each}.") for each in heavy)}


@pytest.fixture
def repository(tmp_path: Path) -> RepositoryBuilder:
    made = RepositoryBuilder(tmp_path / "repository")
    made.commit({"a": "nothing\n"})
    return made


def test_a_hook_on_a_commit_of_one_file(repository: RepositoryBuilder) -> None:
    repository.add({"a": "something\n"})
    modules = imported("hook", "run", "pre-commit", cwd=repository.path)
    assert "tokenguard.scan.engine" in modules
    assert forbidden(modules, HEAVY | UNREAD | UNFOUND) == set()


def test_a_hook_on_a_commit_of_a_token(repository: RepositoryBuilder, fresh_token: Callable[[str], str]) -> None:
    repository.add({"a": fresh_token("keebai-api-key")})
    modules = imported("hook", "run", "pre-commit", cwd=repository.path, code=FOUND)
    assert "tokenguard.report.place" in modules
    assert forbidden(modules, HEAVY | UNREAD | UNALLOWED | {"hashlib", "_hashlib"}) == set()


def test_a_scan_that_somebody_elses_hook_runs(repository: RepositoryBuilder, tmp_path: Path) -> None:
    repository.add({"a": "something\n"})
    report = str(tmp_path / "report.json")
    said = ("--no-progress", "--no-cache", "--format", "json", "-o", report)
    modules = imported("scan", "staged", *said, cwd=repository.path)
    assert forbidden(modules, (HEAVY - {"json"}) | UNREAD | UNFOUND) == set()


def test_a_hook_before_a_push(repository: RepositoryBuilder) -> None:
    modules = imported("hook", "run", "pre-push", "origin", "url", cwd=repository.path)
    assert forbidden(modules, HEAVY | UNREAD) == set()


def test_a_scan_of_files(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("nothing")
    said = ("--no-progress", "--no-cache", "--format", "json", "-o", str(tmp_path / "report.json"))
    modules = imported("scan", "files", ".", *said, cwd=tmp_path)
    assert forbidden(modules, (HEAVY - {"json"}) | UNREAD | UNFOUND) == set()
    assert not [name for name in modules if name.startswith("tokenguard.git.")]


def test_a_scan_of_files_with_rarer_options_needs_click_alone(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("nothing")
    modules = imported("scan", "files", "--jobs", "1", cwd=tmp_path)
    # Click itself brings inspect, gettext and datetime.
    theirs = frozenset(("click", "gettext", "locale", "datetime", "uuid", "platform", "string", "queue", "textwrap"))
    theirs |= {"inspect", "ast"}
    asking = frozenset(("tokenguard.respond", "tokenguard.app.respond", "tokenguard.cli.response"))
    assert forbidden(modules, (HEAVY - theirs) | asking) == set()
    assert not [name for name in modules if name.startswith("tokenguard.git.")]


def test_the_package_itself_costs_next_to_nothing(tmp_path: Path) -> None:
    script = "import sys; before = set(sys.modules); import tokenguard; print(*set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["tokenguard"]


def test_the_test_sees_what_is_imported(tmp_path: Path) -> None:
    assert {"click", "json"} <= imported("doctor", "--json", cwd=tmp_path)
