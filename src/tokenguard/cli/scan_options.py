"""What a user chose about a scan, as ready values. Without click: hooks have no options to parse."""

from __future__ import annotations

from pathlib import Path

from tokenguard.model import Severity
from tokenguard.model.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Output:
    """One report to be written; no path: standard output."""

    format: str
    path: str | None = None


@dataclass(frozen=True, slots=True)
class ScanOptions:
    """The shared options of a scan."""

    outputs: tuple[Output, ...] = (Output("text"),)
    rules: tuple[Path, ...] = ()
    only: tuple[str, ...] = ()
    baseline: Path | None = None
    jobs: int | None = None
    max_size: int | None = None
    fail_on: Severity | None = None
    exit_zero: bool = False
    strict_allow: bool = False
    progress: bool = True
    cache: bool | None = None
    respect_gitignore: bool | None = None
    verify: bool = False
    revoke: bool = False
    yes: bool = False
    policy: Path | None = None
    report_to: str | None = None
    """The URL of a token store's server."""

    def flags(self) -> dict[str, object]:
        """What was typed, by the names of configuration keys; None where nothing was."""
        return {
            "rules": self.rules,
            "baseline": self.baseline,
            "jobs": self.jobs,
            "max_size": self.max_size,
            "fail_on": self.fail_on,
            "strict_allow": self.strict_allow or None,
            "cache": self.cache,
            "respect_gitignore": self.respect_gitignore,
        }
