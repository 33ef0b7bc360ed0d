"""A contestant: one command line of a race, and how to read what it reports.

A command holds `{report}` where the program is to write its report; every execution gets a file of its own there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

REPORT = "{report}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an execution reported."""

    findings: int | None = None
    """As the tool counts them; None: it reports none that could be counted."""
    complete: bool = True
    """False: the tool itself says that it did not read everything."""
    digest: str = ""
    """Names the set of findings, where the tool names findings in a way that is the same in every run."""
    seconds: float | None = None
    """As the contestant's own clock has it, where start-up and preparation are not what is measured."""


Reader = Callable[[Path, Path], Outcome]
"""Reads the files with the report and with what was printed on standard error."""


@dataclass(frozen=True, slots=True)
class Contestant:
    """One command line of a race."""

    name: str
    command: tuple[str, ...]
    read: Reader
    accepted: frozenset[int] = frozenset({0})
    """Exit codes of a run that did its work; anything else is a failure, and its time counts for nothing."""
    folder: Path | None = None
    """Where it is started; None: in an empty folder."""
    environ: tuple[tuple[str, str], ...] = ()
    to_standard_output: bool = False
    """The report is what it prints; otherwise that goes to /dev/null."""
    prepare: Callable[[], None] | None = None
    """Called before every execution, outside the measured time."""
    memory: bool = False
    """Watch its peak memory."""
