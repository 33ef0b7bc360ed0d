"""When a new token expires: as was asked for, within what its family's policy permits."""

from __future__ import annotations

from tokenguard.errors import RefusedError
from tokenguard.model.policy import FamilyPolicy
from tokenguard.model.token import NewToken
from tokenguard.store.clock import DAY, micros
from tokenguard.store.words import invalid

_MOST_DAYS = 36_500


def expiry_of(policy: FamilyPolicy, new: NewToken, now: int) -> int | None:
    """Microseconds since the epoch; None: never.

    Raises:
        RefusedError: VALIDATION: in the past, too far off, or said twice.
    """
    if sum((new.expires_at is not None, new.expires_in_days is not None, new.never_expires)) > 1:
        raise RefusedError(
            "VALIDATION", "an expiry is said once", pointers=("/expires_at", "/expires_in_days", "/never_expires")
        )
    pointer, expires_at = _asked(policy, new, now)
    most = policy.max_lifetime_days
    if most is not None and (expires_at is None or expires_at > now + most * DAY):
        raise invalid(f"may be at most {most} days ahead", pointer)
    return expires_at


def _asked(policy: FamilyPolicy, new: NewToken, now: int) -> tuple[str, int | None]:
    if new.never_expires:
        return "/never_expires", None
    if new.expires_in_days is not None:
        if not 1 <= new.expires_in_days <= _MOST_DAYS:
            raise invalid(f"is a number of days from 1 to {_MOST_DAYS}", "/expires_in_days")
        return "/expires_in_days", now + new.expires_in_days * DAY
    if new.expires_at is None:
        days = policy.default_lifetime_days
        if policy.max_lifetime_days is not None:
            days = min(days or policy.max_lifetime_days, policy.max_lifetime_days)
        return "/expires_at", None if days is None else now + days * DAY
    if new.expires_at.tzinfo is None:
        raise invalid("has no offset from UTC", "/expires_at")
    expires_at = micros(new.expires_at)
    if expires_at <= now:
        raise invalid("is not in the future", "/expires_at")
    return "/expires_at", expires_at
