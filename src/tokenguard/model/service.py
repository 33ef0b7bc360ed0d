"""What a token store can be asked, wherever it is: in a file of this machine, or behind a server's API.

`tokenguard.store` answers for the one, `tokenguard.respond.client` for the other; a command does not know which it has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tokenguard.model.audit import AuditFilter, AuditPage
    from tokenguard.model.leak import LeakMatch, LeakPage, LeakPlace, LeakRecord
    from tokenguard.model.people import Identity, Role, User
    from tokenguard.model.revocation import Target, TargetResult
    from tokenguard.model.secret import Secret
    from tokenguard.model.token import Created, FamilyInfo, Introspection, NewToken, TokenFilter, TokenPage, TokenRecord


class TokenService(Protocol):
    """The calls of the store's API, on behalf of one caller.

    Each raises `RefusedError` for what the caller may not or cannot have, and `UnavailableError` when the store could
    not answer; whether a writing call was done is then not known, and it may be asked again.
    """

    def whoami(self) -> Identity:
        """Who the caller is."""
        ...

    def families(self) -> tuple[FamilyInfo, ...]:
        """The families that can be minted."""
        ...

    def list_tokens(self, which: TokenFilter) -> TokenPage:
        """The caller's own tokens; with security.respond also others'."""
        ...

    def create_token(self, new: NewToken, *, idempotency_key: str | None = None) -> Created:
        """Mint a token. The raw value is in the answer, this once."""
        ...

    def token(self, token_id: str) -> TokenRecord:
        """One token's record. Another's id is NOT_FOUND without security.respond."""
        ...

    def revoke_token(self, token_id: str, *, reason: str = "") -> TokenRecord:
        """Revoke one's own token, with security.respond anybody's. Once revoked, nothing changes."""
        ...

    def rotate_token(self, token_id: str, *, grace_seconds: int = 0, idempotency_key: str | None = None) -> Created:
        """Mint the successor; the old one lives for the grace."""
        ...

    def revoke(
        self,
        targets: Sequence[Target],
        *,
        reason: str = "",
        leak: LeakPlace | None = None,
        all_matching: bool = False,
        dry_run: bool = False,
    ) -> tuple[TargetResult, ...]:
        """Revoke up to 1,000 targets, set-wise; a result each, in their order."""
        ...

    def revoke_leaked(self, tokens: Sequence[Secret]) -> None:
        """Revoke by whole value: whoever holds it may. The answer is the same for known and unknown."""
        ...

    def introspect(self, *, token: Secret | None = None, token_sha256: str | None = None) -> Introspection:
        """Whether a token lives (RFC 7662)."""
        ...

    def report_leaks(self, report: Mapping[str, object]) -> tuple[LeakMatch, ...]:
        """Hand in a tokenguard report, or `{finding, seen_at, url}`, as JSON values: records, never revokes."""
        ...

    def leaks(
        self, *, state: str | None = None, token: str | None = None, cursor: str | None = None, limit: int = 100
    ) -> LeakPage:
        """Leaks, open ones first. `token`: only those of the token of that id, which its owner may see too."""
        ...

    def leak(self, leak_id: str) -> LeakRecord:
        """One leak."""
        ...

    def resolve_leak(self, leak_id: str, resolution: str) -> LeakRecord:
        """Close a leak. Seen again, it opens again."""
        ...

    def users(self) -> tuple[User, ...]:
        """All users."""
        ...

    def create_user(self, *, email: str, name: str, role: str, plan: str = "FREE") -> User:
        """Add a user; `role` is a role's name or id."""
        ...

    def change_user(
        self,
        user_id: str,
        *,
        name: str | None = None,
        plan: str | None = None,
        role: str | None = None,
        active: bool | None = None,
    ) -> User:
        """Change what is given. `user_id` is an id or an address. The last admin stays."""
        ...

    def roles(self) -> tuple[Role, ...]:
        """All roles."""
        ...

    def create_role(self, *, name: str, permissions: Sequence[str]) -> Role:
        """Add a role."""
        ...

    def change_role(self, role_id: str, *, name: str | None = None, permissions: Sequence[str] | None = None) -> Role:
        """Change what is given. `role_id` is an id or a name. The last admin stays."""
        ...

    def delete_role(self, role_id: str) -> None:
        """Delete a role that no user has."""
        ...

    def audit(self, which: AuditFilter) -> AuditPage:
        """What was done, newest first. What was done with a token of one's own needs no audit.read."""
        ...
