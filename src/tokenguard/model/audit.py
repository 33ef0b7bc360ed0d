"""The audit: what was done, by whom and to which token; and how it is asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One thing that was done. Events are only ever added."""

    id: str
    at: datetime
    actor: str
    """A user's id, `local:<user>`, `anyone` (who held the whole token), a forge (`github`), or `tokenguard`."""
    action: str
    token_id: str | None = None
    address: str | None = None
    agent: str | None = None
    detail: dict[str, object] = field(default_factory=dict)
    actor_email: str | None = None
    """The address of `actor`, where that is a user."""


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which events to list, newest first."""

    token: str | None = None
    actor: str | None = None
    since: datetime | None = None
    cursor: str | None = None
    limit: int = 100


@dataclass(frozen=True, slots=True)
class AuditPage:
    """One page of events."""

    events: tuple[AuditEvent, ...]
    next_cursor: str | None = None
