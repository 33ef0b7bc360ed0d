"""Stacked bars as numbers: where each piece of a chart stands. A template draws them, and lists them in a table too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

HEIGHT = 260
"""Pixels. Along the other axis everything is in percent of the width that the page has for it."""
_TOP, _BOTTOM = 12, 28
_PART = 0.72
"""Of a bar's place that the bar takes."""
_TICKS = 4
_STEPS = (1, 2, 5)


@dataclass(frozen=True, slots=True)
class Series:
    """One kind of what is counted. `style`: the class that colours it."""

    title: str
    style: str


@dataclass(frozen=True, slots=True)
class Piece:
    """A rectangle of one series in one bar; `title` says what it stands for. x and width are percentages."""

    x: float
    y: float
    width: float
    height: float
    style: str
    title: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A text at a place of an axis."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Row:
    """A bar in numbers: one for each series."""

    label: str
    counts: tuple[int, ...]

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.counts)


@dataclass(frozen=True, slots=True)
class Chart:
    """Everything that a template draws and lists."""

    id: str
    title: str
    head: str
    """What the rows are, for the table."""
    series: tuple[Series, ...]
    rows: tuple[Row, ...]
    pieces: tuple[Piece, ...]
    bars: tuple[Mark, ...]
    ticks: tuple[Mark, ...]

    @property
    def total(self) -> int:
        """Everything that is counted."""
        return sum(row.total for row in self.rows)


def stacked(  # noqa: PLR0913 - what a chart consists of
    name: str, title: str, head: str, series: Sequence[Series], rows: Sequence[Row], *, every: int = 1
) -> Chart:
    """A chart of a bar for each row. `every`: so many bars share one label."""
    top = _round_up(max((row.total for row in rows), default=0))
    place = 100 / max(1, len(rows))
    pieces = [piece for number, row in enumerate(rows) for piece in _bar(row, series, number * place, place, top)]
    bars = [Mark(round((n + 0.5) * place, 2), row.label) for n, row in enumerate(rows) if n % every == 0]
    step = max(1, top // _TICKS)
    ticks = [Mark(_height(value, top), f"{value:,}") for value in range(0, top + 1, step)]
    return Chart(name, title, head, tuple(series), tuple(rows), tuple(pieces), tuple(bars), tuple(ticks))


def _bar(row: Row, series: Sequence[Series], x: float, place: float, top: int) -> list[Piece]:
    pieces: list[Piece] = []
    below = 0
    for each, count in zip(series, row.counts, strict=True):
        if count:
            upper, lower = _height(below + count, top), _height(below, top)
            left, width = round(x + place * (1 - _PART) / 2, 2), round(place * _PART, 2)
            what = f"{row.label}, {each.title}: {count:,}"
            pieces.append(Piece(left, upper, width, round(lower - upper, 1), each.style, what))
            below += count
    return pieces


def _height(value: int, top: int) -> float:
    return round(HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * value / top, 1)


def _round_up(value: int) -> int:
    """The next number that four even steps lead to."""
    size = 1
    while True:
        for step in _STEPS:
            if value <= step * size * _TICKS:
                return step * size * _TICKS
        size *= 10
