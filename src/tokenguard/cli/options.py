"""The options that all scans share, for click. What was typed is turned into ready values by `scan_options.parse`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from tokenguard.cli.complete import complete_formats, complete_rules
from tokenguard.config.keys import size
from tokenguard.model import Severity
from tokenguard.report.registry import FORMATS

F = TypeVar("F", bound=Callable[..., Any])


class SizeType(click.ParamType[int]):
    """Bytes, with k, M or G."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Text to bytes."""
        try:
            return value if isinstance(value, int) else size(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


_RULES = click.option(
    "--rules", type=click.Path(path_type=Path), multiple=True, help="Further rule file or folder; repeatable."
)
_REPORTS = (
    click.option(
        "--format", "formats", multiple=True, metavar="FORMAT[=FILE]", shell_complete=complete_formats,
        help=f"Report format, to standard output or into FILE; repeatable. One of: {', '.join(FORMATS)}.",
    ),
    click.option("-o", "--output", metavar="FILE", help="Write the (single) report into FILE."),
)  # fmt: skip
_VERDICT = (
    click.option(
        "--only", multiple=True, metavar="RULE", shell_complete=complete_rules,
        help="Search for this rule only; repeatable.",
    ),
    click.option("--baseline", type=click.Path(path_type=Path), help="File of known findings, which do not count."),
    click.option(
        "--fail-on", type=click.Choice([severity.value for severity in Severity]),
        help="The lowest severity that makes the exit code 1.",
    ),
    click.option("--exit-zero", is_flag=True, help="Exit 0 in spite of findings (an incomplete scan stays 3)."),
    click.option("--strict-allow", is_flag=True, help="What a change itself allows does not count."),
)  # fmt: skip
_READING = (
    click.option("--jobs", type=click.IntRange(1, 256), help="Workers. Default: one a processor."),
    click.option("--max-size", type=SizeType(), help="Skip larger files (the scan is then incomplete): 10M, 1G."),
    click.option("--progress/--no-progress", default=True, help="Progress bar on a terminal."),
    click.option(
        "--cache/--no-cache", default=None, help="Remember what was read clean. Default: on, off where CI is set."
    ),
)  # fmt: skip
_RESPONSE = (
    click.option("--verify", is_flag=True, help="Ask the issuer of each token that is found whether it lives."),
    click.option("--revoke", is_flag=True, help="Have the tokens that are found revoked; a dry run without --yes."),
    click.option("--yes", is_flag=True, help="With --revoke: do it."),
    click.option(
        "--policy", type=click.Path(path_type=Path), metavar="FILE",
        help="With --revoke: which rules and places are revoked, and which left to people.",
    ),
    click.option(
        "--report-to", metavar="URL",
        help="Hand in what is found to a token store's server, with a token that has leaks:report (TOKENGUARD_TOKEN).",
    ),
)  # fmt: skip


def scan_options(command: F) -> F:
    """Give a command the shared options of scans; it takes them as keyword arguments for `parse`."""
    return _decorated(command, (*_REPORTS, _RULES, *_VERDICT, *_RESPONSE, *_READING))


def reading_options(command: F) -> F:
    """Give a command the options that say how to read, of those that scans have."""
    return _decorated(command, (_RULES, *_READING))


def _decorated(command: F, options: tuple[Callable[[F], F], ...]) -> F:
    for option in reversed(options):
        command = option(command)
    return command
