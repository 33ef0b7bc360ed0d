"""Times as options take them: spans such as `90d`, `2w`, `12h`, and hours of use such as `mon-fri 8-18 +2`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import click

_SPAN = re.compile(r"([0-9]{1,6})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class Span(click.ParamType[timedelta]):
    """A number and s, m, h, d or w."""

    name = "span"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Text to a span."""
        if isinstance(value, timedelta):
            return value
        found = _SPAN.fullmatch(value)
        if found is None:
            self.fail(f"'{value}' is not a span of time such as 12h, 30d or 2w.", param, ctx)
        return timedelta(**{_UNITS[found[2]]: int(found[1])})


class Days(click.ParamType[int]):
    """A span of whole days, as their number."""

    name = "days"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Text to days."""
        if isinstance(value, int):
            return value
        span = Span().convert(value, param, ctx)
        if span % timedelta(days=1) or not span:
            self.fail(f"'{value}' is not a number of days such as 30d or 2w.", param, ctx)
        return span.days


class Lifetime(click.ParamType["timedelta | str"]):
    """How long a token lives: a span, or `never` for no expiry."""

    name = "lifetime"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta | str:
        """Text to a span, or `never`."""
        span = NEVER if value == NEVER else Span().convert(value, param, ctx)
        if not span:
            self.fail(f"'{value}' is no time to live; give a span such as 12h, 30d or 2w, or {NEVER}.", param, ctx)
        return span


class Hours(click.ParamType[str]):
    """When a token is expected to be used, in the writing of `tokenguard.model.expected_hours`."""

    name = "hours"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Text to the same in its usual writing."""
        from tokenguard.model.expected_hours import read_hours

        try:
            return str(read_hours(value))
        except ValueError as error:
            self.fail(f"'{value}' {error}.", param, ctx)


NEVER = "never"
