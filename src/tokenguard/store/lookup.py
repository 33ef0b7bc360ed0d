"""Who a token stands for: one point query on the driver's own connection, every time. Nothing remembers a status.

What is compared are keyed hashes; the raw value does not get past the first line. A token that is unknown, revoked,
expired, or whose owner is deactivated goes the same way through here, and is refused by the same None.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

from tokenguard.errors import RefusedError
from tokenguard.model.secret import Secret
from tokenguard.model.token import Introspection
from tokenguard.store.actor import Actor, Permission
from tokenguard.store.clock import DAY, SECOND, moment
from tokenguard.store.context import Context
from tokenguard.store.engine import Database
from tokenguard.store.readers import Readers
from tokenguard.store.roles import granted
from tokenguard.store.usage import UsageLog

_QUERY = """
SELECT t.keyed_hash, t.id, t.family, t.prefix, t.owner_id, t.scopes, t.honeytoken, t.created_at, t.expires_at,
       t.last_used_at, t.revoked_at, u.active, u.email, r.permissions
FROM tokens t JOIN users u ON u.id = t.owner_id JOIN roles r ON r.id = u.role_id
WHERE t.keyed_hash IN ({})
"""
_MOST_RIGHTS = 4096

INACTIVE = Introspection(active=False)


class Found(NamedTuple):
    """A token with what decides about it: its owner, and what their role grants."""

    keyed_hash: bytes
    id: str
    family: str
    prefix: str
    owner_id: str
    scopes: str
    honeytoken: bool
    created_at: int
    expires_at: int | None
    last_used_at: int | None
    revoked_at: int | None
    owner_active: bool
    owner_email: str
    permissions: str


@dataclass(frozen=True, slots=True)
class Question:
    """An introspection: who asks, and of which token."""

    caller: Secret
    token: Secret | bytes
    """Its value, or the 32 bytes of its SHA-256.

    A service that was shown the value was shown it by whoever uses it, and that is noted as a use; who only has the
    hash looks, and leaves no trace.
    """
    address: str | None = None
    agent: str | None = None


Answer = tuple[Actor, Introspection] | None
"""Who asked, and what they get to know; None: they are nobody."""

_Rows = Mapping[bytes, "Found"]
"""By their keyed hashes."""


class _Rights(NamedTuple):
    """Scopes and permissions as they are written, read."""

    scopes: tuple[str, ...]
    effective: tuple[str, ...]
    """The scopes that the role grants, in the token's order."""
    rights: frozenset[str]


