"""Counts for charts, kept for a minute: counting goes over every token and leak, and nobody reads a chart faster."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

from tokenguard.store.actor import Permission

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from tokenguard.server.dashboard.visit import Visit
    from tokenguard.store.figures import LeakFigures, TokenFigures

_KEPT_SECONDS = 60.0
_MOST = 1000
"""People whose own tokens' counts are kept; beyond, the oldest goes."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What one may see, and when it was counted. `leaks`: None: not theirs to see."""

    tokens: TokenFigures
    leaks: LeakFigures | None
    at: datetime


class Counted:
    """The counts of one dashboard. Safe to use from many threads."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[float, Counts]] = OrderedDict()

    def of(self, visit: Visit) -> Counts:
        """Everybody's for a responder, else one's own.

        Raises:
            RefusedError: INSUFFICIENT_SCOPE.
        """
        actor = visit.signed_in.actor
        everyones = visit.may(Permission.RESPOND)
        if not everyones:
            # Now, and not when it was counted.
            actor.require(Permission.MANAGE_TOKENS)
        key = "" if everyones else actor.user_id or actor.name
        with self._lock:
            since, counts = self._kept.get(key, (0.0, None))
            if counts is not None and self._clock() - since < _KEPT_SECONDS:
                return counts
        overview = visit.overview
        counts = Counts(
            overview.token_figures(), overview.leak_figures() if everyones else None, visit.dashboard.pages.now()
        )
        with self._lock:
            self._kept[key] = self._clock(), counts
            self._kept.move_to_end(key)
            if len(self._kept) > _MOST:
                self._kept.popitem(last=False)
        return counts
