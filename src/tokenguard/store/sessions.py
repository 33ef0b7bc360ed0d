"""Browsers that are signed in: opened with a token or a one-time link, looked at on every request, ended.

A session is bound to the token that opened it and dies with it. What the cookie holds is kept as its SHA-256 alone; it
has 256 random bits, so that a faster hash gives nothing away.
"""

from __future__ import annotations

import json
import logging
import secrets
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, insert, select, update

from tokenguard.errors import RefusedError, StoreError
from tokenguard.model.secret import Secret
from tokenguard.model.token import TokenStatus
from tokenguard.store import audit, users
from tokenguard.store.actor import Actor
from tokenguard.store.audit import Action
from tokenguard.store.clock import HOUR, MINUTE, moment
from tokenguard.store.context import Context
from tokenguard.store.engine import Database
from tokenguard.store.records import status_of
from tokenguard.store.roles import LOCAL_EMAIL, granted
from tokenguard.store.standing import standing
from tokenguard.store.tables import roles as role_table
from tokenguard.store.tables import sessions, sign_in_links, tokens
from tokenguard.store.tables import users as user_table

IDLE = HOUR
"""Without a request for so long, a session is over."""
LONGEST = 12 * HOUR
"""From sign-in on; then it is over whatever was done with it."""
LINK = 5 * MINUTE
"""How long a one-time link can be used."""
_NOTE_AFTER = MINUTE
"""A last request is written at most so often: looking at a page should cost no write."""
_LONGEST_AGENT = 500
_LONGEST_ADDRESS = 64

_log = logging.getLogger("tokenguard.store")


@dataclass(frozen=True, slots=True)
class Session:
    """Whoever is signed in, for one request."""

    actor: Actor
    """Their rights: the token's scopes that the role grants now and granted at sign-in."""
    email: str
    name: str
    role: str
    permitted: frozenset[str]
    """What the role grants now."""
    permitted_then: frozenset[str]
    """What it granted at sign-in."""


