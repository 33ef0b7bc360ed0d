"""When tokens are expected to be used, and the one line that says it: `mon-fri 08-18 UTC+2`.

Values only. A family's are in its policy; a token may have its own, which count instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

WEEK_HOURS = 168
WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
FURTHEST_OFFSET = 14
"""Hours between UTC and any local time."""

_LINE = re.compile(
    r"(?:(?P<days>[a-z][a-z,-]*) +)?(?P<first>[0-9]{1,2})-(?P<end>[0-9]{1,2})"
    r"(?: +(?:utc)?(?P<offset>[+-][0-9]{1,2})| +utc)?"
)


@dataclass(frozen=True, slots=True)
class ExpectedHours:
    """When a family's tokens, or one of them, are expected to be used."""

    first: int = 0
    """The first hour of the day, from 0."""
    end: int = 24
    """The hour at which it is over, up to 24; before `first`: over midnight."""
    days: frozenset[int] = frozenset(range(7))
    """Days of the week on which `first` may lie, Monday is 0."""
    utc_offset: int = 0
    """Hours to add to UTC for the local time that is meant."""

    def week_hours(self) -> frozenset[int]:
        """The expected hours of a week in UTC; hour 0 is Monday's first."""
        length = (self.end - self.first) % 24 or 24
        starts = (day * 24 + self.first - self.utc_offset for day in self.days)
        return frozenset((start + hour) % WEEK_HOURS for start in starts for hour in range(length))

    def __str__(self) -> str:
        """The line that `read_hours` takes; Monday to Sunday is left out."""
        days = "" if len(self.days) == len(WEEK) else ",".join(_runs(sorted(self.days))) + " "
        return f"{days}{self.first:02}-{self.end:02} UTC{f'{self.utc_offset:+}' if self.utc_offset else ''}"


def read_hours(text: str) -> ExpectedHours:
    """Hours of the day, before them days of the week, behind them hours to add to UTC: `mon-fri 8-18 +2`, `22-6`.

    Raises:
        ValueError: something else; the message says what, and never repeats the text.
    """
    found = _LINE.fullmatch(text.strip().lower())
    if found is None:
        raise ValueError("is not hours such as 8-18, 'mon-fri 8-18' or 'mon,wed 22-6 +2'")
    first, end, offset = int(found["first"]), int(found["end"]), int(found["offset"] or 0)
    if first > 23 or end > 24:
        raise ValueError("has an hour that no day has")
    if abs(offset) > FURTHEST_OFFSET:
        raise ValueError(f"has an offset from UTC that is not from -{FURTHEST_OFFSET} to +{FURTHEST_OFFSET} hours")
    days = _days(found["days"]) if found["days"] else frozenset(range(len(WEEK)))
    return ExpectedHours(first, end, days, offset)


def _days(text: str) -> frozenset[int]:
    days: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        if first not in WEEK or (dash and last not in WEEK):
            raise ValueError(f"has a day that is none of {', '.join(WEEK)}")
        start = WEEK.index(first)
        length = (WEEK.index(last) - start) % len(WEEK) if dash else 0
        days.update((start + day) % len(WEEK) for day in range(length + 1))
    return frozenset(days)


def _runs(days: list[int]) -> Iterator[str]:
    """Days in a row as `mon-fri`, others by their name."""
    while days:
        length = next((number for number, day in enumerate(days) if day != days[0] + number), len(days))
        yield WEEK[days[0]] + (f"-{WEEK[days[length - 1]]}" if length > 1 else "")
        days = days[length:]
