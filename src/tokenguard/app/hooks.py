"""Install and remove the native git hooks of a repository.

The hooks themselves are the shell scripts of the top-level folder `hooks`; here they are put where git runs them. An
existing hook is kept beside ours under `NAME.before-tokenguard` and called first. Nothing is written through a link,
and nothing is overwritten that is not ours. The commands that the hooks run are elsewhere (`tokenguard hook run`).
"""

from __future__ import annotations

import contextlib
import enum
import os
import shutil
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tokenguard.app.hook_managers import hook_manager
from tokenguard.app.hook_state import (
    HOOK_NAMES,
    KEPT_SUFFIX,
    NO_FOLDER_REMEDY,
    HookState,
    HookStatus,
    default_hooks,
    examine_hook,
    hook_text,
    known_hooks,
    read_hook,
    turned_off,
)
from tokenguard.errors import OperationError, UsageError
from tokenguard.git.hooks_path import hooks_path
from tokenguard.git.repository import Repository
from tokenguard.git.runner import require_git


class HookChange(enum.StrEnum):
    """What install or uninstall did."""

    INSTALLED = "installed"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    REMOVED = "removed"
    RESTORED = "restored"
    """Ours removed, and the earlier hook put back."""
    ABSENT = "absent"
    """There was nothing of ours to remove."""


@dataclass(frozen=True, slots=True)
class HookResult:
    """One hook after install or uninstall."""

    name: str
    path: Path
    change: HookChange
    earlier: Path | None
    """The earlier hook: kept by install, or put back at `path` by uninstall (then None)."""
    hint: str


def own_program() -> str:
    """The absolute path of the `tokenguard` that runs now, for a hook to start; empty when it has no such program.

    A link to it is not resolved: the link outlives an upgrade of what it leads to.
    """
    started = Path(sys.argv[0])
    # A bare name says nothing of a folder; it must not lead to a file of that name in the repository.
    known = started.stem == "tokenguard" and started.name != sys.argv[0]
    folders = [str(started.parent.absolute())] if known else []
    folders.append(sysconfig.get_path("scripts"))
    found = shutil.which("tokenguard", path=os.pathsep.join(folders))
    return "" if found is None else Path(found).as_posix()


def install_hooks(
    repository: Repository,
    names: tuple[str, ...] = (),
    *,
    program: str | None = None,
    force: bool = False,
    environ: Mapping[str, str] | None = None,
) -> tuple[HookResult, ...]:
    """Put our hooks where git runs them; an existing one is kept and called first. Doing it again changes nothing.

    `program` is what the hooks start, before they look on PATH: by default the program that runs now, empty for PATH
    alone. `force` allows a hooks folder that lies outside the repository and so serves others too.
    All is checked before anything is written.

    Raises:
        UsageError: an unknown name; a folder outside the repository without `force`; a hook manager whose hook cannot
            be kept; a foreign hook where an earlier one is kept already.
        OperationError: a file could not be written.
        GitError: git is missing or too old for what the hooks run, or does not say where its hooks are.
    """
    require_git(os.environ if environ is None else environ)
    folder = hooks_path(repository, environ)
    _refuse_folder(folder, repository, force=force)
    before = tuple(examine_hook(folder, name) for name in known_hooks(names) or default_hooks(repository))
    for status in before:
        _refuse_hook(status)
    started = own_program() if program is None else program
    note = _folder_hint(folder, repository)
    return tuple(_install(status, started, note) for status in before)


def uninstall_hooks(
    repository: Repository,
    names: tuple[str, ...] = (),
    *,
    force: bool = False,
    environ: Mapping[str, str] | None = None,
) -> tuple[HookResult, ...]:
    """Remove our hooks, by default all of them, and put the earlier ones back as they were. Foreign hooks stay.

    Raises:
        UsageError: an unknown name; a folder outside the repository without `force`.
        OperationError: a file could not be moved or removed.
        GitError: git is missing, or does not say where its hooks are.
    """
    folder = hooks_path(repository, environ)
    _refuse_folder(folder, repository, force=force)
    return tuple(_uninstall(examine_hook(folder, name)) for name in known_hooks(names) or HOOK_NAMES)


