"""Charts where people would rather look than read: tokens by age and last use, leaks over time and time to revoke."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from tokenguard.server.dashboard.chart import Chart, Row, Series, stacked
from tokenguard.server.dashboard.visit import Views
from tokenguard.store.figures import AGES, SPEEDS, USES, WEEKS

if TYPE_CHECKING:
    from starlette.responses import Response

    from tokenguard.server.dashboard.visit import Visit
    from tokenguard.store.figures import LeakFigures, TokenFigures

VIEWS = Views()

_AGES = ("a week", "a month", "3 months", "6 months", "a year", "older")
_USED = (
    Series("used today or yesterday", "c0"),
    Series("within a week", "c1"),
    Series("within 30 days", "c2"),
    Series("within 90 days", "c3"),
    Series("longer ago", "c4"),
    Series("never", "c6"),
)
_SPEEDS = (
    Series("revoked within a minute", "c0"),
    Series("an hour", "c1"),
    Series("a day", "c2"),
    Series("a week", "c3"),
    Series("later", "c4"),
    Series("not revoked", "c5"),
    Series("no token of this store", "c6"),
)
_LABEL_EVERY = 4
"""Weeks: more days than that do not fit under the bars."""


@VIEWS.show("/charts")
def charts(visit: Visit) -> Response:
    """The charts that they may see."""
    counts = visit.dashboard.counted.of(visit)
    drawn = [_tokens(counts.tokens)]
    if counts.leaks is not None:
        drawn += [_over_time(counts.leaks), _time_to_revoke(counts.leaks)]
    return visit.page("charts.html", charts=drawn, everyones=counts.tokens.everyones, at=counts.at)


def _tokens(figures: TokenFigures) -> Chart:
    rows = [
        Row(label, tuple(figures.counts.get((age, use), 0) for use in range(len(USES) + 2)))
        for age, label in zip(range(len(AGES) + 1), _AGES, strict=True)
    ]
    return stacked("tokens", "Live tokens by age and last use", "Age", _USED, rows)


def _over_time(figures: LeakFigures) -> Chart:
    rows = [
        Row(
            f"{figures.since + timedelta(weeks=week):%b %-d}",
            tuple(figures.counts.get((week, speed), 0) for speed in range(len(_SPEEDS))),
        )
        for week in range(WEEKS)
    ]
    title = f"Leaks first seen, by week, in the last {WEEKS} weeks"
    return stacked("leaks", title, "Week from", _SPEEDS, rows, every=_LABEL_EVERY)


def _time_to_revoke(figures: LeakFigures) -> Chart:
    shown = range(len(SPEEDS) + 2)
    series = (Series("leaks", "c0"),)
    sums = {speed: sum(count for (_, each), count in figures.counts.items() if each == speed) for speed in shown}
    labels = ("a minute", "an hour", "a day", "a week", "longer", "not revoked")
    rows = [Row(label, (sums[speed],)) for speed, label in zip(shown, labels, strict=True)]
    return stacked("speed", "From the first sighting to the revocation", "Within", series, rows)
