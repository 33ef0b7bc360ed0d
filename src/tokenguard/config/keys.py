"""The keys that a configuration may hold: name, meaning, how the text is read, and who may say it.

One table for files, environment and flags; docs/configuration.md is tested against it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

from tokenguard.config.strict_yaml import shown
from tokenguard.model.lazy_dataclass import dataclass
from tokenguard.model.rule import Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tokenguard.config.ignore import Ignore
    from tokenguard.config.issuers import IssuerSetting

T = TypeVar("T")

_MAX_JOBS = 256
_SIZE = re.compile(r"([0-9]{1,12})(k|m|g|)(?:i?b)?", re.IGNORECASE)
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
_SERVER = re.compile(r"https?://[^\s/?#]+(/[^\s]*)?")


@dataclass(frozen=True, slots=True)
class Key(Generic[T]):
    """One key, and T the type of its value."""

    name: str
    meaning: str
    read: Callable[[str], T] | None
    """Text to value; its ValueError says what is expected. None: no single text says it, and no variable."""
    in_repository: bool = False
    """Whether a repository's own file may say it."""

    @property
    def variable(self) -> str:
        """The environment variable that says it."""
        return f"TOKENGUARD_{self.name.upper()}"

    @property
    def flag(self) -> str:
        """The command line's flag that says it."""
        return "--" + self.name.replace("_", "-")


def _truth(text: str) -> bool:
    try:
        return {"true": True, "1": True, "false": False, "0": False}[text.lower()]
    except KeyError:
        raise ValueError(f"{shown(text)} is neither true nor false") from None


def _jobs(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,6}", text) or not 1 <= int(text) <= _MAX_JOBS:
        raise ValueError(f"{shown(text)} is not a number of threads from 1 to {_MAX_JOBS}")
    return int(text)


def size(text: str) -> int:
    """Bytes: a number, with k, M or G for powers of 1024; ValueError says what is expected."""
    found = _SIZE.fullmatch(text)
    if not found or not int(found[1]):
        raise ValueError(f"{shown(text)} is not a size such as 500000, 512k, 10M or 1G")
    return int(found[1]) * _UNITS[found[2].lower()]


def _severity(text: str) -> Severity:
    try:
        return Severity(text.lower())
    except ValueError:
        names = ", ".join(severity.value for severity in Severity)
        raise ValueError(f"{shown(text)} is not one of {names}") from None


def _server(text: str) -> str:
    if not _SERVER.fullmatch(text):
        raise ValueError("not a URL that begins with https:// or http://")
    return text


def _path(text: str) -> Path:
    if "\0" in text:
        raise ValueError("not a path")
    return Path(text).expanduser()


def _paths(text: str) -> tuple[Path, ...]:
    return tuple(_path(part) for part in text.split(os.pathsep) if part)


IGNORE: Key[tuple[Ignore, ...]] = Key(
    "ignore", "findings that do not count, each with a reason", None, in_repository=True
)
RULES: Key[tuple[Path | str, ...]] = Key("rules", "further rule files and folders", _paths, in_repository=True)
BASELINE: Key[Path | str] = Key("baseline", "the file of known findings", _path, in_repository=True)
FAIL_ON = Key("fail_on", "the lowest severity that makes the exit code 1", _severity)
STRICT_ALLOW = Key("strict_allow", "what a change itself allows does not count", _truth)
MAX_SIZE = Key("max_size", "bytes above which a file is skipped, and the scan incomplete", size)
RESPECT_GITIGNORE = Key("respect_gitignore", "`scan files` leaves out what .gitignore names", _truth)
JOBS = Key("jobs", "threads", _jobs)
CACHE = Key("cache", "remember what was read clean", _truth)
SERVER = Key("server", "URL of a token store", _server)
POLICIES: Key[Path] = Key("policies", "what the store on this machine permits: a server's configuration file", _path)
ISSUERS: Key[tuple[IssuerSetting, ...]] = Key("issuers", "who verifies and revokes which family", None)

AnyKey: TypeAlias = (
    Key[tuple["Ignore", ...]]
    | Key[tuple[Path | str, ...]]
    | Key[Path | str]
    | Key[Path]
    | Key[Severity]
    | Key[bool]
    | Key[int]
    | Key[str]
    | Key[tuple["IssuerSetting", ...]]
)
KEYS: tuple[AnyKey, ...] = (
    IGNORE,
    RULES,
    BASELINE,
    FAIL_ON,
    STRICT_ALLOW,
    MAX_SIZE,
    RESPECT_GITIGNORE,
    JOBS,
    CACHE,
    SERVER,
    POLICIES,
    ISSUERS,
)


def by_name(name: str) -> AnyKey | None:
    """The key of that name, or None."""
    return next((key for key in KEYS if key.name == name), None)


def nearest(name: str, known: Iterable[str]) -> str:
    """`did you mean …` with the known name nearest to `name`, else all the known ones."""
    from difflib import get_close_matches  # start-up time: only a mistake needs it

    names = {each.lower(): each for each in sorted(known)}
    close = get_close_matches(name[:80].lower(), names, 1)
    return f"did you mean {names[close[0]]}?" if close else f"known are {', '.join(names.values())}"
