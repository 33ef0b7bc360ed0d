"""Scans of changes, from the command line and from hooks; without click, which a hook cannot wait for."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

from tokenguard.app.changes import scan_changes
from tokenguard.app.sight import of_change
from tokenguard.cli.run import Run, run_scan
from tokenguard.cli.scan_options import ScanOptions
from tokenguard.errors import RangeError
from tokenguard.git import index_changes
from tokenguard.git.change_set import ChangeSet
from tokenguard.git.objects import ObjectReader
from tokenguard.git.repository import locate
from tokenguard.git.runner import Git, VersionCheck
from tokenguard.model.lazy_dataclass import replace

Find = Callable[[Git], ChangeSet]


def run_change(  # noqa: PLR0913 - the last two are for hooks
    repo: str,
    find: Find,
    head: Callable[[ChangeSet], str],
    options: ScanOptions,
    *,
    hook: bool = False,
    strict: bool = False,
) -> int:
    """Scan the change that `find` tells of; `head` names the revision whose configuration it proposes."""
    version = VersionCheck(os.environ)
    try:
        git = Git(locate(Path(repo), os.environ if hook else None), hook=hook)
        changed = find(git)
    finally:
        version.require()  # of all that can be wrong here an old git is the first thing to say
    with ObjectReader(git) as objects:
        sight = of_change(os.environ, git.repository, objects, changed, head(changed))
        sight = replace(sight, strict=strict)
        root = git.repository.worktree or git.repository.common_dir
        run = Run(sight, lambda session: scan_changes(session, git, changed, objects), root, hook)
        return run_scan(run, options)


def run_staged(repo: str, options: ScanOptions, *, hook: bool = False, whole_if_unchanged: bool = False) -> int:
    """The index against HEAD; the whole index where it is the same as HEAD, if asked for (pre-commit's --all-files)."""

    def find(git: Git) -> ChangeSet:
        return index_changes.staged(git, else_all=whole_if_unchanged)

    return run_change(repo, find, lambda _changed: "", options, hook=hook)


def run_commits(repo: str, ranges: Sequence[str], options: ScanOptions) -> int:
    """Commits of a range; without one, those that the CI job or the upstream branch names.

    Raises:
        RangeError: several ranges. Git subtracts what any of them excludes, so that a part would go unread.
    """
    if sum(".." in each for each in ranges) > 1:
        raise RangeError("several ranges: git would leave out of each what another excludes", remedy="scan one by one")

    def find(git: Git) -> ChangeSet:
        from tokenguard.git.changes import commits
        from tokenguard.git.default_range import default_ranges

        return commits(git, ranges or default_ranges(git, os.environ))

    return run_change(repo, find, _newest, options)


def run_push(repo: str, lines: BinaryIO, remote: str | None, options: ScanOptions, *, hook: bool = False) -> int:
    """What a push would add."""

    def find(git: Git) -> ChangeSet:
        told = [os.fsdecode(line) for line in lines.read().splitlines()]
        if hook and not told:
            from tokenguard.config.ci import pre_commit_range
            from tokenguard.git.default_range import pre_commit_changes

            pushed = pre_commit_range(os.environ)
            if pushed is not None:
                return pre_commit_changes(git, pushed)
        from tokenguard.git.changes import push

        return push(git, told, remote)

    return run_change(repo, find, _newest, options, hook=hook)


def run_receive(repo: str, lines: BinaryIO, options: ScanOptions) -> int:
    """What a push brings in. Always in a hook, always strict."""

    def find(git: Git) -> ChangeSet:
        from tokenguard.git.changes import receive

        return receive(git, [os.fsdecode(line) for line in lines.read().splitlines()])

    return run_change(repo, find, _newest, options, hook=True, strict=True)


def _newest(changed: ChangeSet) -> str:
    """The last commit of the range: what it proposes is judged as a whole."""
    return changed.commits[-1] if changed.commits else changed.base or "HEAD"
