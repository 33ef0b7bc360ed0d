"""Leaks: findings that reached the store, and the places where they were seen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tokenguard.model.token import TokenRecord


@dataclass(frozen=True, slots=True)
class LeakPlace:
    """Where a token was seen. `source`: who found it, such as `tokenguard`, `github`."""

    source: str = ""
    url: str = ""
    path: str = ""
    commit: str = ""
    seen_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Sighting:
    """One place and one report of a leak."""

    place: LeakPlace
    reported_by: str
    reported_at: datetime
    reported_by_email: str | None = None
    """The address of `reported_by`, where that is a user."""


@dataclass(frozen=True, slots=True)
class LeakRecord:
    """A finding that reached the store."""

    id: str
    state: str
    """`open` or `resolved`."""
    rule_id: str
    prefix: str
    token: TokenRecord | None
    candidates: tuple[TokenRecord, ...]
    sightings: tuple[Sighting, ...]
    first_seen: datetime
    uses_since: int
    """Accepted uses of the token since it was first seen."""
    resolution: str | None = None


@dataclass(frozen=True, slots=True)
class LeakMatch:
    """What a reported finding was matched to: `hash`, `prefix` or `none`."""

    id: str
    matched: str


@dataclass(frozen=True, slots=True)
class LeakPage:
    """One page of leaks, open ones first."""

    leaks: tuple[LeakRecord, ...]
    next_cursor: str | None = None
