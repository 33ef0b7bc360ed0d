"""Who acts on the store, and what they may."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tokenguard.errors import RefusedError


class Permission(StrEnum):
    """The permissions that the store itself knows; a deployment's product scopes stand beside them."""

    MANAGE_TOKENS = "developer.manage_tokens"
    """See and manage one's own tokens."""
    RESPOND = "security.respond"
    """Look up and revoke anyone's tokens, see leaks."""
    REPORT_LEAKS = "leaks:report"
    """Hand in leaks: records and notifies, never revokes."""
    INTROSPECT = "tokens.introspect"
    """For the services that check tokens."""
    MANAGE_USERS = "admin.manage_users"
    MANAGE_ROLES = "admin.manage_roles"
    READ_AUDIT = "audit.read"


@dataclass(frozen=True, slots=True)
class Actor:
    """Whoever asks, for the length of one call. Rights are the token's scopes that its owner's role grants now."""

    name: str
    """As the audit names them: a user's id, `local:<user>`, `anyone`, `tokenguard`."""
    rights: frozenset[str]
    user_id: str | None = None
    token_id: str | None = None
    token_prefix: str | None = None
    scopes: tuple[str, ...] = ()
    expires_at: datetime | None = None
    auth_mode: str = "token"
    address: str | None = None
    agent: str | None = None
    local: bool = False
    """Can read the file and the pepper, and so may everything."""
    family: str | None = None
    """The token's: its policy says how often it may ask."""

    def may(self, permission: str) -> bool:
        """Whether the actor has that right."""
        return self.local or permission in self.rights

    def require(self, *permissions: str) -> None:
        """Refuse unless the actor has all of them.

        Raises:
            RefusedError: INSUFFICIENT_SCOPE, with what is required and what is missing.
        """
        missing = tuple(permission for permission in permissions if not self.may(permission))
        if missing:
            raise RefusedError(
                "INSUFFICIENT_SCOPE",
                f"this needs {', '.join(permissions)}",
                remedy="use a token that has it, or ask an admin for it",
                required=tuple(str(permission) for permission in permissions),
                missing=tuple(str(permission) for permission in missing),
            )
