"""Pipes and devices among the files that git opens: git would wait there for ever, and so would a scan.

No clone makes them, but whoever packs a repository into an archive can.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator

from tokenguard.errors import GitError
from tokenguard.git.repository import Repository

_APART = frozenset({"objects", "modules", "lfs"})
"""Folders of a git folder that are looked into elsewhere, or by nobody."""
_CONFIGURATION = ("config", "config.worktree")


def refuse_pipes(repository: Repository) -> None:
    """Look through git's own files, objects apart.

    Raises:
        GitError: naming the first pipe or device.
    """
    for folder in (repository.common_dir, repository.git_dir):
        _refuse(_strange(str(folder), _APART))


def refuse_pipes_among_objects(repository: Repository) -> None:
    """Look through loose objects and packs.

    Raises:
        GitError: as above.
    """
    _refuse(_strange(str(repository.objects_dir), frozenset()))


def includes(repository: Repository) -> bool:
    """Whether git's configuration here may name further files to be read."""
    for folder in {repository.common_dir, repository.git_dir}:
        for name in _CONFIGURATION:
            with contextlib.suppress(OSError):
                if b"[include" in (folder / name).read_bytes().lower().replace(b" ", b"").replace(b"\t", b""):
                    return True
    return False


def _refuse(strange: Iterator[str]) -> None:
    path = next(strange, None)
    if path is not None:
        raise GitError(f"{path}: a pipe or device, for which git would wait for ever", remedy="remove it")


def _strange(folder: str, apart: frozenset[str]) -> Iterator[str]:
    """Everything below that is neither file nor folder; a socket, which git cannot open, is none of our business."""
    try:
        with os.scandir(folder) as listing:
            entries = list(listing)
    except OSError:
        return
    for entry in entries:
        with contextlib.suppress(OSError):
            if entry.is_dir(follow_symlinks=False):
                if entry.name not in apart:
                    yield from _strange(entry.path, frozenset())
            elif not entry.is_file() and _waits(entry.stat().st_mode):
                yield entry.path


def _waits(mode: int) -> bool:
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode) or stat.S_ISBLK(mode)
