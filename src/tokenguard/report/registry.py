"""The formats by name. A format's module is imported when it is asked for: a hook pays for one of them only."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

from tokenguard.errors import UsageError

if TYPE_CHECKING:
    from tokenguard.report.format import Reporter

_MODULES = {
    "text": "text",
    "json": "json_document",
    "jsonl": "json_lines",
    "sarif": "sarif",
    "gitlab": "gitlab",
    "csv": "csv_table",
    "junit": "junit",
    "github": "github",
    "markdown": "markdown",
}

FORMATS: tuple[str, ...] = tuple(_MODULES)
"""Every name that `reporter` knows."""


def reporter(name: str) -> Reporter:
    """The format of that name; UsageError where there is none."""
    if name not in _MODULES:
        raise UsageError(f"unknown report format {name!r}", remedy=f"choose one of {', '.join(FORMATS)}")
    return cast("Reporter", import_module(f"tokenguard.report.{_MODULES[name]}"))
