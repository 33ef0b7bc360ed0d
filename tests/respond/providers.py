"""The documented APIs of Binboi and Keebai, and one that nobody knows, as real HTTP servers on loopback.

Where the provider's pages disagree, a parameter says which one holds. The facts are those that the rules were written
from; the state is real: what is deleted is refused from then on.
"""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import plant
from respond.web import Reply, reply

if TYPE_CHECKING:
    from respond.web import Asked


@dataclass
class Issued:
    """One token, as its provider knows it."""

    id: str
    owner: str
    token_sha256: str
    prefix: str
    revoked: bool = False
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass
class Provider(ABC):
    """What all of them do: issue, and know a token by its hash."""

    issued: list[Issued] = field(default_factory=list)
    fault: Reply | None = None
    """Answered instead of anything else, as long as it is set."""
    faults: list[Reply] = field(default_factory=list)
    """Answered instead, once each."""
    fault_at: str = ""
    """Only for paths that end so; empty: for all."""

    def issue(self, rule_id: str, owner: str = "usr_1", prefix: str | None = None) -> str:
        """A fresh token; with a prefix, one that shares it."""
        token = plant.token(rule_id)
        if prefix is not None:
            token = prefix + token[len(prefix) :]
        self.register(token, plant.visible_prefix(token), owner)
        return token

    def register(self, token: str, prefix: str, owner: str = "usr_1") -> None:
        """A token that was made elsewhere."""
        self.issued.append(Issued(f"tok_{secrets.token_hex(4)}", owner, _hash(token), prefix))

    def of(self, token: str) -> Issued:
        return next(each for each in self.issued if each.token_sha256 == _hash(token))

    def live(self, token: str) -> bool:
        return not self.of(token).revoked

    def __call__(self, asked: Asked) -> Reply:
        if asked.path.endswith(self.fault_at):
            if self.faults:
                return self.faults.pop(0)
            if self.fault is not None:
                return self.fault
        caller = next((each for each in self.issued if each.token_sha256 == _hash(asked.bearer)), None)
        return self.answer(asked, None if caller is None or caller.revoked else caller)

    @abstractmethod
    def answer(self, asked: Asked, caller: Issued | None) -> Reply:
        """What the provider documents for that."""


@dataclass
class Binboi(Provider):
    """The control-plane API. Each flag takes the one of two documented shapes that the rule's author liked less."""

    flat_me: bool = False
    """`GET /auth/me` answers without the `user` around it."""
    bare_list: bool = False
    """`GET /tokens` answers the list itself."""
    active_only: bool = False
    """and lists no revoked ones."""
    session_only: bool = False
    """and takes the dashboard's session only, no token."""
    label: bool = False
    """A record says `label`, `createdAt`, not `name`, `created_at`."""
    deleted_list: bool = False
    """`DELETE /tokens/{id}` answers 200 with what is left, not 204."""
    flat_errors: bool = False
    """Errors are `{"error": "...", "code": "..."}`, not an object within `error`."""

    def answer(self, asked: Asked, caller: Issued | None) -> Reply:
        if caller is None or (self.session_only and asked.path != "/api/v1/auth/me"):
            return self._error(401, "UNAUTHORIZED")
        if (asked.method, asked.path) == ("GET", "/api/v1/auth/me"):
            return self._me(caller)
        if (asked.method, asked.path) == ("GET", "/api/v1/tokens"):
            return reply(self._listed(caller))
        if asked.method == "DELETE" and asked.path.startswith("/api/v1/tokens/"):
            return self._deleted(caller, asked.path.rpartition("/")[2])
        return self._error(404, "NOT_FOUND")

    def _error(self, status: int, code: str) -> Reply:
        return reply({"error": "no", "code": code} if self.flat_errors else {"error": {"code": code}}, status)

    def _me(self, caller: Issued) -> Reply:
        if self.flat_me:
            return reply({"id": caller.owner, "email": "a@example.org", "plan": "FREE"})
        user = {"id": caller.owner, "name": "A", "email": "a@example.org", "plan": "FREE"}
        return reply({"user": user, "token_prefix": caller.prefix, "auth_mode": "token"})

    def _listed(self, caller: Issued) -> Any:
        records = [
            self._record(each)
            for each in self.issued
            if each.owner == caller.owner and not (self.active_only and each.revoked)
        ]
        return records if self.bare_list else {"tokens": records}

    def _record(self, each: Issued) -> dict[str, Any]:
        names = ("label", "createdAt", "lastUsedAt") if self.label else ("name", "created_at", "last_used_at")
        shown = dict(zip(names, ("ci", "2026-03-30T21:55:00Z", None), strict=True))
        status = {"status": "REVOKED" if each.revoked else "ACTIVE"}
        revoked = {"revoked_at": "2026-04-01T00:00:00Z" if each.revoked else None}
        return {"id": each.id, "prefix": each.prefix} | shown | status | revoked | each.extra

    def _deleted(self, caller: Issued, token_id: str) -> Reply:
        found = next((each for each in self.issued if each.id == token_id and each.owner == caller.owner), None)
        if found is None:
            return self._error(404, "NOT_FOUND")
        found.revoked = True
        return reply(self._listed(caller)) if self.deleted_list else Reply(204)


@dataclass
class Keebai(Provider):
    """`GET /v1/me`. It documents no call that revokes a token."""

    lacks_scope: bool = False

    def answer(self, asked: Asked, caller: Issued | None) -> Reply:
        if caller is None:
            body = {"message": "Invalid or missing API token", "error": "Unauthorized", "statusCode": 401}
            return reply(body, 401)
        if (asked.method, asked.path) != ("GET", "/v1/me"):
            return reply({"message": "Cannot", "error": "Not Found", "statusCode": 404}, 404)
        if self.lacks_scope:
            details = {"required": ["x:read"], "missing": ["x:read"]}
            error = {"code": "INSUFFICIENT_SCOPE", "message": "Forbidden", "details": details}
            return reply({"error": error}, 403)
        return reply({"id": caller.owner})


@dataclass
class Acme(Provider):
    """A provider that only a user's own rule knows: keys are checked and killed by a POST with the key in it."""

    operator: str = field(default_factory=lambda: secrets.token_hex(16))

    def answer(self, asked: Asked, caller: Issued | None) -> Reply:
        del caller
        if asked.headers.get("x-acme-operator") != self.operator:
            return reply({"ok": False, "why": "operator"}, 403)
        key = asked.json()["keys"][0]
        found = next((each for each in self.issued if each.token_sha256 == _hash(key)), None)
        if found is None:
            return reply({"ok": True, "keys": [], "state": {"now": "none"}})
        if asked.path == "/kill":
            was, found.revoked = found.revoked, True
            return reply({"ok": True, "killed": not was, "already": was})
        return reply({"ok": True, "state": {"now": "dead" if found.revoked else "live"}})


def _hash(token: str) -> str:
    return sha256(token.encode()).hexdigest()
