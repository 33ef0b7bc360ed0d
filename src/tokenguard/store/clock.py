"""The store's time: microseconds since the epoch, UTC, as its tables keep it.

Expiry must not be undone by a clock that is set back a little; a clock that was wrong by far must not stay wrong.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import overload

Clock = Callable[[], int]
"""Microseconds since the epoch."""

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)


def wall_clock() -> int:
    """What this machine believes the time to be."""
    return time.time_ns() // 1000


class SteadyClock:
    """A clock that stands still rather than go back, by at most an hour.

    What expired stays expired when the time service sets the clock back. Further back than that, the earlier time was
    the wrong one, and is dropped: else every token would stay expired until the program is started again.
    """

    __slots__ = ("_clock", "_latest")

    def __init__(self, clock: Clock = wall_clock) -> None:
        self._clock = clock
        self._latest = 0

    def __call__(self) -> int:
        """Microseconds since the epoch, never less than a call before within the hour."""
        now = self._clock()
        if now < self._latest <= now + HOUR:
            return self._latest
        self._latest = now
        return now


@overload
def moment(micros: int) -> datetime: ...
@overload
def moment(micros: int | None) -> datetime | None: ...
def moment(micros: int | None) -> datetime | None:
    """A time of the tables as an aware datetime."""
    return None if micros is None else _EPOCH + micros * _TICK


@overload
def micros(moment: datetime) -> int: ...
@overload
def micros(moment: datetime | None) -> int | None: ...
def micros(moment: datetime | None) -> int | None:
    """An aware datetime as a time of the tables."""
    return None if moment is None else (moment - _EPOCH) // _TICK
