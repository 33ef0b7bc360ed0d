"""What a user chose about a scan, as ready values. Without click, which a commit does not wait for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tokenguard.errors import UsageError
from tokenguard.model import Severity
from tokenguard.model.lazy_dataclass import dataclass
from tokenguard.report.registry import FORMATS


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


def parse(
    *, formats: tuple[str, ...] = (), output: str | None = None, fail_on: str | None = None, **others: Any
) -> ScanOptions:
    """What was typed as ready values; `others` are as ScanOptions has them.

    Raises:
        UsageError: an unknown format, two reports for one place, or a part of a revocation without --revoke.
    """
    parts = [f"--{name}" for name in ("yes", "policy") if others.get(name)]
    if parts and not others.get("revoke"):
        raise UsageError(f"{parts[0]} without --revoke", remedy="add --revoke, or leave it out")
    severity = Severity(fail_on) if fail_on else None
    return ScanOptions(outputs=_outputs(formats, output), fail_on=severity, **others)


def _outputs(formats: tuple[str, ...], output: str | None) -> tuple[Output, ...]:
    outputs = tuple(map(_output, formats or ("text",)))
    if output is not None:
        if len(outputs) > 1 or outputs[0].path:
            raise UsageError("-o is for one report", remedy="with several formats use --format FORMAT=FILE")
        outputs = (Output(outputs[0].format, output),)
    places = {each.path and os.path.realpath(each.path) for each in outputs}
    if len(places) < len(outputs):
        raise UsageError("two reports for the same place", remedy="give each but one a file: --format FORMAT=FILE")
    for each in outputs:
        if each.path is not None:
            _check_place(Path(each.path))
    return outputs


def _output(text: str) -> Output:
    name, named, path = text.partition("=")
    if name not in FORMATS:
        from tokenguard.config.strict_yaml import shown  # start-up time: most formats exist

        raise UsageError(f"no report format is called {shown(name)}", remedy=f"one of {', '.join(FORMATS)}")
    if named and not path:
        raise UsageError(f"{text}: no file after the equals sign", remedy=f"name one, or leave the sign out: {name}")
    return Output(name, path or None)


def _check_place(path: Path) -> None:
    """A slip in a report's path is told before the scan, not after it."""
    if path.is_dir():
        raise UsageError(f"{path}: a folder, where the report is to be written", remedy="name a file in it")
    if not path.parent.is_dir():
        raise UsageError(f"{path}: there is no folder {path.parent}", remedy="make it, or name another file")
