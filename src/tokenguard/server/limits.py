"""How often who may ask: tokens by their family's policy, strangers and refused credentials by their address.

The counts are the store's: in this process' memory on SQLite, shared by all processes on PostgreSQL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokenguard.model.policy import RateLimit
from tokenguard.server.address import rate_bucket
from tokenguard.server.problems import rate_limited
from tokenguard.store.actor import Permission
from tokenguard.store.rates import ProcessRates, Rates, SharedRates

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokenguard.server.settings import ServerSettings
    from tokenguard.store.actor import Actor
    from tokenguard.store.store import Store


_PARTNER = (RateLimit(requests=600, seconds=60),)


class Limits:
    """Counts a request, and raises ProblemError (429, with Retry-After) where it is one too many.

    UnavailableError where the counts are shared and cannot be had.

    A request over a limit is not counted, so that whoever keeps asking gets through as soon as there is room.
    """

    def __init__(self, store: Store, settings: ServerSettings) -> None:
        self._policies = store.context.policies
        self._refused = settings.refused_rate_limits
        self._on = settings.rate_limits
        clock = store.context.clock
        self._rates: Rates = ProcessRates(clock) if store.database.is_sqlite else SharedRates(store.database, clock)

    def of_token(self, actor: Actor) -> tuple[RateLimit, ...]:
        """The limits that hold for a token."""
        if not self._on or actor.token_id is None:
            return ()
        if self._policies.service_rate_limits and actor.may(Permission.INTROSPECT):
            return self._policies.service_rate_limits
        return self._policies.family(actor.family or "").rate_limits

    def token(self, actor: Actor) -> None:
        """Count a request with a good token."""
        self._take(f"token:{actor.token_id}", self.of_token(actor))

    def stranger(self, address: str) -> None:
        """Count a request that needs no credential."""
        self._take(f"stranger:{rate_bucket(address)}", self._policies.stranger_rate_limits if self._on else ())

    def refused(self, address: str) -> None:
        """Count a credential that is no good."""
        self._take(f"refused:{rate_bucket(address)}", self._refused if self._on else ())

    def partner(self, name: str) -> None:
        """Count a request of a forge that showed its key."""
        self._take(f"partner:{name}", _PARTNER if self._on else ())

    def _take(self, bucket: str, limits: Sequence[RateLimit]) -> None:
        if limits and (seconds := self._rates.take(bucket, limits)):
            raise rate_limited(seconds)
