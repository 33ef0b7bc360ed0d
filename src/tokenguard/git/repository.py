"""Where a repository is: its git folder, common folder and worktree, found without running git.

Git itself would obey `core.worktree` and the ownership checks of the machine; a scanner has to read what
it was pointed at. Layout: gitrepository-layout(5), git-worktree(1).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from tokenguard.errors import NotARepositoryError
from tokenguard.model.lazy_dataclass import dataclass

_POINTER_LIMIT = 4096
"""A `.git` file or a `commondir` file is one short line; more is no pointer."""


@dataclass(frozen=True, slots=True)
class Repository:
    """One repository as seen from one place."""

    git_dir: Path
    """`.git`, a bare repository's folder, or `.git/worktrees/NAME` in a linked worktree."""
    common_dir: Path
    """Where objects and refs are; the same as `git_dir` except in a linked worktree."""
    worktree: Path | None
    """The checked-out files; None in a bare repository."""

    @property
    def objects_dir(self) -> Path:
        """The folder of the object database (alternates not included)."""
        return self.common_dir / "objects"


def _pointer(path: Path, key: str = "") -> Path | None:
    """The path that a pointer file names, relative to the file's folder; None when it is no such file."""
    try:
        if not path.is_file():
            return None
        with path.open("rb") as file:
            text = os.fsdecode(file.read(_POINTER_LIMIT)).rstrip("\r\n")
    except OSError:
        return None
    if not text.startswith(key) or "\n" in text or "\0" in text:
        return None
    return path.parent / text.removeprefix(key).strip()


def _is_git_dir(path: Path) -> bool:
    return (path / "HEAD").is_file() and ((path / "objects").is_dir() or (path / "commondir").is_file())


def _from_git_dir(git_dir: Path, worktree: Path | None) -> Repository:
    common = _pointer(git_dir / "commondir")
    return Repository(git_dir.resolve(), (common or git_dir).resolve(), worktree and worktree.resolve())


def repository_at(folder: Path) -> Repository | None:
    """The repository whose top or git folder is exactly `folder`; None when it is neither."""
    dot_git = folder / ".git"
    if dot_git.is_dir() and _is_git_dir(dot_git):
        return _from_git_dir(dot_git, folder)
    if dot_git.is_file():
        target = _pointer(dot_git, "gitdir: ")
        return _from_git_dir(target, folder) if target and _is_git_dir(target) else None
    if _is_git_dir(folder):
        # The user stands in a `.git` folder: its parent is the worktree. Else the repository is bare.
        return _from_git_dir(folder, folder.parent if folder.resolve().name == ".git" else None)
    return None


def views(repository: Repository) -> list[Repository]:
    """The repository as each of its worktrees sees it, the linked ones too: there is an index for each."""
    linked = repository.common_dir / "worktrees"
    folders = sorted(folder for folder in linked.iterdir() if folder.is_dir()) if linked.is_dir() else []
    others = [folder for folder in (repository.common_dir, *folders) if folder != repository.git_dir]
    return [repository, *(Repository(folder, repository.common_dir, None) for folder in others)]


def locate(start: Path, environ: Mapping[str, str] | None = None) -> Repository:
    """The repository that `start` lies in.

    With `environ` (in a hook) GIT_DIR and GIT_WORK_TREE decide, as git sets them.

    Raises:
        NotARepositoryError: there is none, or `start` does not exist.
    """
    if environ and environ.get("GIT_DIR"):
        git_dir = start / environ["GIT_DIR"]
        if _is_git_dir(git_dir):
            tree = environ.get("GIT_WORK_TREE")
            found = repository_at(git_dir.parent) if not tree else None
            return found or _from_git_dir(git_dir, start / tree if tree else _worktree_of(git_dir, start))
    if not start.exists():
        raise NotARepositoryError(f"{start}: no such file or folder", remedy="give the path of a git repository")
    resolved = start.resolve()
    for folder in (resolved, *resolved.parents):
        found = repository_at(folder)
        if found is not None:
            return found
    raise NotARepositoryError(
        f"{start}: not a git repository (nor any of its parent folders)", remedy="for plain folders use: scan files"
    )


def _worktree_of(git_dir: Path, start: Path) -> Path | None:
    """The worktree of a linked worktree's git folder (its `gitdir` file points back), else where the hook runs."""
    back = _pointer(git_dir / "gitdir")
    if back is not None:
        return back.parent
    return None if (start / "objects").is_dir() and start.resolve() == git_dir.resolve() else start
