"""What was done, by whom, when: written in the transaction of what it tells of, and only ever added to."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import StrEnum

from sqlalchemy import Connection, Row, Select, select

from tokenguard.model.audit import AuditEvent, AuditFilter, AuditPage
from tokenguard.store.actor import Actor, Permission
from tokenguard.store.bulk import insert_rows
from tokenguard.store.clock import micros, moment
from tokenguard.store.context import Context
from tokenguard.store.cursor import check_limit, cursor_after, read_cursor
from tokenguard.store.emails import emails_of
from tokenguard.store.ids import new_ids
from tokenguard.store.tables import audit, tokens, users

_LONGEST_AGENT = 500
_LONGEST_ADDRESS = 64
_COLUMNS = ("id", "at", "actor", "action", "address", "agent", "token_id", "detail")
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Action(StrEnum):
    """What can be done."""

    STORE_INITIALISED = "store.initialised"
    TOKEN_CREATED = "token.created"  # noqa: S105 - no password
    TOKEN_ROTATED = "token.rotated"  # noqa: S105 - no password
    TOKEN_REVOKED = "token.revoked"  # noqa: S105 - no password
    ROTATED_TWICE = "token.rotated_twice"
    """A sign of theft: it and what came of it were revoked."""
    HONEYTOKEN_USED = "honeytoken.used"
    TOKEN_EXPIRING = "token.expiring"  # noqa: S105 - no password
    """Its owner was told that it ends soon."""
    TOKEN_IDLE = "token.idle"  # noqa: S105 - no password
    """Its owner was warned that it is revoked soon, for it is not used."""
    TOKEN_SHORTENED = "token.shortened"  # noqa: S105 - no password
    """Its expiry was brought within what its family's policy permits."""
    DELIVERY_DEAD = "delivery.dead"
    """A message did not arrive for a day, and was given up."""
    LEAK_REPORTED = "leak.reported"
    LEAK_RESOLVED = "leak.resolved"
    USER_CREATED = "user.created"
    USER_CHANGED = "user.changed"
    ROLE_CREATED = "role.created"
    ROLE_CHANGED = "role.changed"
    ROLE_DELETED = "role.deleted"
    SIGNED_IN = "session.opened"
    SIGNED_OUT = "session.ended"


def note(  # noqa: PLR0913 - what an event consists of
    connection: Connection,
    context: Context,
    actor: Actor,
    action: Action,
    *,
    token_id: str | None = None,
    detail: Mapping[str, object] | None = None,
) -> None:
    """Write one event."""
    note_all(connection, context, actor, action, [(token_id, detail or {})])


def note_all(
    connection: Connection,
    context: Context,
    actor: Actor,
    action: Action,
    events: Sequence[tuple[str | None, Mapping[str, object]]],
) -> None:
    """Write one event for each (token's id, detail). Details are JSON values, and never hold a token or its hash."""
    said = (
        context.now(),
        actor.name,
        str(action),
        actor.address and actor.address[:_LONGEST_ADDRESS],
        actor.agent and actor.agent[:_LONGEST_AGENT],
    )
    # After a leak one must know what was done with that token, not by its owner alone.
    by = {"with_token": actor.token_id} if actor.token_id else {}
    # Many events of one call share their detail.
    details = {id(detail): detail for _, detail in events}
    encoded = {key: _encode({**detail, **by}) for key, detail in details.items()}
    rows = [
        (event_id, *said, token_id, encoded[id(detail)])
        for event_id, (token_id, detail) in zip(new_ids("evt", len(events)), events, strict=True)
    ]
    insert_rows(connection, audit, _COLUMNS, rows)


def events(connection: Connection, context: Context, actor: Actor, which: AuditFilter) -> AuditPage:
    """Events that match, newest first. Whose token it is may read what was done with it, not from where.

    Raises:
        RefusedError: the actor may not read them; a cursor or limit that is none.
    """
    del context
    if not _is_own(connection, actor, which):
        actor.require(Permission.READ_AUDIT)
    limit = check_limit(which.limit)
    rows = connection.execute(
        _matching(which, _actor(connection, which.actor)).order_by(audit.c.number.desc()).limit(limit + 1)
    ).all()
    following = cursor_after(rows[limit - 1].number) if len(rows) > limit else None
    emails = emails_of(connection, [row.actor for row in rows])
    seen = tuple(_event(row, emails.get(row.actor)) for row in rows[:limit])
    if not actor.may(Permission.READ_AUDIT):
        seen = tuple(each if each.actor == actor.name else replace(each, address=None, agent=None) for each in seen)
    return AuditPage(seen, following)


def _is_own(connection: Connection, actor: Actor, which: AuditFilter) -> bool:
    if which.token is None or actor.user_id is None or not actor.may(Permission.MANAGE_TOKENS):
        return False
    owner = connection.execute(select(tokens.c.owner_id).where(tokens.c.id == which.token)).scalar()
    return bool(owner == actor.user_id)


def _actor(connection: Connection, named: str | None) -> str | None:
    """As the events name them. By address too, as people know each other."""
    if named is None:
        return None
    # Asked first: one name leaves the events in the order of their index, either of two would have them all sorted.
    found = connection.execute(select(users.c.id).where(users.c.email == named.lower())).scalar()
    return named if found is None else str(found)


def _matching(which: AuditFilter, actor: str | None) -> Select[tuple[object, ...]]:
    asked: Select[tuple[object, ...]] = select(audit)
    if which.token is not None:
        asked = asked.where(audit.c.token_id == which.token)
    if actor is not None:
        asked = asked.where(audit.c.actor == actor)
    if which.since is not None:
        asked = asked.where(audit.c.at >= micros(which.since))
    if which.cursor is not None:
        asked = asked.where(audit.c.number < read_cursor(which.cursor)[0])
    return asked


def _event(row: Row[tuple[object, ...]], email: str | None) -> AuditEvent:
    detail = json.loads(row.detail)
    return AuditEvent(
        row.id, moment(row.at), row.actor, row.action, row.token_id, row.address, row.agent, detail, email
    )
