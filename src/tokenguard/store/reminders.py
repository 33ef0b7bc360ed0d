"""What owners are told before it happens: that tokens expire in 14 days and in 3, and that idle ones are revoked.

Each is told once: what was told is kept, in the transaction of the message and of its audit event. Baits are left out,
for nobody is to use them, and so are tokens that have a successor.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, exists, func, or_, select

from tokenguard.model.notification import Kind
from tokenguard.model.wire import timestamp
from tokenguard.store.actor import Actor
from tokenguard.store.audit import Action, note_all
from tokenguard.store.bulk import insert_into
from tokenguard.store.clock import DAY, moment
from tokenguard.store.context import Context
from tokenguard.store.outbox import put
from tokenguard.store.records import live
from tokenguard.store.tables import reminders, tokens, users

EXPIRY_DAYS = (14, 3)
IDLE = "idle"
SWEEPER = Actor(name="tokenguard", rights=frozenset(), local=True)
_LEAST_NOTICE = 3 * DAY
"""From an idle token's warning to its revocation, at least."""
_MOST_NOTICE = 7 * DAY
AT_ONCE = 500
"""Tokens of one transaction: others that write wait no longer than for that."""


def remind_of_expiry(connection: Connection, context: Context) -> int:
    """Tell the owners of up to a few hundred tokens that these end soon; of how many tokens was told."""
    now, told = context.now(), 0
    # The nearest first: who is told of 3 days need not be told of 14.
    for days in sorted(EXPIRY_DAYS):
        rows = _untold(connection, context, _ending(days, now), expiry_kind(days), now)
        kinds = [expiry_kind(each) for each in EXPIRY_DAYS if each >= days]
        remember(connection, rows, kinds, now)
        details = [(row.id, {"days": days, "expires_at": timestamp(moment(row.expires_at))}) for row in rows]
        note_all(connection, context, SWEEPER, Action.TOKEN_EXPIRING, details)
        put(connection, context, Kind.TOKENS_EXPIRING, _messages(rows), now)
        told += len(rows)
    return told


def warn_of_idleness(connection: Connection, context: Context) -> int:
    """Tell the owners of up to a few hundred tokens that these are revoked soon, for nobody uses them."""
    now, told = context.now(), 0
    for family, days in idle_families(context).items():
        early = tokens.c.family == family, last_use() <= now - days * DAY + notice_of(days)
        rows = _untold(connection, context, and_(*early), IDLE, now, expired=True)
        remember(connection, rows, [IDLE], now)
        by_end: dict[int, list[Row[Any]]] = defaultdict(list)
        for row in rows:
            end = max((row.last_used_at or row.created_at) + days * DAY, now + _LEAST_NOTICE)
            # By the day, so that an owner gets one message rather than one a token.
            by_end[end - end % DAY].append(row)
        for end, some in by_end.items():
            details = [(row.id, {"revoked_from": timestamp(moment(end))}) for row in some]
            note_all(connection, context, SWEEPER, Action.TOKEN_IDLE, details)
            put(connection, context, Kind.TOKENS_IDLE, _messages(some, {"revoked_from": end}), now)
        told += len(rows)
    return told


def idle_families(context: Context) -> Mapping[str, int]:
    """The families whose tokens are revoked when they are not used, with the days until then."""
    policies = ((family.id, family.policy.idle_expiry_days) for family in context.families.values())
    return {family: days for family, days in policies if days is not None}


def warned(now: int) -> ColumnElement[bool]:
    """The condition that a token's owner was warned since its last use, and long enough ago."""
    this = and_(reminders.c.token_id == tokens.c.id, reminders.c.kind == IDLE)
    return exists().where(this, reminders.c.told_at >= last_use(), reminders.c.told_at <= now - _LEAST_NOTICE)


def last_use() -> ColumnElement[int]:
    """When a token was used last; one that never was, when it was made."""
    return func.coalesce(tokens.c.last_used_at, tokens.c.created_at)


def notice_of(days: int) -> int:
    """How long before its end, in microseconds, an idle token's owner is warned."""
    return min(_MOST_NOTICE, days * DAY // 2)


def of_interest() -> ColumnElement[bool]:
    """The condition that somebody is to be reminded of a token: no bait, no successor, an owner who is there."""
    owners = select(users.c.id).where(users.c.active)
    return and_(tokens.c.honeytoken.is_(False), tokens.c.rotated_to.is_(None), tokens.c.owner_id.in_(owners))


def _ending(days: int, now: int) -> ColumnElement[bool]:
    soon = and_(tokens.c.expires_at > now, tokens.c.expires_at <= now + days * DAY)
    # One that was made for a week is not worth a word a fortnight before its end.
    return and_(soon, tokens.c.expires_at - tokens.c.created_at > days * DAY)


def _untold(  # noqa: PLR0913 - what the question consists of
    connection: Connection, context: Context, which: ColumnElement[bool], kind: str, now: int, *, expired: bool = False
) -> Sequence[Row[Any]]:
    """Tokens of which was not told yet; of a warning, not since their last use. Held until the transaction ends."""
    this = and_(reminders.c.token_id == tokens.c.id, reminders.c.kind == kind)
    told = exists().where(this, or_(reminders.c.kind != IDLE, reminders.c.told_at >= last_use()))
    # An idle token counts as expired before it is revoked.
    alive = and_(tokens.c.revoked_at.is_(None), or_(tokens.c.expires_at.is_(None), tokens.c.expires_at > now))
    columns = (tokens.c.id, tokens.c.owner_id, tokens.c.expires_at, tokens.c.created_at, tokens.c.last_used_at)
    asked: Select[Any] = select(*columns).where(alive if expired else live(context, now), of_interest(), which, ~told)
    return connection.execute(asked.order_by(tokens.c.id).limit(AT_ONCE).with_for_update(of=tokens)).all()


def expiry_kind(days: int) -> str:
    """Under what it is kept that such a reminder was sent."""
    return f"expires in {days} days"


def remember(connection: Connection, rows: Iterable[Row[Any]], kinds: Sequence[str], now: int) -> None:
    """Keep that it was told."""
    values = [{"token_id": row.id, "kind": kind, "told_at": now} for row in rows for kind in kinds]
    if not values:
        return
    added = insert_into(connection, reminders)
    changes = {"told_at": added.excluded.told_at}
    connection.execute(
        added.on_conflict_do_update(index_elements=[reminders.c.token_id, reminders.c.kind], set_=changes), values
    )


def _messages(rows: Iterable[Row[Any]], more: Mapping[str, object] | None = None) -> Iterator[dict[str, object]]:
    """One message an owner."""
    by_owner: dict[str, list[dict[str, object]]] = defaultdict(list)
    for row in rows:
        by_owner[row.owner_id].append({"id": row.id})
    for owner, theirs in by_owner.items():
        yield {"owner": {"id": owner}, "tokens": theirs, **(more or {})}
