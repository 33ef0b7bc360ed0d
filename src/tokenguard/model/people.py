"""Those whom the store knows: users and their roles, whose a token is, and whom a credential stands for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Owner:
    """A token's owner, as its record shows them."""

    id: str
    name: str
    email: str


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
