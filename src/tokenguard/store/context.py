"""What every function of the store needs beside its connection and its actor: `fn(connection, context, actor, ...)`.

A function takes a Connection whose transaction is begun (`Database.reading` or `writing`), never begins or ends one,
and asks `actor.require` first. `StoreService` opens the transaction and calls it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tokenguard.model.policy import Policies
from tokenguard.model.rule import RuleSet
from tokenguard.store.actor import Permission
from tokenguard.store.clock import Clock, SteadyClock, wall_clock
from tokenguard.store.ids import new_id
from tokenguard.store.pepper import Peppers
from tokenguard.store.policy import Family, families_of


@dataclass(frozen=True, slots=True)
class Context:
    """A store's surroundings, the same for all its calls."""

    peppers: Peppers
    ruleset: RuleSet
    policies: Policies
    families: Mapping[str, Family]
    """By id. A token in the database may be of a family that is not in it any more."""
    clock: Clock
    """Microseconds since the epoch, as the tables keep times."""

    def now(self) -> int:
        """Microseconds since the epoch. Ask once a call, so that all that it writes has one time."""
        return self.clock()

    def new_id(self, kind: str) -> str:
        """A fresh id: `tokenguard.store.ids.new_id`."""
        return new_id(kind)

    @property
    def permissions(self) -> tuple[str, ...]:
        """Everything that a role may grant and a token may hold: the store's own, then the deployment's."""
        return tuple(dict.fromkeys((*map(str, Permission), *self.policies.product_scopes)))


def context_for(peppers: Peppers, ruleset: RuleSet, policies: Policies, clock: Clock = wall_clock) -> Context:
    """A store's context; its clock is made steady."""
    return Context(peppers, ruleset, policies, families_of(ruleset, policies), SteadyClock(clock))
