"""Slows down whoever fails to sign in again and again, by address, and locks nobody out.

After a few failures each attempt from that address, right or wrong, waits; a few may wait at a time. What comes while
these wait is looked up at once, and refused as one too many unless it is right: whoever floods an address with guesses
must not shut out the owner who shares it. Guessing gains nothing by that: a token has at least 100 random bits.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

from tokenguard.server.address import rate_bucket
from tokenguard.server.problems import ProblemError, rate_limited

if TYPE_CHECKING:
    from starlette.types import Scope

_FREE = 5
"""Failures before anybody waits."""
_FIRST, _LONGEST = 0.25, 4.0
"""Seconds of the first wait, which doubles with each failure, and of the longest."""
_WAITING = 4
"""Attempts of one address that may wait at once."""
_FORGOTTEN = 15 * 60.0
"""Seconds after the last failure."""
_KEPT = 10_000
"""Addresses. Beyond, the one that failed longest ago is forgotten: a flood of them must not fill the memory."""


@dataclass(slots=True)
class _Failures:
    number: int = 0
    waiting: int = 0
    last: float = 0.0


class Turn:
    """One attempt. Counted as failed from its beginning, so that a hundred at once are not all the first."""

    def __init__(self, failures: _Failures, surplus: ProblemError | None) -> None:
        self._failures = failures
        self.surplus = surplus
        """What a failure is answered with instead: it did not wait, for too many did."""

    def succeeded(self) -> None:
        """It was none."""
        self._failures.number -= 1


class Brake:
    """The failures of all addresses. For the event loop's thread alone."""

    def __init__(self, *, on: bool = True, clock: Callable[[], float] = monotonic) -> None:
        self._on = on
        self._clock = clock
        self._failures: OrderedDict[str, _Failures] = OrderedDict()

    @asynccontextmanager
    async def turn(self, scope: Scope) -> AsyncIterator[Turn]:
        """One attempt to sign in, after its wait."""
        failures = self._of(rate_bucket(scope["address"]))
        failures.number += 1
        wait = self._wait(failures.number - 1)
        if wait and failures.waiting >= _WAITING:
            yield Turn(failures, rate_limited(wait))
            return
        if wait:
            await self._waited(failures, wait)
        yield Turn(failures, None)

    @staticmethod
    async def _waited(failures: _Failures, seconds: float) -> None:
        failures.waiting += 1
        try:
            # This is the brake: guessing takes time, and locks nobody out.
            await asyncio.sleep(seconds)
        finally:
            failures.waiting -= 1

    def _wait(self, failed: int) -> float:
        if not self._on or failed < _FREE:
            return 0.0
        return float(min(_LONGEST, _FIRST * 2 ** min(failed - _FREE, 10)))

    def _of(self, bucket: str) -> _Failures:
        now = self._clock()
        failures = self._failures.pop(bucket, None)
        if failures is None or now - failures.last > _FORGOTTEN:
            failures = _Failures()
        failures.last = now
        self._failures[bucket] = failures
        if len(self._failures) > _KEPT:
            self._failures.popitem(last=False)
        return failures
