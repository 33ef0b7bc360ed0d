"""A token store behind its HTTP API (version 1), as a TokenService.

The calls and their JSON; the values are read and written by `tokenguard.model.wire`, as at the server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from tokenguard.errors import RefusedError
from tokenguard.model.audit import AuditPage
from tokenguard.model.leak import LeakMatch, LeakPage, LeakRecord
from tokenguard.model.people import Identity, Role, User
from tokenguard.model.revocation import Outcome, Target, TargetResult
from tokenguard.model.token import FamilyInfo, Introspection, TokenPage, TokenRecord, TokenSort
from tokenguard.model.wire import WireError, created_from_json, from_json, to_json
from tokenguard.respond.exchange import Exchange

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from tokenguard.model.audit import AuditFilter
    from tokenguard.model.leak import LeakPlace
    from tokenguard.model.secret import Secret
    from tokenguard.model.token import Created, NewToken, TokenFilter
    from tokenguard.respond.http import Patience

T = TypeVar("T")

_API = "/api/v1"
BATCH = 1000
"""Targets of one call."""


class Client:
    """What `tokenguard.model.service.TokenService` says, over HTTP; every call may raise what that says.

    `token` None: only what needs none (`revoke_leaked`). Calls that change something are repeated after a failure only
    where that has the same effect: revocations, and creations, which carry an Idempotency-Key. A repeated creation
    whose first answer was lost has no raw token in it any more.
    """

    def __init__(self, url: str, token: Secret | None, *, patience: Patience | None = None) -> None:
        self._exchange = Exchange(url, token, patience=patience)

    @property
    def name(self) -> str:
        """Host and port of the server."""
        return self._exchange.name

    def close(self) -> None:
        """Let go of the connections."""
        self._exchange.close()

    def whoami(self) -> Identity:
        """Who the token stands for."""
        return self._value(Identity, self._exchange.get(f"{_API}/auth/me"))

    def families(self) -> tuple[FamilyInfo, ...]:
        """The families that can be minted."""
        return self._list(FamilyInfo, self._exchange.get(f"{_API}/families"), "families")

    def list_tokens(self, which: TokenFilter) -> TokenPage:
        """One page of tokens."""
        return self._value(TokenPage, self._exchange.get(f"{_API}/tokens", _asked(which)))

    def create_token(self, new: NewToken, *, idempotency_key: str | None = None) -> Created:
        """Mint a token."""
        from uuid import uuid4

        # By identity: 0 days are no days, not the policy's ninety, and it is for the server to refuse them.
        body = {key: value for key, value in to_json(new).items() if value is not None and value is not False}
        key = idempotency_key or str(uuid4())
        answer = self._exchange.send("POST", f"{_API}/tokens", body, repeatable=True, idempotency_key=key)
        return self._read(created_from_json, answer)

    def token(self, token_id: str) -> TokenRecord:
        """One token's record."""
        return self._value(TokenRecord, self._exchange.get(f"{_API}/tokens/{_quoted(token_id)}"))

    def revoke_token(self, token_id: str, *, reason: str = "") -> TokenRecord:
        """Revoke one token by its id. Through the call for many, since DELETE takes no reason and gives no record."""
        (result,) = self.revoke((Target(id=token_id),), reason=reason)
        if result.outcome is Outcome.REFUSED:
            raise RefusedError("INSUFFICIENT_SCOPE", result.detail or "this token may not be revoked by you")
        if result.token is None or not result.outcome.dead:
            raise RefusedError("NOT_FOUND", "there is no token with this id")
        return result.token

    def rotate_token(self, token_id: str, *, grace_seconds: int = 0, idempotency_key: str | None = None) -> Created:
        """Mint the successor. Never repeated by itself: of an older server a second rotation would kill both."""
        path = f"{_API}/tokens/{_quoted(token_id)}/rotate"
        body = {"grace_seconds": grace_seconds}
        return self._read(
            created_from_json, self._exchange.send("POST", path, body, idempotency_key=idempotency_key or "")
        )

    def revoke(
        self,
        targets: Sequence[Target],
        *,
        reason: str = "",
        leak: LeakPlace | None = None,
        all_matching: bool = False,
        dry_run: bool = False,
    ) -> tuple[TargetResult, ...]:
        """Revoke any number of targets, 1,000 a call. When a later call fails, the earlier ones have been done."""
        said = {
            "reason": reason,
            "leak": None if leak is None else {key: value for key, value in to_json(leak).items() if value},
            "all_matching": all_matching,
            "dry_run": dry_run,
        }
        common = {key: value for key, value in said.items() if value}
        results: list[TargetResult] = []
        for batch in _batches(targets):
            body = common | {"targets": [_target(target) for target in batch]}
            holds = [target.token for target in batch if target.token is not None]
            answer = self._exchange.send("POST", f"{_API}/revocations", body, repeatable=True, holds=holds)
            results += self._results(answer, len(batch), len(results), holds)
        return tuple(results)

    def revoke_leaked(self, tokens: Sequence[Secret]) -> None:
        """Revoke by whole value, 1,000 a call; no token of our own is sent along."""
        for batch in _batches(tokens):
            body = {"tokens": [_text(token) for token in batch]}
            path = f"{_API}/revocations/leaked"
            self._exchange.send("POST", path, body, repeatable=True, anonymous=True, holds=batch)

    def introspect(self, *, token: Secret | None = None, token_sha256: str | None = None) -> Introspection:
        """Whether a token lives (RFC 7662)."""
        form = {"token": token.reveal()} if token is not None else {"token_sha256": (token_sha256 or "").encode()}
        holds = () if token is None else (token,)
        return self._value(Introspection, self._exchange.send_form("/oauth/introspect", form, holds=holds))

    def report_leaks(self, report: Mapping[str, object]) -> tuple[LeakMatch, ...]:
        """Hand in a report. May be repeated: the same sighting is one."""
        answer = self._exchange.send("POST", f"{_API}/leaks", to_json(dict(report)), repeatable=True)
        return self._list(LeakMatch, answer, "leaks")

    def leaks(
        self, *, state: str | None = None, token: str | None = None, cursor: str | None = None, limit: int = 100
    ) -> LeakPage:
        """One page of leaks."""
        query = {"state": state, "token": token, "cursor": cursor, "limit": limit}
        return self._value(LeakPage, self._exchange.get(f"{_API}/leaks", query))

    def leak(self, leak_id: str) -> LeakRecord:
        """One leak."""
        return self._value(LeakRecord, self._exchange.get(f"{_API}/leaks/{_quoted(leak_id)}"))

    def resolve_leak(self, leak_id: str, resolution: str) -> LeakRecord:
        """Close a leak."""
        path = f"{_API}/leaks/{_quoted(leak_id)}/resolve"
        return self._value(LeakRecord, self._exchange.send("POST", path, {"resolution": resolution}, repeatable=True))

    def users(self) -> tuple[User, ...]:
        """All users."""
        return self._list(User, self._exchange.get(f"{_API}/users"), "users")

    def create_user(self, *, email: str, name: str, role: str, plan: str = "FREE") -> User:
        """Add a user."""
        body = {"email": email, "name": name, "role": role, "plan": plan}
        return self._value(User, self._exchange.send("POST", f"{_API}/users", body))

    def change_user(
        self,
        user_id: str,
        *,
        name: str | None = None,
        plan: str | None = None,
        role: str | None = None,
        active: bool | None = None,
    ) -> User:
        """Change what is given of a user."""
        body = _given(name=name, plan=plan, role=role, active=active)
        path = f"{_API}/users/{_quoted(user_id)}"
        return self._value(User, self._exchange.send("PATCH", path, body, repeatable=True))

    def roles(self) -> tuple[Role, ...]:
        """All roles."""
        return self._list(Role, self._exchange.get(f"{_API}/roles"), "roles")

    def create_role(self, *, name: str, permissions: Sequence[str]) -> Role:
        """Add a role."""
        body = {"name": name, "permissions": list(permissions)}
        return self._value(Role, self._exchange.send("POST", f"{_API}/roles", body))

    def change_role(self, role_id: str, *, name: str | None = None, permissions: Sequence[str] | None = None) -> Role:
        """Change what is given of a role."""
        body = _given(name=name, permissions=None if permissions is None else list(permissions))
        path = f"{_API}/roles/{_quoted(role_id)}"
        return self._value(Role, self._exchange.send("PATCH", path, body, repeatable=True))

    def delete_role(self, role_id: str) -> None:
        """Delete a role. Not repeated: a second answer would be NOT_FOUND."""
        self._exchange.send("DELETE", f"{_API}/roles/{_quoted(role_id)}")

    def audit(self, which: AuditFilter) -> AuditPage:
        """One page of events."""
        return self._value(AuditPage, self._exchange.get(f"{_API}/audit", to_json(which)))

    def _value(self, kind: type[T], data: Any) -> T:
        return self._read(lambda answer: from_json(kind, answer), data)

    def _list(self, kind: type[T], data: Any, key: str) -> tuple[T, ...]:
        found = data.get(key) if isinstance(data, dict) else data
        if not isinstance(found, list):
            raise self._exchange.malformed(f"/{key}")
        return tuple(self._value(kind, each) for each in found)

    def _results(self, data: Any, count: int, offset: int, holds: Sequence[Secret]) -> Iterator[TargetResult]:
        """A result for each target; a server that leaves one out has said nothing that can be relied on.

        What it says of one goes into the journal and onto the screen, and may repeat what it was sent (`holds`).
        """
        found = self._list(TargetResult, data if isinstance(data, dict) else None, "results")
        if [result.target_index for result in found] != list(range(count)):
            raise self._exchange.malformed("/results")
        for result in found:
            detail = self._exchange.shown(result.detail, holds) if result.detail else ""
            yield TargetResult(result.target_index + offset, result.outcome, result.token, result.candidates, detail)

    def _read(self, read: Callable[[Any], T], data: Any) -> T:
        try:
            return read(data)
        except WireError as error:
            wrong = str(error)
        # Outside of the handler, so that the answer does not hang on to the exception.
        raise self._exchange.malformed(wrong)


def _batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), BATCH):
        yield items[start : start + BATCH]


def _target(target: Target) -> dict[str, str]:
    said = {
        "token": None if target.token is None else _text(target.token),
        "token_sha256": target.token_sha256,
        "prefix": target.prefix,
        "family": target.family,
        "id": target.id,
    }
    return {key: value for key, value in said.items() if value is not None}


def _text(token: Secret) -> str:
    """The token for JSON. Bytes that are no text are none of a token that anybody issued."""
    return token.reveal().decode("utf-8", "replace")


def _given(**values: object) -> dict[str, object]:
    return {key: value for key, value in values.items() if value is not None}


def _asked(which: TokenFilter) -> dict[str, object]:
    """A filter as a query. The usual order is left out: a server that knows no other takes no such parameter."""
    usual = which.sort is TokenSort.CREATED
    return {key: value for key, value in to_json(which).items() if not (usual and key == "sort")}


def _quoted(name: str) -> str:
    """An id or address as one segment of a path. Ids are opaque: dots alone would be another path."""
    if not name.strip("."):
        raise RefusedError("NOT_FOUND", "there is nothing with this id")
    return quote(name, safe="")
