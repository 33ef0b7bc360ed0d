"""What a command was pointed at, as a Run: the scan, and where its configuration stands."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tokenguard.cli.run import Run, run_scan
from tokenguard.cli.scan_options import ScanOptions


@contextmanager
def whole_repository(path: str) -> Iterator[Run]:
    """A repository with everything in it; the Run is valid inside the `with`.

    Raises:
        NotARepositoryError: there is none at `path`.
        GitError: git is missing or too old.
    """
    from tokenguard.app.repository import scan_repository
    from tokenguard.app.sight import of_repository
    from tokenguard.git.objects import ObjectReader
    from tokenguard.git.repository import locate
    from tokenguard.git.runner import Git, require_git

    require_git(os.environ)
    found = locate(Path(path))
    with ObjectReader(Git(found)) as objects:
        sight = of_repository(os.environ, found, objects)
        yield Run(sight, lambda session: scan_repository(session, path), found.worktree or found.common_dir)


def run_files(paths: Sequence[str], options: ScanOptions) -> int:
    """Scan files and folders; without any, the current one."""
    return run_scan(file_trees(paths or (".",)), options)


def file_trees(paths: Sequence[str]) -> Run:
    """Files and folders, with the configuration of the current one."""
    from tokenguard.app.files import scan_files
    from tokenguard.app.sight import of_folder

    return Run(of_folder(os.environ, Path.cwd()), lambda session: scan_files(session, paths))
