"""A report into a file: whole or not at all, readable by its owner only, and never through a planted link."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from tokenguard.errors import OutputError
from tokenguard.report.escape import shown

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

_STREAM = re.compile(r"/dev/std(?P<name>out|err)|(?:/dev|/proc/self)/fd/(?P<number>\d{1,9})")


def write_file(path: str | os.PathLike[str], write: Callable[[TextIO], None], what: str = "the report") -> None:
    """Call `write` with a UTF-8 text stream and put what it writes at `path`; messages call it `what`.

    A regular file is replaced in one step and keeps its mode; a new one has 0600; a symbolic link is replaced, not
    followed, since the folder may be a checkout of somebody else's making. A pipe, a terminal or a stream of the
    process (`/dev/stdout`) is written to directly.

    Raises OutputError, with nothing left behind, where that cannot be done; a closed pipe passes through.
    """
    target = Path(path)
    try:
        descriptor = _direct(target)
        if descriptor is None:
            _replace(target, write)
        else:
            with open(descriptor, "w", encoding="utf-8", newline="") as out:
                write(out)
    except BrokenPipeError:
        raise
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise OutputError(
            f"cannot write {what} to {shown(str(target))}: {shown(reason)}",
            remedy="make room there or name another place",
        ) from error


def _direct(target: Path) -> int | None:
    """A descriptor of what has to be written to as it is; None for a file that can be replaced."""
    stream = _STREAM.fullmatch(str(target))
    if stream:
        # A duplicate, not the name opened again: that would start over in a redirected file, and fails on a socket.
        return os.dup(int(stream["number"] or {"out": 1, "err": 2}[stream["name"]]))
    mode = _mode(target)
    if mode is not None and (stat.S_ISDIR(mode) or stat.S_ISBLK(mode)):
        raise OSError(errno.EISDIR, "it is no file")
    # In /dev and /proc nothing is replaced, links neither: that would break the machine for others.
    special = mode is not None and not stat.S_ISREG(mode) and not stat.S_ISLNK(mode)
    folder = target.parent.resolve()
    if special or folder == Path("/dev") or folder.is_relative_to("/proc"):
        return os.open(target, os.O_WRONLY)
    return None


def _mode(target: Path) -> int | None:
    try:
        return target.lstat().st_mode
    except FileNotFoundError:
        return None


def _replace(target: Path, write: Callable[[TextIO], None]) -> None:
    mode = _mode(target)
    temporary = target.parent / f".tokenguard-{os.urandom(8).hex()}.tmp"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "w", encoding="utf-8", newline="") as out:
            write(out)
            out.flush()
            if mode is not None and stat.S_ISREG(mode):
                temporary.chmod(stat.S_IMODE(mode))
            os.fsync(out.fileno())
        temporary.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    # Not every file system can: the report is in its place all the same.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
