"""The way in: who asks is found out first, then how often, and only then is a body read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from anyio import CapacityLimiter

from tokenguard.server.authentication import Credential, agent_name, credential
from tokenguard.server.body import header
from tokenguard.server.problems import ProblemError

if TYPE_CHECKING:
    from starlette.types import Scope

    from tokenguard.model.service import TokenService
    from tokenguard.server.limits import Limits
    from tokenguard.server.logs import Scrubber
    from tokenguard.server.metrics import Metrics
    from tokenguard.server.settings import ServerSettings
    from tokenguard.store.actor import Actor
    from tokenguard.store.store import Store


_WATCHING = 4


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever asks, once they are in."""

    service: TokenService
    metrics: Metrics


class Admission:
    """Everything that the routes share. Its functions wait for the store: call them in a thread."""

    def __init__(
        self, store: Store, settings: ServerSettings, limits: Limits, metrics: Metrics, scrubber: Scrubber
    ) -> None:
        self.store = store
        self.settings = settings
        self.metrics = metrics
        self.limits = limits
        self._scrubber = scrubber
        self.watching = CapacityLimiter(_WATCHING)
        """Threads for whoever watches the server: when all others wait for the store is when it is looked at."""

    def bearer(self, scope: Scope, *needed: str) -> Caller:
        """Whoever comes with a token, and has these permissions.

        Raises:
            ProblemError: 401 for every credential that is no good, 429 for one too many.
            RefusedError: INSUFFICIENT_SCOPE.
            StoreError: the store does not answer.
        """
        found = credential(scope)
        actor = self.store.authenticate(found.secret, address=scope["address"], agent=self.agent(scope))
        if actor is None:
            raise self.refusal(scope, found)
        self.limits.token(actor)
        actor.require(*needed)
        return self.caller(actor)

    def refusal(self, scope: Scope, found: Credential) -> ProblemError:
        """The answer to a credential that is no good: 401, or 429 for one too many."""
        self.metrics.refused()
        try:
            self.limits.refused(scope["address"])
        except ProblemError as error:
            return error
        return found.refusal()

    def stranger(self, scope: Scope) -> Caller:
        """Whoever comes without.

        Raises:
            ProblemError: 429 for one too many.
        """
        self.limits.stranger(scope["address"])
        return self.caller(self.store.anyone(address=scope["address"], agent=self.agent(scope)))

    def caller(self, actor: Actor) -> Caller:
        """An actor's door to the store."""
        return Caller(self.store.acting(actor), self.metrics)

    def agent(self, scope: Scope) -> str | None:
        """The program that asks, as it may be written down."""
        value = header(scope, b"user-agent")
        return None if value is None else self._scrubber.clean(agent_name(value))
