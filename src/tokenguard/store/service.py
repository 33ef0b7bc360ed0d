"""The store on behalf of one actor: TokenService, each call one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection

from tokenguard.errors import RefusedError
from tokenguard.model.audit import AuditFilter, AuditPage
from tokenguard.model.leak import LeakMatch, LeakPage, LeakPlace, LeakRecord
from tokenguard.model.people import Identity, Role, User
from tokenguard.model.revocation import Outcome, Target, TargetResult
from tokenguard.model.secret import Secret
from tokenguard.model.token import Created, FamilyInfo, Introspection, NewToken, TokenFilter, TokenPage, TokenRecord
from tokenguard.store import alerts, audit, leak_reports, leaks, listing, revocations, roles, rotation, tokens, users
from tokenguard.store.actor import Actor, Permission
from tokenguard.store.context import Context
from tokenguard.store.engine import CollisionError, Database
from tokenguard.store.lookup import Lookup
from tokenguard.store.standing import while_standing
from tokenguard.store.words import invalid

P = ParamSpec("P")
T = TypeVar("T")

Function = Callable[Concatenate[Connection, Context, Actor, P], T]

_TRIES = 3
_SHA256_BYTES = 32


class StoreService:
    """What `tokenguard.model.service.TokenService` says, in this store, for one actor."""

    def __init__(self, database: Database, context: Context, lookup: Lookup, actor: Actor) -> None:
        self._database = database
        self._context = context
        self._lookup = lookup
        self.actor = actor

    def _read(self, function: Function[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        with self._database.reading() as connection:
            return function(connection, self._context, self.actor, *arguments, **named)

    def _write(self, function: Function[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        for _ in range(_TRIES - 1):
            try:
                return self._written(function, *arguments, **named)
            except CollisionError:
                continue
        return self._written(function, *arguments, **named)

    def _written(self, function: Function[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        with self._database.writing() as connection:
            return function(connection, self._context, self.actor, *arguments, **named)

    def whoami(self) -> Identity:
        """Who the caller is."""
        return self._read(users.whoami)

    def families(self) -> tuple[FamilyInfo, ...]:
        """The families that can be minted."""
        return self._read(tokens.families)

    def list_tokens(self, which: TokenFilter) -> TokenPage:
        """The caller's own tokens; with security.respond also others'."""
        return self._read(listing.list_tokens, which)

    def create_token(self, new: NewToken, *, idempotency_key: str | None = None) -> Created:
        """Mint a token. The raw value is in the answer, this once."""
        return self._write(tokens.create_token, new, idempotency_key=idempotency_key)

    def token(self, token_id: str) -> TokenRecord:
        """One token's record."""
        return self._read(tokens.token, token_id)

    def revoke_token(self, token_id: str, *, reason: str = "") -> TokenRecord:
        """Revoke one's own token, with security.respond anybody's. Once revoked, nothing changes."""
        result = self.revoke([Target(id=token_id)], reason=reason)[0]
        if result.outcome is Outcome.INVALID or result.token is None:
            raise RefusedError("NOT_FOUND", "no such token")
        return result.token

    def rotate_token(self, token_id: str, *, grace_seconds: int = 0, idempotency_key: str | None = None) -> Created:
        """Mint the successor; the old one lives for the grace."""
        answer = self._write(
            rotation.rotate_token, token_id, grace_seconds=grace_seconds, idempotency_key=idempotency_key
        )
        if isinstance(answer, RefusedError):
            raise answer
        return answer

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
        act = self._read if dry_run else self._write
        results = act(revocations.revoke, targets, reason=reason, leak=leak, all_matching=all_matching, dry_run=dry_run)
        if not self.actor.may(Permission.RESPOND):
            self._lookup.ring([target.token for target in targets if target.token is not None], self.actor)
        return results

    def revoke_leaked(self, tokens: Sequence[Secret]) -> None:
        """Revoke by whole value: whoever holds it may. A honeytoken is set off instead."""
        self._write(revocations.revoke_leaked, tokens)
        self._lookup.ring(tokens, self.actor)

    def take_alert(self, alert: alerts.Alert) -> alerts.Taken:
        """Work off what a forge hands in, as its family's policy says. Signed, its tokens are proof of themselves.

        An alert that comes again is answered alike, and changes nothing.
        """
        known: list[bool] = []
        revoked = 0
        for start in range(0, len(alert.entries), alerts.PORTION):
            taken = self._write(alerts.take, alert, start)
            known += taken.known
            revoked += taken.revoked
        return alerts.Taken(tuple(known), revoked)

    def introspect(self, *, token: Secret | None = None, token_sha256: str | None = None) -> Introspection:
        """Whether a token lives (RFC 7662)."""
        self.actor.require(Permission.INTROSPECT)
        return self._lookup.introspection(introspected(token, token_sha256), self.actor)

    def report_leaks(self, report: Mapping[str, object]) -> tuple[LeakMatch, ...]:
        """Hand in a tokenguard report, or `{finding, seen_at, url}`: records, never revokes."""
        findings = leak_reports.read_report(self._context, self.actor, report)
        return self._write(while_standing(leak_reports.record_findings), findings)

    def leaks(
        self, *, state: str | None = None, token: str | None = None, cursor: str | None = None, limit: int = 100
    ) -> LeakPage:
        """Leaks, open ones first. `token`: only those of the token of that id, which its owner may see too."""
        return self._read(leaks.leaks, state=state, token=token, cursor=cursor, limit=limit)

    def leak(self, leak_id: str) -> LeakRecord:
        """One leak."""
        return self._read(leaks.leak, leak_id)

    def resolve_leak(self, leak_id: str, resolution: str) -> LeakRecord:
        """Close a leak. Seen again, it opens again."""
        return self._write(leaks.resolve_leak, leak_id, resolution)

    def users(self) -> tuple[User, ...]:
        """All users."""
        return self._read(users.all_users)

    def create_user(self, *, email: str, name: str, role: str, plan: str = "FREE") -> User:
        """Add a user; `role` is a role's name or id."""
        return self._write(while_standing(users.create_user), email=email, name=name, role=role, plan=plan)

    def change_user(
        self,
        user_id: str,
        *,
        name: str | None = None,
        plan: str | None = None,
        role: str | None = None,
        active: bool | None = None,
    ) -> User:
        """Change what is given. The last admin stays."""
        return self._write(while_standing(users.change_user), user_id, name=name, plan=plan, role=role, active=active)

    def roles(self) -> tuple[Role, ...]:
        """All roles."""
        return self._read(roles.all_roles)

    def create_role(self, *, name: str, permissions: Sequence[str]) -> Role:
        """Add a role."""
        return self._write(while_standing(roles.create_role), name=name, permissions=permissions)

    def change_role(self, role_id: str, *, name: str | None = None, permissions: Sequence[str] | None = None) -> Role:
        """Change what is given. The last admin stays."""
        return self._write(while_standing(roles.change_role), role_id, name=name, permissions=permissions)

    def delete_role(self, role_id: str) -> None:
        """Delete a role that no user has."""
        self._write(while_standing(roles.delete_role), role_id)

    def audit(self, which: AuditFilter) -> AuditPage:
        """What was done, newest first."""
        return self._read(audit.events, which)


def introspected(token: Secret | None, token_sha256: str | None) -> Secret | bytes:
    """What an introspection asks about.

    Raises:
        RefusedError: VALIDATION: not exactly one, or no SHA-256.
    """
    if (token is None) == (token_sha256 is None):
        raise RefusedError("VALIDATION", "exactly one of token and token_sha256 is given", pointers=("/token",))
    if token is not None:
        return token
    try:
        digest = bytes.fromhex(token_sha256 or "")
    except ValueError:
        digest = b""
    if len(digest) != _SHA256_BYTES:
        raise invalid("is not a SHA-256 in hexadecimal digits", "/token_sha256")
    return digest


if TYPE_CHECKING:
    from tokenguard.model.service import TokenService

    def _fits(service: StoreService) -> TokenService:
        return service
