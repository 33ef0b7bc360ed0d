"""What commands other than scans print: lines, tables, JSON; all of it safe to show on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click

from tokenguard.app.conceal import Concealer
from tokenguard.report.escape import shown


class Screen:
    """Standard output behind the concealer: what is given is shown without secrets and control characters."""

    def __init__(self, concealer: Concealer) -> None:
        self._clean = concealer.clean

    def line(self, text: str = "") -> None:
        """One line."""
        click.echo(self._safe(text))

    def table(self, rows: Iterable[Sequence[str]]) -> None:
        """Rows of the same number of cells, in columns."""
        safe = [[self._safe(cell) for cell in row] for row in rows]
        widths = [max(map(len, column)) for column in zip(*safe, strict=True)]
        for row in safe:
            click.echo("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())

    def json(self, document: Any, revealed: Mapping[str, str] | None = None) -> None:
        """A document of dicts, lists, texts, numbers and None. `revealed`: further keys whose texts are shown as is."""
        from tokenguard.report.json_encoding import encode

        cleaned = self._cleaned(document)
        click.echo(encode(cleaned | revealed if revealed else cleaned, indent=2))

    def _safe(self, text: str) -> str:
        return shown(self._clean(text))

    def _cleaned(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._clean(value)
        if isinstance(value, dict):
            return {key: self._cleaned(each) for key, each in value.items()}
        return [self._cleaned(each) for each in value] if isinstance(value, (list, tuple)) else value
