"""Counts of requests, so that nobody asks more often than a policy allows.

SQLite has one server process: it counts in memory. Several processes on PostgreSQL share their counts in a table.
A request that is over a limit is not counted: who keeps asking gets through as soon as there is room.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from threading import Lock
from typing import Protocol

from sqlalchemy import Connection, delete, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.sql.dml import ReturningInsert

from tokenguard.model.policy import RateLimit
from tokenguard.store.clock import DAY, SECOND, Clock
from tokenguard.store.engine import Database
from tokenguard.store.tables import rate_counts

_LONGEST_BUCKET = 180
_KEPT = 100_000
"""Buckets of one process. Beyond, the oldest is forgotten: a flood of addresses must not fill the memory."""
_SWEEP_EVERY = 10_000
_OLD = 2 * DAY
"""Windows that began so long ago are over: none is longer than a day."""


class Rates(Protocol):
    """Who counts."""

    def take(self, bucket: str, limits: Sequence[RateLimit]) -> float:
        """Count a request of `bucket` (a token's id, an address) against all limits, or against none.

        Gives the seconds to wait until it would be within all of them; 0: it is, and was counted.
        """
        ...


def seconds_to_wait(limit: RateLimit, now: float, current: int, previous: int) -> float:
    """Until one more request is within the limit; 0: now.

    `current` and `previous` are the requests of this window and the one before. A sliding window takes the earlier
    ones as spread evenly, and counts the part of them that it still covers.
    """
    gone = now % limit.seconds
    if not limit.sliding:
        return 0.0 if current < limit.requests else limit.seconds - gone
    if current + 1 > limit.requests:
        return limit.seconds - gone + _covering(limit, limit.requests - 1, current)
    return max(0.0, _covering(limit, limit.requests - 1 - current, previous) - gone)


def _covering(limit: RateLimit, room: int, previous: int) -> float:
    """Seconds into a window from which on no more than `room` of the window before count."""
    return limit.seconds * max(0.0, 1 - room / previous) if previous else 0.0


class ProcessRates:
    """Counts of this process alone."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = Lock()
        self._counts: dict[tuple[str, int], tuple[int, int, int]] = {}
        """Number of the window, its requests, those of the one before."""

    def take(self, bucket: str, limits: Sequence[RateLimit]) -> float:
        """As Rates says."""
        with self._lock:
            now = self._clock() / SECOND
            counts = [(limit, *self._count(bucket, limit, now)) for limit in limits]
            wait = max((seconds_to_wait(limit, now, current, old) for limit, _, current, old in counts), default=0.0)
            if not wait:
                for limit, number, current, old in counts:
                    self._note(bucket, limit, (number, current + 1, old))
            return wait

    def _count(self, bucket: str, limit: RateLimit, now: float) -> tuple[int, int, int]:
        number = int(now // limit.seconds)
        known, current, previous = self._counts.get((bucket, limit.seconds), (number, 0, 0))
        # A clock that was set back does not open the window again.
        if number <= known:
            return known, current, previous
        return number, 0, current if number == known + 1 else 0

    def _note(self, bucket: str, limit: RateLimit, count: tuple[int, int, int]) -> None:
        # Noted anew at the end: the first is then the one that was noted longest ago.
        self._counts.pop((bucket, limit.seconds), None)
        self._counts[bucket, limit.seconds] = count
        if len(self._counts) > _KEPT:
            del self._counts[next(iter(self._counts))]


class SharedRates:
    """Counts that all server processes on one PostgreSQL share."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._taken = 0

    def take(self, bucket: str, limits: Sequence[RateLimit]) -> float:
        """As Rates says.

        Raises:
            UnavailableError: the database does not answer.
        """
        now = self._clock() / SECOND
        with self._database.translated(), self._database.engine.connect() as connection:
            # A lost count costs nothing: no request waits for the disk.
            connection.execute(text("SET LOCAL synchronous_commit TO OFF"))
            wait = 0.0
            for limit in sorted(limits, key=lambda limit: limit.seconds):
                row = connection.execute(_counted(_key(bucket, limit), limit.seconds, now)).one()
                wait = max(wait, seconds_to_wait(limit, now, row.current - 1, row.previous or 0))
            if not wait:
                self._sweep_sometimes(connection, now)
                connection.commit()
        return wait

    def _sweep_sometimes(self, connection: Connection, now: float) -> None:
        self._taken += 1
        if self._taken % _SWEEP_EVERY == 1:
            connection.execute(delete(rate_counts).where(rate_counts.c.window_start < now * SECOND - _OLD))


def _counted(key: str, seconds: int, now: float) -> ReturningInsert[tuple[int, int | None]]:
    """Count one, and hold the row until the end: nobody else counts this bucket meanwhile."""
    start = int(now // seconds) * seconds * SECOND
    earlier = rate_counts.alias()
    previous = (
        select(earlier.c.count)
        .where(earlier.c.bucket == key, earlier.c.window_start == start - seconds * SECOND)
        .scalar_subquery()
    )
    return (
        insert(rate_counts)
        .values(bucket=key, window_start=start, count=1)
        .on_conflict_do_update(
            index_elements=[rate_counts.c.bucket, rate_counts.c.window_start],
            set_={"count": rate_counts.c.count + 1},
        )
        .returning(rate_counts.c.count.label("current"), previous.label("previous"))
    )


def _key(bucket: str, limit: RateLimit) -> str:
    if len(bucket) > _LONGEST_BUCKET:
        bucket = sha256(bucket.encode("utf-8", "replace")).hexdigest()
    return f"{bucket}/{limit.seconds}"
