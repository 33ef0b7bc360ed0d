"""The Python API: scan bytes, files or a repository, and get a Report. docs/python-api.md tells how to read one.

Nothing but what is passed decides a result: no configuration file, environment variable, baseline or cache is read, and
nothing is printed. Inline allowances hold; what they cover is in the report under `suppressed`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias

from tokenguard.app.files import scan_blobs, scan_files
from tokenguard.app.perform import Scan, perform
from tokenguard.app.repository import scan_repository as _scan_repository
from tokenguard.app.ruleset import rules_for
from tokenguard.app.sight import Sight
from tokenguard.config.settings import Settings
from tokenguard.git.runner import require_git
from tokenguard.model import Blob, Origin, Report

__all__ = ["AnyPath", "scan_bytes", "scan_paths", "scan_repository"]

AnyPath: TypeAlias = str | os.PathLike[str]


def scan_bytes(
    data: bytes | bytearray | memoryview,
    name: str = "bytes",
    *,
    rules: Iterable[AnyPath] = (),
    only: Iterable[str] = (),
) -> Report:
    """Scan bytes in memory, and what is encoded or packed in them.

    `name` is the path that locations of findings have. `rules` are files and folders of rules beside the built-in ones;
    with `only`, no others than those of these ids are searched for. Each call makes the rules ready anew, which takes
    about ten milliseconds.

    Raises:
        RuleError: a rule file is wrong or missing.
        UsageError: `only` names a rule that there is not.
    """
    blob = Blob.of(Origin("bytes", name), data)
    return _perform(lambda session: scan_blobs(session, [blob]), Settings(rules=_paths(rules), jobs=1), only)


def scan_paths(  # noqa: PLR0913 - all but the first have a default
    paths: AnyPath | Iterable[AnyPath],
    *,
    rules: Iterable[AnyPath] = (),
    only: Iterable[str] = (),
    jobs: int | None = None,
    max_size: int | None = None,
    respect_gitignore: bool = False,
) -> Report:
    """Scan files and folders with everything below them, as `tokenguard scan files` does.

    `jobs` is the number of threads, by default one a processor; files of more than `max_size` bytes are skipped, which
    makes the report incomplete. `rules` and `only` as in `scan_bytes`.

    Raises:
        RuleError: a rule file is wrong or missing.
        UsageError: there is nothing at one of the paths, or `only` names a rule that there is not.
    """
    started = [os.fspath(path) for path in ([paths] if isinstance(paths, (str, os.PathLike)) else paths)]
    settings = Settings(rules=_paths(rules), jobs=jobs, max_size=max_size, respect_gitignore=respect_gitignore)
    return _perform(lambda session: scan_files(session, started), settings, only)


def scan_repository(  # noqa: PLR0913 - all have a default
    path: AnyPath = ".",
    *,
    rules: Iterable[AnyPath] = (),
    only: Iterable[str] = (),
    jobs: int | None = None,
    max_size: int | None = None,
    respect_gitignore: bool = False,
) -> Report:
    """Scan the repository that `path` lies in, with everything in it, as `tokenguard scan git` does.

    The parameters are those of `scan_paths`.

    Raises:
        NotARepositoryError: there is none.
        GitError: git is missing or too old. (Where git fails later on, the report says so and is incomplete.)
        RuleError: a rule file is wrong or missing.
        UsageError: `only` names a rule that there is not.
    """
    require_git(os.environ)
    start = os.fspath(path)
    settings = Settings(rules=_paths(rules), jobs=jobs, max_size=max_size, respect_gitignore=respect_gitignore)
    return _perform(lambda session: _scan_repository(session, start), settings, only)


def _perform(scan: Scan, settings: Settings, only: Iterable[str]) -> Report:
    ruleset = rules_for(settings, only=tuple(only))
    return perform(Sight(environ={}), settings, ruleset, scan).report


def _paths(paths: Iterable[AnyPath]) -> tuple[Path, ...]:
    return tuple(Path(path) for path in paths)
