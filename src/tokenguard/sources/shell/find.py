"""The search for history files: reads names, and the first bytes of a file to see that it can be read."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from tokenguard.model import Skipped
from tokenguard.sources.shell.history import History
from tokenguard.sources.shell.places import PLACES, ROOTS, STARTUP_FILES, VARIABLES
from tokenguard.sources.shell.startup import history_settings

_REMEDY = "run as its owner, or make it readable"
_START = 64
_SHAPES = (
    (re.compile(rb": *\d+:\d+;"), "zsh"),
    (re.compile(rb"- cmd:"), "fish"),
    (re.compile(rb"#\+\d+\r?\n"), "tcsh"),
    (re.compile(rb"#\d+\r?\n"), "bash"),
)
_NAMES = (
    (re.compile(r"zsh|zhist|\.histfile"), "zsh"),
    (re.compile(r"fish"), "fish"),
    (re.compile(r"ksh"), "ksh"),
    (re.compile(r"tcsh|csh"), "tcsh"),
    (re.compile(r"bash"), "bash"),
)


def find_histories(home: Path, environ: Mapping[str, str]) -> tuple[History | Skipped, ...]:
    """Every history of the person whose home this is, each file once; Skipped where one is or may be and is not read.

    `environ` is that person's environment. Histories that are switched off (an empty variable, `-`,
    a link to /dev/null) are no histories.
    """
    try:
        if not stat.S_ISDIR(home.stat().st_mode):
            return (Skipped(str(home), "no shell history was looked for: it is no folder"),)
    except OSError as error:
        return (Skipped(str(home), f"no shell history was looked for: {error.strerror}"),)
    return _Search(home, environ).run()


class _Search:
    """One search: the folders already listed, and what was found so far by real path."""

    def __init__(self, home: Path, environ: Mapping[str, str]) -> None:
        self._home = home
        self._environ = environ
        self._listed: dict[Path, tuple[str, ...]] = {}
        self._found: dict[str, History | Skipped] = {}

    def run(self) -> tuple[History | Skipped, ...]:
        """What is named by a variable or a startup file first, so that its kind wins; then the known places."""
        for variable, kind in VARIABLES:
            self._add_named(self._environ.get(variable, ""), kind)
        for kind, root, name in STARTUP_FILES:
            for folder in self._roots(root):
                self._add_settings(folder / name, kind)
        for kind, root, pattern in PLACES:
            for folder in self._roots(root):
                for path in self._expanded(folder, pattern.split("/")):
                    self._add(path, kind, named=False)
        return tuple(self._found.values())

    def _roots(self, root: str) -> Iterator[Path]:
        variable, below_home = ROOTS[root]
        moved = Path(self._environ.get(variable, ""))
        # The XDG specification has relative values ignored.
        if moved.is_absolute():
            yield moved
        for folder in below_home:
            yield self._home / folder

    def _add_settings(self, path: Path, kind: str) -> None:
        try:
            values = tuple(history_settings(path, self._home, self._environ))
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            self._skip(_blocked_at(path), f"it could name a history and cannot be read: {error.strerror}; {_REMEDY}")
            return
        for value in values:
            if not set(value) & set("$`"):
                self._add_named(value, kind)
            elif not self._environ.get("HISTFILE"):
                self._skip(path, "sets HISTFILE to what only running it could tell; export HISTFILE and scan again")

    def _add_named(self, value: str, kind: str) -> None:
        if value.strip() in {"", "-"}:
            return
        if value == "~" or value.startswith(("~/", "~\\")):
            self._add(self._home / value[2:], kind, named=True)
            return
        # A relative name means the folder that the shell was left in; these two are the likely ones.
        for folder in (self._home, Path()):
            self._add(folder / value, kind, named=True)

    def _expanded(self, folder: Path, pattern: list[str]) -> Iterator[Path]:
        if not pattern:
            yield folder
            return
        first, rest = pattern[0], pattern[1:]
        if not set(first) & set("*?["):
            yield from self._expanded(folder / first, rest)
            return
        for name in self._names(folder):
            if fnmatchcase(name, first):
                yield from self._expanded(folder / name, rest)

    def _names(self, folder: Path) -> tuple[str, ...]:
        """The names in a folder, sorted; a folder that cannot be listed is a Skipped (pathlib's glob hides it)."""
        if folder not in self._listed:
            self._listed[folder] = ()
            try:
                self._listed[folder] = tuple(sorted(os.listdir(folder)))
            except (FileNotFoundError, NotADirectoryError):
                pass
            except OSError as error:
                self._skip(_blocked_at(folder), f"cannot be listed, and histories may lie in it: {error.strerror}")
        return self._listed[folder]

    def _add(self, path: Path, kind: str, *, named: bool) -> None:
        try:
            found = _looked_at(path, kind, named=named)
            real = os.path.realpath(path)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            self._skip(_blocked_at(path), f"cannot be read: {error.strerror}; {_REMEDY}")
            return
        if found:
            self._found.setdefault(real, found)

    def _skip(self, path: Path, why: str) -> None:
        self._found.setdefault(str(path), Skipped(str(path), why))


def _looked_at(path: Path, kind: str, *, named: bool) -> History | Skipped | None:
    """The file as a history. Folders are none, unless somebody `named` one; nor are devices such as /dev/null."""
    mode = path.stat().st_mode
    if stat.S_ISCHR(mode) or (stat.S_ISDIR(mode) and not named):
        return None
    if not stat.S_ISREG(mode):
        return Skipped(str(path), "is no regular file, so that it was not read as a history")
    with path.open("rb") as file:
        start = file.read(_START)
    return History(path, kind or _kind(path, start))


def _kind(path: Path, start: bytes) -> str:
    """Whose file HISTFILE names: by its shape, else its name; bash's form is also that of the plain ones."""
    by_shape = (kind for shape, kind in _SHAPES if shape.match(start))
    by_name = (kind for name, kind in _NAMES if name.search(str(path).lower()))
    return next(by_shape, None) or next(by_name, "bash")


def _blocked_at(path: Path) -> Path:
    """The topmost folder that bars the way to `path`, or `path`: one closed folder is one Skipped."""
    for ancestor in (*reversed(path.parents), path):
        try:
            ancestor.stat()
        except PermissionError:
            return ancestor.parent
        except OSError:
            return ancestor
    return path
