"""Times as people read them: how long ago, in how long, and exactly."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_UNITS = (
    ("year", timedelta(days=365)),
    ("month", timedelta(days=30)),
    ("day", timedelta(days=1)),
    ("hour", timedelta(hours=1)),
    ("minute", timedelta(minutes=1)),
)
# Below so many of a unit the smaller one says more: "90 days" is what was chosen, not "3 months".
_FROM = {"year": 2, "month": 4}


def relative(moment: datetime, now: datetime) -> str:
    """Such as `3 hours ago`, `in 12 days`, `just now`."""
    span = moment - now
    text = span_text(abs(span))
    if not text:
        return "just now"
    return f"in {text}" if span > timedelta(0) else f"{text} ago"


def span_text(span: timedelta) -> str:
    """Such as `3 hours`; "" below a minute."""
    for name, unit in _UNITS:
        if span >= _FROM.get(name, 1) * unit:
            # To the nearest: a key that was made for 90 days a moment ago has 90 days left, not 89.
            number = round(span / unit)
            return f"{number} {name}{'' if number == 1 else 's'}"
    return ""


def exact(moment: datetime) -> str:
    """To the second, in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def day(moment: datetime) -> str:
    """The day in UTC, as ISO 8601 writes it."""
    return f"{moment.astimezone(UTC):%Y-%m-%d}"


def machine(moment: datetime) -> str:
    """For the attribute `datetime`."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
