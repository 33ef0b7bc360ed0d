"""What a report format has to offer, and what may be chosen about how it looks.

Each format is a module with a function `write`: the module itself is the Reporter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from tokenguard.model.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from typing import TextIO

    from tokenguard.model.report import Report


@dataclass(frozen=True, slots=True)
class Options:
    """How a report is written. No option changes what it says."""

    colour: bool = False
    """Colour severities with ANSI sequences (text only)."""
    width: int = 100
    """Columns of the terminal; prose is wrapped to it (text only)."""
    started: float | None = None
    """When the scan started, seconds since the epoch. None: not known."""
    finished: float | None = None
    """When the scan ended, seconds since the epoch. None: not known."""


class Reporter(Protocol):
    """One format."""

    name: str
    """What `--format` calls it."""

    def write(self, report: Report, out: TextIO, options: Options) -> None:
        """Write the whole report to `out`, a stream that takes any character that UTF-8 can encode.

        Raises only what `out` raises, a closed pipe among it.
        """
        ...
