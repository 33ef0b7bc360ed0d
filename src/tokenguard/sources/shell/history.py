"""The nouns of shell histories: the file, the entry that is reported, and the stretch of lines behind it."""

from __future__ import annotations

from pathlib import Path

from tokenguard.model.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class History:
    """One history file."""

    path: Path
    kind: str
    """Whose history it is, one of `kinds()`: `bash`, `zsh`, `psql`, …"""


@dataclass(frozen=True, slots=True)
class Entry:
    """What may be said about a remembered command. None: the format has none, or it is not certain."""

    time: str | None
    """When it was run or stored, RFC 3339 in UTC."""
    command: str | None
    """The program's name only, never an argument."""


@dataclass(frozen=True, slots=True)
class Span:
    """The lines of a history that hold one command."""

    first: int
    """Counted from 1."""
    last: int
    """Inclusive."""
    text: bytes
    """The beginning of the command; it may hold a secret and stays in this package."""
    epoch: int | None = None
    """Seconds since 1970-01-01 UTC."""

    def __repr__(self) -> str:
        """Without the text."""
        return f"Span({self.first}, {self.last})"
