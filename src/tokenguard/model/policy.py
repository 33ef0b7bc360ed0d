"""What a deployment of the store permits, by family: lifetimes, limits, scopes, rates, hours.

Values only. They are read from `tokenguard.server.yaml` by `tokenguard.config.server_file`, which also ships the
providers' own as defaults.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from tokenguard.model.expected_hours import ExpectedHours
from tokenguard.model.leak_intake import LeakIntake
from tokenguard.model.notification import Notifications


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most so many requests in so many seconds."""

    requests: int
    seconds: int
    sliding: bool = False
    """Counted back from each request, not from fixed moments."""


class OnLeak(Enum):
    """What becomes of a live token that a forge hands in, whole and signed."""

    REVOKE = "revoke"
    NOTIFY = "notify"
    """Its owner and the responders are told; people decide."""


@dataclass(frozen=True, slots=True)
class FamilyPolicy:
    """What holds for the tokens of one family."""

    default_lifetime_days: int | None = 90
    """None: without an expiry unless one is asked for."""
    max_lifetime_days: int | None = None
    """None: any, also none at all."""
    max_active: int | None = None
    """Live tokens a user may have; None: any number, or as the plan says."""
    max_active_by_plan: Mapping[str, int] = field(default_factory=dict)
    """The same by the user's plan; a plan that is not in it has the least of them."""
    idle_expiry_days: int | None = None
    """A token that is not used for so long counts as expired."""
    scopes: tuple[str, ...] | None = None
    """The scopes that its tokens may have; None: all that the store knows."""
    unique_prefix: bool | None = None
    """Whether no two tokens share a visible prefix. None: if the prefix has at least 32 random bits."""
    rate_limits: tuple[RateLimit, ...] = ()
    """For each of its tokens, all of them at once."""
    expected_hours: ExpectedHours | None = None
    on_leak: OnLeak = OnLeak.REVOKE
    shorten_existing: bool = False
    """Whether a sweep gives older tokens the expiry that `max_lifetime_days` would give them now."""

    def max_active_for(self, plan: str) -> int | None:
        """How many live tokens a user of that plan may have; None: any number."""
        if self.max_active_by_plan:
            return self.max_active_by_plan.get(plan, min(self.max_active_by_plan.values()))
        return self.max_active


@dataclass(frozen=True, slots=True)
class Policies:
    """What holds in a deployment."""

    families: Mapping[str, FamilyPolicy] = field(default_factory=dict)
    """By rule id. A family that is not in it has a FamilyPolicy's defaults."""
    default_family: str = "tokenguard-access-token"
    """What is minted when no family is asked for."""
    product_scopes: tuple[str, ...] = ()
    """Scopes beside the store's own permissions."""
    contact: str = ""
    """Whom to ask for more; said where a limit is reached."""
    service_rate_limits: tuple[RateLimit, ...] = ()
    """For tokens that may introspect, instead of their family's."""
    stranger_rate_limits: tuple[RateLimit, ...] = ()
    """For each address that comes without a token."""
    leak_intake: LeakIntake = field(default_factory=LeakIntake)
    notifications: Notifications = field(default_factory=Notifications)

    def family(self, family: str) -> FamilyPolicy:
        """The policy of that family."""
        return self.families.get(family, _PLAIN)

    @property
    def secret_variables(self) -> frozenset[str]:
        """The variables of the environment that secrets are read from."""
        places = (*self.leak_intake.secrets, *self.notifications.secrets)
        return frozenset(each.variable for each in places if each.variable is not None)

    @property
    def plans(self) -> tuple[str, ...]:
        """The plans that a user may have."""
        named = (plan for policy in self.families.values() for plan in policy.max_active_by_plan)
        return tuple(dict.fromkeys(("FREE", *named)))

    @property
    def largest_plan(self) -> str:
        """The plan that permits the most."""
        return max(
            self.plans,
            key=lambda plan: sum(policy.max_active_for(plan) or 0 for policy in self.families.values()),
        )


_PLAIN = FamilyPolicy()
