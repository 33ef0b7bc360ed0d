"""Tokens as their store sees them: what they are to be, what is shown of them, and how they are listed.

Values only: no raw token is in any of them but `Created`, which holds it as a Secret. Times are aware, in UTC.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING

from tokenguard.model.people import Owner

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