def _own_folders(repository: Repository) -> tuple[Path, ...]:
    """What belongs to the repository: its git folder, this worktree, and the main one of a linked worktree."""
    common = repository.common_dir
    main = common.parent if common.name == ".git" else common
    return tuple(folder.resolve() for folder in (common, main, repository.worktree) if folder is not None)


def _refuse_folder(folder: Path, repository: Repository, *, force: bool) -> None:
    if turned_off(folder):
        raise UsageError(f"{folder}: no folder, so git runs no hooks here", remedy=NO_FOLDER_REMEDY)
    if not force and not any(folder.resolve().is_relative_to(own) for own in _own_folders(repository)):
        raise UsageError(
            f"{folder}: this hooks folder (core.hooksPath) lies outside the repository and serves others too",
            remedy="give --force to change it for all of them, or set core.hooksPath for this repository alone",
        )


def _refuse_hook(status: HookStatus) -> None:
    if os.path.lexists(status.path) and not status.path.is_symlink() and not status.path.is_file():
        raise UsageError(f"{status.path}: is no file", remedy="move it away, then install again")
    manager = hook_manager(status.path.parent, read_hook(status.path))
    if manager is not None and not manager.renamable:
        raise UsageError(
            f"{status.path}: belongs to {manager.name}, whose hooks cannot be kept under another name",
            remedy=manager.advice.format(hook=status.name),
        )
    if status.state is HookState.FOREIGN and status.earlier is not None:
        raise UsageError(
            f"{status.path}: is not ours, and {status.earlier.name} beside it holds an earlier hook already",
            remedy="remove or merge one of the two, then install again",
        )


def _folder_hint(folder: Path, repository: Repository) -> str:
    if folder.resolve().is_relative_to(repository.common_dir.resolve()):
        return ""
    if any(folder.resolve().is_relative_to(own) for own in _own_folders(repository)):
        return f"{folder} is part of the worktree: if the hook is committed, it finds tokenguard on PATH elsewhere"
    return f"{folder} serves every repository that uses it"


@contextlib.contextmanager
def _reported(path: Path) -> Iterator[None]:
    """Turn a failure of the file system into our own exception."""
    try:
        yield
    except OSError as fault:
        raise OperationError(
            f"{path}: {fault.strerror or fault}", remedy="check the folder's permissions and the disk's free space"
        ) from fault


def _install(status: HookStatus, program: str, note: str) -> HookResult:
    text = hook_text(status.name, "" if "\n" in program else program)
    unchanged = status.state is HookState.INSTALLED and read_hook(status.path) == text
    if not unchanged:
        with _reported(status.path):
            status.path.parent.mkdir(parents=True, exist_ok=True)
            _put(status, text)
    fresh = status.state in (HookState.MISSING, HookState.FOREIGN)
    change = HookChange.INSTALLED if fresh else HookChange.UNCHANGED if unchanged else HookChange.UPDATED
    after = examine_hook(status.path.parent, status.name)
    hints = (status.hint if fresh else "", note, after.hint)
    return HookResult(status.name, status.path, change, after.earlier, "; ".join(hint for hint in hints if hint))


def _put(status: HookStatus, text: bytes) -> None:
    """Write our hook in one step; a foreign one is moved aside only when ours is ready to take its place."""
    ready = status.path.with_name(f"{status.name}.tokenguard-{os.getpid()}")
    # The mode is git's for its own hooks: whatever the umask leaves of it.
    descriptor = os.open(ready, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o777)
    kept = status.path.with_name(status.name + KEPT_SUFFIX)
    moved = False
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(text)
        if status.state is HookState.FOREIGN:
            status.path.rename(kept)
            moved = True
        ready.replace(status.path)
    except OSError:
        ready.unlink(missing_ok=True)
        if moved:
            kept.rename(status.path)
        raise


def _uninstall(status: HookStatus) -> HookResult:
    ours = status.state in (HookState.INSTALLED, HookState.OUTDATED, HookState.DISABLED)
    restorable = status.earlier if ours or status.state is HookState.MISSING else None
    change = HookChange.ABSENT
    with _reported(status.path):
        if restorable is not None:
            restorable.replace(status.path)
            change = HookChange.RESTORED
        elif ours:
            status.path.unlink()
            change = HookChange.REMOVED
    after = examine_hook(status.path.parent, status.name)
    return HookResult(status.name, status.path, change, after.earlier, after.hint)
