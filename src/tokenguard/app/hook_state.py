"""The native git hooks of a repository as they are: missing, ours, outdated, disabled, or somebody else's.

Reads files, and asks git where its hooks are; changes nothing.
"""

from __future__ import annotations

import enum
import os
import re
import shlex
import shutil
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tokenguard.app.hook_managers import hook_manager
from tokenguard.config import installed
from tokenguard.errors import UsageError
from tokenguard.git.hooks_path import hooks_path
from tokenguard.git.repository import Repository

HOOK_NAMES = ("pre-commit", "pre-push", "pre-receive")
KEPT_SUFFIX = ".before-tokenguard"
"""What is added to the name of an earlier hook; the scripts look for it under this name."""

NO_FOLDER_REMEDY = "unset core.hooksPath, or point it at a folder"

_BEGINNING = b"#!/bin/sh\n# tokenguard hook: "
"""How our hooks begin; a mention further down makes no hook ours."""
_READ_LIMIT = 65536
"""Bytes of a hook that are looked at; ours are far smaller."""
_PROGRAM_LINE = re.compile(rb"^program=(.*)$", re.MULTILINE)


class HookState(enum.StrEnum):
    """What lies where git looks for a hook."""

    MISSING = "missing"
    INSTALLED = "installed"
    OUTDATED = "outdated"
    """Ours, of another version or changed by hand."""
    DISABLED = "disabled"
    """Ours, but not executable: git passes it over."""
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True)
class HookStatus:
    """One hook as it is."""

    name: str
    path: Path
    state: HookState
    program: str
    """The program that our hook tries before PATH; empty when there is none, or the hook is not ours."""
    earlier: Path | None
    """The earlier hook that is kept and called first."""
    hint: str
    """What the user should know or do; empty when all is well."""


def default_hooks(repository: Repository) -> tuple[str, ...]:
    """The hooks meant when none is named: those of a working repository, or the one of a bare one."""
    return ("pre-receive",) if repository.worktree is None else ("pre-commit", "pre-push")


def hook_status(
    repository: Repository, names: tuple[str, ...] = (), *, environ: Mapping[str, str] | None = None
) -> tuple[HookStatus, ...]:
    """The hooks named, by default those of `default_hooks` and whatever else is ours.

    Raises:
        UsageError: an unknown hook name.
        GitError: git is missing, or does not say where its hooks are.
    """
    folder = hooks_path(repository, environ)
    wanted = known_hooks(names) or default_hooks(repository)
    found = tuple(examine_hook(folder, name) for name in wanted)
    if names:
        return found
    others = (examine_hook(folder, name) for name in HOOK_NAMES if name not in wanted)
    return found + tuple(status for status in others if status.state not in (HookState.MISSING, HookState.FOREIGN))


def known_hooks(names: tuple[str, ...]) -> tuple[str, ...]:
    """The names, each once. Raises UsageError for one that is no hook of ours."""
    for name in names:
        if name not in HOOK_NAMES:
            raise UsageError(f"{name}: no such hook", remedy=f"known are: {', '.join(HOOK_NAMES)}")
    return tuple(dict.fromkeys(names))


def examine_hook(folder: Path, name: str) -> HookStatus:
    """The hook `name` of a hooks folder."""
    path = folder / name
    kept = path.with_name(name + KEPT_SUFFIX)
    text = read_hook(path)
    ours = text.startswith(_BEGINNING)
    program = _program_in(text) if ours else ""
    state = _state(path, text, program)
    return HookStatus(
        name=name,
        path=path,
        state=state,
        program=program,
        earlier=kept if os.path.lexists(kept) else None,
        hint=_hint(path, text, state, program),
    )


def read_hook(path: Path) -> bytes:
    """The beginning of a hook; empty when it is no regular file (a device would never end) or cannot be read."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return b""
        with path.open("rb") as file:
            return file.read(_READ_LIMIT)
    except OSError:
        return b""


def _state(path: Path, text: bytes, program: str) -> HookState:
    if not os.path.lexists(path):
        return HookState.MISSING
    if not text.startswith(_BEGINNING):
        return HookState.FOREIGN
    if not os.access(path, os.X_OK):
        return HookState.DISABLED
    return HookState.INSTALLED if text == hook_text(path.name, program) else HookState.OUTDATED


def _program_in(text: bytes) -> str:
    """The program that a hook of ours names."""
    line = _PROGRAM_LINE.search(text)
    try:
        return "".join(shlex.split(os.fsdecode(line[1]))) if line else ""
    except ValueError:
        return ""


def hook_text(name: str, program: str) -> bytes:
    """The script of the hook `name` that tries `program` first."""
    shipped = (installed.hooks_folder() / name).read_bytes()
    return shipped.replace(b"\nprogram=''\n", b"\nprogram=" + os.fsencode(shlex.quote(program)) + b"\n", 1)


def turned_off(folder: Path) -> bool:
    """Whether core.hooksPath names what is no folder, as /dev/null does."""
    return os.path.lexists(folder) and not folder.is_dir()


def _hint(path: Path, text: bytes, state: HookState, program: str) -> str:
    match state:
        case HookState.MISSING if turned_off(path.parent):
            return f"{path.parent} is no folder, so git runs no hooks here; {NO_FOLDER_REMEDY}"
        case HookState.MISSING | HookState.FOREIGN:
            manager = hook_manager(path.parent, text)
            return f"managed by {manager.name}: {manager.advice.format(hook=path.name)}" if manager else ""
        case HookState.DISABLED:
            return "not executable, so git passes it over; install it again"
        case HookState.OUTDATED:
            return "of another version, or changed by hand; install it again"
        case HookState.INSTALLED:
            gone = program and shutil.which(program) is None
            return f"{program} is gone, so it depends on PATH; install it again" if gone else ""
