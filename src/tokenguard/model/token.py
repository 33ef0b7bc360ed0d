"""Tokens as their store sees them, and everything around them that its API (version 1) speaks of.

Values only: no raw token is in any of them but `Created`, which holds it as a Secret. Times are aware, in UTC.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenguard.model.secret import Secret


class TokenStatus(Enum):
    """Derived from times, never stored; revoked wins over expired."""

    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


class TokenSort(Enum):
    """In which order tokens are listed."""

    CREATED = "created"
    """Newest first."""
    NAME = "name"
    """By name, without regard to case."""
    LAST_USED = "last_used"
    """Longest unused first; one that never was counts from when it was made."""
    EXPIRES = "expires"
    """Soonest first; those that never expire last."""


class Outcome(Enum):
    """What became of one revocation that was asked for. A value, never an exception."""

    REVOKED = "revoked"
    ALREADY_REVOKED = "already_revoked"
    NOT_FOUND = "not_found"
    AMBIGUOUS = "ambiguous"
    """Several tokens share the prefix: none was revoked, the candidates are listed."""
    REFUSED = "refused"
    """The caller may not."""
    INVALID = "invalid"
    """Not a prefix, hash, id or token that any family could have."""
    UNREACHABLE = "unreachable"
    """The issuer could not be asked, or did not answer for certain; kept in the journal."""

    @property
    def dead(self) -> bool:
        """The token certainly does not live any more."""
        return self in {Outcome.REVOKED, Outcome.ALREADY_REVOKED}


@dataclass(frozen=True, slots=True)
class Owner:
    """A token's owner, as its record shows them."""

    id: str
    name: str
    email: str


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """One token, as people may see it: never a hash, never the token."""

    id: str
    family: str
    """The id of its rule."""
    name: str
    prefix: str
    owner: Owner
    scopes: tuple[str, ...]
    status: TokenStatus
    created_at: datetime
    last_used_at: datetime | None = None
    last_used_ip: str | None = None
    addresses_30d: int = 0
    """From how many addresses it was used in the last 30 days."""
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    revoked_by: str | None = None
    revoke_reason: str | None = None
    rotated_from: str | None = None
    rotated_to: str | None = None
    honeytoken: bool = False
    odd_hours: bool = False
    """Used outside its expected hours, its own or else its family's policy's, in the last 30 days."""
    expected_hours: str | None = None
    """Its own, as `tokenguard.model.expected_hours` writes them. None: as its family's policy says."""
    revoked_by_email: str | None = None
    """The address of `revoked_by`, where that is a user."""


@dataclass(frozen=True, slots=True)
class NewToken:
    """What a token is to be. None: as the family's policy says."""

    name: str
    family: str | None = None
    scopes: tuple[str, ...] = ()
    expires_at: datetime | None = None
    expires_in_days: int | None = None
    never_expires: bool = False
    honeytoken: bool = False
    owner: str | None = None
    """Another user's id or address; only whoever may manage users can say it."""
    expected_hours: str | None = None
    """When it is to be used, such as `mon-fri 8-18 +2`."""


@dataclass(frozen=True, slots=True)
class Created:
    """A token that was minted just now. None instead of the token: a replayed request."""

    record: TokenRecord
    token: Secret | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class TokenFilter:
    """Which tokens to list; what is None or False does not narrow."""

    status: TokenStatus | None = None
    family: str | None = None
    owner: str | None = None
    """An id or address; with `everyone`, prefix and hash it needs security.respond."""
    everyone: bool = False
    prefix: str | None = None
    token_sha256: str | None = None
    stale_days: int | None = None
    """Active, and not used (nor made) in so many days."""
    expiring_days: int | None = None
    """Active, and expires within so many days."""
    overscoped: bool = False
    """Holds a scope that its owner's role does not grant (any more)."""
    shared: bool = False
    """Used from several addresses in the last 30 days."""
    odd_hours: bool = False
    """Used outside its expected hours, its own or else its family's policy's, in the last 30 days."""
    text: str | None = None
    """Part of the name, prefix, family or a scope; among others' tokens of the owner too. Without regard to case."""
    sort: TokenSort = TokenSort.CREATED
    reverse: bool = False
    """In the opposite order."""
    cursor: str | None = None
    limit: int = 100


@dataclass(frozen=True, slots=True)
class Limit:
    """How many active tokens of a family a user may have, and has. None: no limit."""

    max_active: int | None
    active: int


@dataclass(frozen=True, slots=True)
class TokenPage:
    """One page of tokens, the caller's limits by family, and where the next page begins (None: none)."""

    tokens: tuple[TokenRecord, ...]
    limits: dict[str, Limit]
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True)
class FamilyInfo:
    """A family, as whoever mints sees it."""

    id: str
    title: str
    prefix: str
    visible_prefix: int
    default_lifetime_days: int | None
    max_lifetime_days: int | None
    """None: no expiry is permitted."""
    max_active: int | None
    scopes: tuple[str, ...]
    """Those that the caller may choose."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a credential stands for, and what it may do."""

    id: str
    email: str
    name: str
    plan: str
    role: str
    permissions: tuple[str, ...]
    """The role's."""
    scopes: tuple[str, ...]
    """The token's."""
    token_id: str | None
    token_prefix: str | None
    auth_mode: str
    """`token`, `session` or `local`."""
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """One token to revoke; exactly one of token, token_sha256, prefix, id is given."""

    token: Secret | None = None
    token_sha256: str | None = None
    prefix: str | None = None
    family: str | None = None
    """Narrows a prefix."""
    id: str | None = None


@dataclass(frozen=True, slots=True)
class LeakPlace:
    """Where a token was seen. `source`: who found it, such as `tokenguard`, `github`."""

    source: str = ""
    url: str = ""
    path: str = ""
    commit: str = ""
    seen_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class TargetResult:
    """What became of one target."""

    target_index: int
    outcome: Outcome
    token: TokenRecord | None = None
    candidates: tuple[TokenRecord, ...] = ()
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Introspection:
    """RFC 7662. Not active: nothing else is said."""

    active: bool
    scope: str = ""
    username: str = ""
    sub: str = ""
    client_id: str = ""
    """The token's id."""
    exp: int | None = None
    iat: int | None = None


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


@dataclass(frozen=True, slots=True)
class User:
    """Whoever owns tokens."""

    id: str
    email: str
    name: str
    plan: str
    role: str
    """The role's name."""
    active: bool


@dataclass(frozen=True, slots=True)
class Role:
    """A named set of permissions."""

    id: str
    name: str
    permissions: tuple[str, ...]


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
