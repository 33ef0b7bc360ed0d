"""What time does to tokens: shortened to what policies permit, reminded of, warned of, and revoked when idle.

Asked by `tokenguard store sweep`, and by a server once a day. Each step is a few hundred tokens a transaction, and can
be done by several processes at once and broken off anywhere: the next sweep goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, or_, select, update

from tokenguard.model.notification import Kind
from tokenguard.model.revocation import Outcome, Target
from tokenguard.model.wire import timestamp
from tokenguard.store.audit import Action, note_all
from tokenguard.store.clock import DAY, moment
from tokenguard.store.context import Context
from tokenguard.store.engine import Database
from tokenguard.store.outbox import put
from tokenguard.store.reminders import (
    AT_ONCE,
    EXPIRY_DAYS,
    SWEEPER,
    expiry_kind,
    idle_families,
    last_use,
    of_interest,
    remember,
    remind_of_expiry,
    warn_of_idleness,
    warned,
)
from tokenguard.store.revocations import revoke
from tokenguard.store.tables import tokens

_LEAST_LEFT = 14 * DAY
"""What a token that is shortened has left at least: its owner has to replace it."""


def tend(database: Database, context: Context) -> dict[str, int]:
    """Do all of it; how many tokens each step was about.

    Raises:
        UnavailableError: the database does not answer.
        StoreError: it is broken.
    """
    steps: Mapping[str, Callable[[Connection, Context], int]] = {
        "shortened": shorten,
        "expiring": remind_of_expiry,
        "idle": warn_of_idleness,
        "revoked": revoke_idle,
    }
    return {name: _until_done(database, context, step) for name, step in steps.items()}


def _until_done(database: Database, context: Context, step: Callable[[Connection, Context], int]) -> int:
    total = 0
    while True:
        with database.writing() as connection:
            done = step(connection, context)
        total += done
        if not done:
            return total


def revoke_idle(connection: Connection, context: Context) -> int:
    """Revoke tokens that were not used for as long as their family permits, and whose owners were warned."""
    now, revoked = context.now(), 0
    for family, days in idle_families(context).items():
        idle = (tokens.c.family == family, last_use() <= now - days * DAY, warned(now))
        rows = connection.execute(_held(and_(*idle, tokens.c.honeytoken.is_(False)))).all()
        if rows:
            reason = f"not used for {days} days"
            results = revoke(connection, context, SWEEPER, [Target(id=row.id) for row in rows], reason=reason)
            revoked += sum(each.outcome is Outcome.REVOKED for each in results)
    return revoked


def shorten(connection: Connection, context: Context) -> int:
    """Bring expiries within the longest lifetime of today's policy, where it says so of older tokens too.

    Whoever owns such a token has two weeks at least, and is told.
    """
    now, shortened = context.now(), 0
    for family in context.families.values():
        most = family.policy.max_lifetime_days
        if most is None or not family.policy.shorten_existing:
            continue
        # One that ends within the notice anyway stays as it is.
        longest = _too_long(most * DAY, now)
        rows = connection.execute(_held(and_(tokens.c.family == family.id, of_interest(), longest))).all()
        ends = {row.id: max(row.created_at + most * DAY, now + _LEAST_LEFT) for row in rows}
        for row in rows:
            connection.execute(update(tokens).where(tokens.c.id == row.id).values(expires_at=ends[row.id]))
        # Two weeks before the end they are told now.
        soon = [row for row in rows if ends[row.id] <= now + EXPIRY_DAYS[0] * DAY]
        remember(connection, soon, [expiry_kind(EXPIRY_DAYS[0])], now)
        _tell(connection, context, rows, ends, most)
        shortened += len(rows)
    return shortened


def _too_long(lifetime: int, now: int) -> ColumnElement[bool]:
    over = and_(tokens.c.expires_at > tokens.c.created_at + lifetime, tokens.c.expires_at > now + _LEAST_LEFT)
    return or_(tokens.c.expires_at.is_(None), over)


def _held(which: ColumnElement[bool]) -> Select[Any]:
    """Live or idle tokens, locked (PostgreSQL) so that what was found of them stays so."""
    columns = (tokens.c.id, tokens.c.owner_id, tokens.c.created_at)
    asked = select(*columns).where(tokens.c.revoked_at.is_(None), which)
    return asked.order_by(tokens.c.id).limit(AT_ONCE).with_for_update()


def _tell(connection: Connection, context: Context, rows: Any, ends: Mapping[str, int], days: int) -> None:
    events = [(each, {"expires_at": timestamp(moment(end)), "max_lifetime_days": days}) for each, end in ends.items()]
    note_all(connection, context, SWEEPER, Action.TOKEN_SHORTENED, events)
    by_owner: dict[str, list[Row[Any]]] = {}
    for row in rows:
        by_owner.setdefault(row.owner_id, []).append(row)
    reason = f"tokens of this family live {days} days at most"
    payloads = [
        {"owner": {"id": owner}, "tokens": [{"id": row.id} for row in theirs], "reason": reason}
        for owner, theirs in by_owner.items()
    ]
    put(connection, context, Kind.TOKENS_EXPIRING, payloads, context.now())