class Lookup:
    """Finds tokens by their value or SHA-256. Safe to use from many threads: each call has a connection of its own."""

    def __init__(self, database: Database, context: Context, usage: UsageLog) -> None:
        self._readers = Readers(database)
        self._context = context
        self._usage = usage
        self._mark = "?" if database.is_sqlite else "%s"
        self._queries: dict[int, str] = {}
        self._idle_expiry = {
            family.id: family.policy.idle_expiry_days * DAY
            for family in context.families.values()
            if family.policy.idle_expiry_days is not None
        }
        # Of texts, not of tokens: what a scope list and a permission list amount to never changes.
        self._rights: dict[tuple[str, str], _Rights] = {}

    def authenticate(self, token: Secret, *, address: str | None, agent: str | None) -> Actor | None:
        """Who the token stands for; None: nobody, for whatever reason. Notes the use.

        Raises:
            UnavailableError: the database cannot be had now.
            StoreError: it is broken.
        """
        hashes = self._hashes(token)
        rows, now = self._found(hashes), self._context.now()
        found = self._accepted(rows, hashes, now, address, agent)
        if found is None:
            return None
        self._usage.note(found.id, now, address)
        return self._actor(found, address, agent)

    def introspect(self, questions: Sequence[Question]) -> list[Answer | RefusedError]:
        """Who asks, and whether the tokens live that they ask of: one query, and for each its answer or its refusal.

        Raises:
            UnavailableError: the database cannot be had now.
            StoreError: it is broken.
        """
        asked = [(each, self._hashes(each.caller), self._hashes(each.token)) for each in questions]
        wanted = dict.fromkeys(keyed for _, callers, others in asked for keyed in (*callers, *others))
        rows, now = self._found(_padded(tuple(wanted))), self._context.now()
        answers: list[Answer | RefusedError] = []
        for each, callers, others in asked:
            try:
                answers.append(self._answer(each, callers, others, rows, now))
            except RefusedError as refused:
                answers.append(refused)
        return answers

    def _answer(
        self, question: Question, callers: Sequence[bytes], others: Sequence[bytes], rows: _Rows, now: int
    ) -> Answer:
        found = self._accepted(rows, callers, now, question.address, question.agent)
        if found is None:
            return None
        self._usage.note(found.id, now, question.address)
        actor = self._actor(found, question.address, question.agent)
        actor.require(Permission.INTROSPECT)
        return actor, self._introspection(others, rows, now, actor, used=isinstance(question.token, Secret))

    def introspection(self, token: Secret | bytes, caller: Actor) -> Introspection:
        """Whether a token lives, for a caller who is known already."""
        hashes, used = self._hashes(token), isinstance(token, Secret)
        return self._introspection(hashes, self._found(hashes), self._context.now(), caller, used=used)

    def ring(self, tokens: Sequence[Secret], caller: Actor) -> None:
        """Sound the alarm of each live honeytoken among tokens that were shown for something else than to be let in.

        Its owner's own hand is no alarm.
        """
        hashes = tuple({keyed for token in tokens for keyed in self._hashes(token)})
        for row in self._found(hashes).values() if hashes else ():
            if row.honeytoken and row.revoked_at is None and row.owner_id != caller.user_id:
                self._usage.spring(row.id, self._context.now(), caller.address, caller.agent)

    def close(self) -> None:
        """Let go of the connections."""
        self._readers.close()

    def _hashes(self, token: Secret | bytes) -> tuple[bytes, ...]:
        digest = sha256(token.reveal()).digest() if isinstance(token, Secret) else token
        return self._context.peppers.candidates(digest)

    def _introspection(
        self, hashes: Sequence[bytes], rows: _Rows, now: int, caller: Actor, *, used: bool
    ) -> Introspection:
        found = self._accepted(rows, hashes, now, caller.address, caller.agent, shown=True)
        if found is None:
            return INACTIVE
        if used:
            self._usage.note(found.id, now, None)
        return Introspection(
            active=True,
            scope=" ".join(self._rights_of(found).effective),
            username=found.owner_email,
            sub=found.owner_id,
            client_id=found.id,
            exp=None if found.expires_at is None else found.expires_at // SECOND,
            iat=found.created_at // SECOND,
        )

    def _accepted(  # noqa: PLR0913 - who asks, when and from where
        self,
        rows: _Rows,
        hashes: Sequence[bytes],
        now: int,
        address: str | None,
        agent: str | None,
        *,
        shown: bool = False,
    ) -> Found | None:
        """The row of a live token that one of the hashes names. At the moment of its expiry it is not, any more."""
        row = next((rows[keyed] for keyed in hashes if keyed in rows), None)
        if row is None:
            return None
        if row.honeytoken:
            # Whoever tries it, found it somewhere: that its time is over makes this no less interesting.
            if row.revoked_at is None:
                self._usage.spring(row.id, now, address, agent, shown=shown)
            return None
        if row.revoked_at is not None or not row.owner_active or (row.expires_at is not None and row.expires_at <= now):
            return None
        idle = self._idle_expiry.get(row.family)
        if idle is not None and (row.last_used_at or row.created_at) <= now - idle:
            return None
        return row

    def _actor(self, found: Found, address: str | None, agent: str | None) -> Actor:
        rights = self._rights_of(found)
        return Actor(
            name=found.owner_id,
            rights=rights.rights,
            user_id=found.owner_id,
            token_id=found.id,
            token_prefix=found.prefix,
            family=found.family,
            scopes=rights.scopes,
            expires_at=moment(found.expires_at),
            address=address,
            agent=agent,
        )

    def _rights_of(self, found: Found) -> _Rights:
        key = (found.scopes, found.permissions)
        known = self._rights.get(key)
        if known is None:
            if len(self._rights) >= _MOST_RIGHTS:
                self._rights.clear()
            scopes, permissions = granted(found.scopes), frozenset(granted(found.permissions))
            effective = tuple(scope for scope in scopes if scope in permissions)
            known = self._rights[key] = _Rights(scopes, effective, frozenset(effective))
        return known

    def _found(self, hashes: Sequence[bytes]) -> _Rows:
        """The tokens of these keyed hashes."""
        query = self._queries.get(len(hashes)) or self._query(len(hashes))
        return {row[0]: Found._make(row) for row in self._readers.fetch(query, hashes)}

    def _query(self, number: int) -> str:
        query = self._queries[number] = _QUERY.format(", ".join([self._mark] * number))
        return query


def _padded(hashes: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """As many hashes as the next power of two, the last one again and again: few statements to prepare."""
    return hashes + hashes[-1:] * ((1 << (len(hashes) - 1).bit_length()) - len(hashes))