class Sessions:
    """The sessions of one store. Safe to use from many threads."""

    def __init__(self, database: Database, context: Context) -> None:
        self._database = database
        self._context = context

    def open(self, actor: Actor) -> Secret:
        """Sign in whoever a token stands for; the value for the cookie, always a fresh one.

        Raises:
            RefusedError: UNAUTHORIZED, the token died since it was looked up.
            UnavailableError: the store cannot write now.
        """
        with self._database.writing() as connection:
            actor = standing(connection, self._context, actor)
            if actor.user_id is None or actor.token_id is None:
                raise RefusedError("UNAUTHORIZED", "a session needs a token")
            user = users.find(connection, actor.user_id)
            return self._opened(connection, actor, user)

    def new_link(self, actor: Actor) -> Secret:
        """The code of a one-time link for a local actor, good for five minutes and one sign-in.

        Raises:
            RefusedError: INSUFFICIENT_SCOPE, the actor is not local.
            UnavailableError: the store cannot write now.
        """
        if not actor.local:
            raise RefusedError("INSUFFICIENT_SCOPE", "only who can read the store's file makes such a link")
        code = _drawn()
        now = self._context.now()
        values = {"link_hash": _hash(code), "actor": actor.name, "created_at": now, "expires_at": now + LINK}
        with self._database.writing() as connection:
            connection.execute(delete(sign_in_links).where(sign_in_links.c.expires_at <= now - LINK))
            connection.execute(insert(sign_in_links).values(values))
        return code

    def open_by_link(self, code: Secret, *, address: str | None, agent: str | None) -> Secret | None:
        """Sign in by a one-time link's code; None: unknown, used or too late.

        Raises:
            UnavailableError: the store cannot write now.
        """
        now = self._context.now()
        link = sign_in_links.c
        fresh = (link.link_hash == _hash(code)) & link.used_at.is_(None) & (link.expires_at > now)
        with self._database.writing() as connection:
            # One statement that both asks and takes: of two at once, one gets it.
            taken = update(sign_in_links).where(fresh).values(used_at=now).returning(link.actor)
            name = connection.execute(taken).scalar()
            if name is None:
                return None
            user = users.find(connection, LOCAL_EMAIL)
            actor = Actor(name=name, rights=frozenset(), user_id=user.id, address=address, agent=agent)
            return self._opened(connection, actor, user)

    def find(self, session: Secret, *, address: str | None, agent: str | None) -> Session | None:
        """Who is signed in with that cookie; None: nobody, for whatever reason. One look-up.

        Raises:
            UnavailableError: the database cannot be had now.
        """
        now = self._context.now()
        with self._database.reading() as connection:
            row = connection.execute(_rows().where(sessions.c.id_hash == _hash(session))).first()
        if row is None or not self._alive(row, now):
            return None
        if now - row.seen_at >= _NOTE_AFTER:
            self._note(row.id_hash, now)
        return _session(row, address, agent)

    def end(self, session: Secret, actor: Actor) -> None:
        """Sign out: the cookie is worth nothing from now on."""
        with self._database.writing() as connection:
            mine = (sessions.c.id_hash == _hash(session)) & sessions.c.ended_at.is_(None)
            connection.execute(update(sessions).where(mine).values(ended_at=self._context.now()))
            audit.note(connection, self._context, actor, Action.SIGNED_OUT, token_id=actor.token_id)

    def end_all(self, actor: Actor) -> int:
        """Sign out everywhere: every session of the actor's user ends. Gives their number."""
        with self._database.writing() as connection:
            theirs = (sessions.c.user_id == actor.user_id) & sessions.c.ended_at.is_(None)
            ended = connection.execute(update(sessions).where(theirs).values(ended_at=self._context.now())).rowcount
            detail = {"sessions": ended}
            audit.note(connection, self._context, actor, Action.SIGNED_OUT, token_id=actor.token_id, detail=detail)
        return int(ended)

    def _opened(self, connection: Connection, actor: Actor, user: users.UserRow) -> Secret:
        value, now = _drawn(), self._context.now()
        connection.execute(delete(sessions).where(sessions.c.created_at <= now - LONGEST))
        values = {
            "id_hash": _hash(value),
            "token_id": actor.token_id,
            "user_id": user.id,
            "actor": actor.name,
            "permissions": json.dumps(sorted(granted(user.permissions))),
            "created_at": now,
            "seen_at": now,
            "address": actor.address and actor.address[:_LONGEST_ADDRESS],
            "agent": actor.agent and actor.agent[:_LONGEST_AGENT],
        }
        connection.execute(insert(sessions).values(values))
        audit.note(connection, self._context, actor, Action.SIGNED_IN, token_id=actor.token_id)
        return value

    def _alive(self, row: Row[Any], now: int) -> bool:
        if row.ended_at is not None or row.created_at <= now - LONGEST or row.seen_at <= now - IDLE:
            return False
        if not row.active:
            return False
        return row.token_id is None or (not row.honeytoken and status_of(self._context, row, now) is TokenStatus.ACTIVE)

    def _note(self, id_hash: bytes, now: int) -> None:
        # A page that cannot be noted is still a page.
        with suppress(StoreError), self._database.writing() as connection:
            connection.execute(update(sessions).where(sessions.c.id_hash == id_hash).values(seen_at=now))


def _rows() -> Select[Any]:
    """The query for sessions with what decides about them: `created_at` is the session's, `token_created` not."""
    of_token = tokens.c
    return (
        select(
            sessions.c.id_hash,
            sessions.c.token_id,
            sessions.c.user_id,
            sessions.c.actor,
            sessions.c.permissions.label("permitted_then"),
            sessions.c.created_at,
            sessions.c.seen_at,
            sessions.c.ended_at,
            *(of_token.family, of_token.prefix, of_token.scopes, of_token.honeytoken),
            *(of_token.expires_at, of_token.revoked_at, of_token.last_used_at),
            *(user_table.c.email, user_table.c.name, user_table.c.active),
            role_table.c.name.label("role"),
            role_table.c.permissions,
        )
        .join(user_table, user_table.c.id == sessions.c.user_id)
        .join(role_table, role_table.c.id == user_table.c.role_id)
        .join(tokens, tokens.c.id == sessions.c.token_id, isouter=True)
    )


def _session(row: Row[Any], address: str | None, agent: str | None) -> Session:
    permitted, then = frozenset(granted(row.permissions)), frozenset(granted(row.permitted_then))
    scopes = tuple(sorted(then)) if row.token_id is None else granted(row.scopes)
    actor = Actor(
        name=row.actor,
        rights=frozenset(scopes) & permitted & then,
        user_id=row.user_id,
        token_id=row.token_id,
        token_prefix=row.prefix,
        scopes=scopes,
        expires_at=moment(row.expires_at),
        auth_mode="session",
        address=address,
        agent=agent,
        family=row.family,
    )
    return Session(actor, row.email, row.name, row.role, permitted, then)


def _drawn() -> Secret:
    return Secret(secrets.token_urlsafe(32).encode())


def _hash(value: Secret) -> bytes:
    return sha256(value.reveal()).digest()
