"""Messages of the outbox on their way: one delivery a channel, claimed by one process at a time, at least once.

A claim is a lease that runs out by itself: whoever dies between sending and marking has it sent again. What cannot be
delivered within a day is dead; it is kept, shown, and noted in the audit.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, and_, exists, func, insert, select, update

from tokenguard.model.notification import Kind
from tokenguard.store.actor import Actor
from tokenguard.store.audit import Action, note
from tokenguard.store.clock import DAY, HOUR, MINUTE, SECOND
from tokenguard.store.context import Context
from tokenguard.store.tables import deliveries, outbox

LEASE = 2 * MINUTE
"""How long a claim holds. Any attempt is over long before."""
TRIED_FOR = DAY
"""From when the message was taken out of the outbox on."""
_FRESH = 7 * DAY
"""Older messages that nobody was ever told of stay untold: the first channel of a store must not drown in its past."""
_FIRST_PAUSE = 5 * SECOND
_LONGEST_PAUSE = HOUR
_AT_ONCE = 200
"""Messages taken out of the outbox in one transaction."""
_URGENT = frozenset({Kind.HONEYTOKEN_USED})
_FIRST = 0
"""Due since forever: before all that waits."""
_LONGEST_FAILURE = 200
_NO_CHANNEL = "the channel is not configured any more"
_RELAY = Actor(name="tokenguard", rights=frozenset(), local=True)
_chance = random.SystemRandom()

Routes = Mapping[str, frozenset[Kind]]
"""Which kinds each channel is told of, by its name."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message for one channel, claimed."""

    message_id: str
    channel: str
    kind: Kind
    payload: str
    """JSON, as it was written."""
    at: int
    """When it happened, in microseconds."""
    taken_at: int
    """When it was taken out of the outbox."""
    attempts: int
    """This one included."""


@dataclass(frozen=True, slots=True)
class DeadDelivery:
    """A message that did not arrive."""

    message_id: str
    channel: str
    kind: str
    dead_at: int
    attempts: int
    failure: str


class Struggling(NamedTuple):
    """A channel that messages did not reach yet."""

    channel: str
    messages: int
    failure: str
    """Why, of one of them."""


class Counts(NamedTuple):
    """How it stands with the messages."""

    waiting: int
    """Deliveries on their way."""
    dead: int
    """Deliveries that were given up."""
    untold: int
    """Messages that were too old to be told when a channel first came to take them."""


_UNTAKEN = and_(outbox.c.delivered_at.is_(None), outbox.c.dead_at.is_(None))
_OPEN = and_(deliveries.c.delivered_at.is_(None), deliveries.c.dead_at.is_(None))


def waiting(connection: Connection) -> bool:
    """Whether the outbox holds a message that was not taken out yet."""
    return bool(connection.execute(select(exists().where(_UNTAKEN))).scalar())


def take_out(connection: Connection, context: Context, routes: Routes) -> int:
    """Turn messages of the outbox into deliveries, a few hundred at once; how many messages these were."""
    now = context.now()
    asked = select(outbox.c.id, outbox.c.at, outbox.c.kind).where(_UNTAKEN).order_by(outbox.c.next_at).limit(_AT_ONCE)
    # PostgreSQL: what another process takes out just now is passed over. SQLite has one writer.
    found = connection.execute(asked.with_for_update(skip_locked=True)).all()
    fresh = [row for row in found if row.at > now - _FRESH]
    rows = [
        {"message_id": row.id, "channel": channel, "attempts": 0, "next_at": _FIRST if row.kind in _URGENT else now}
        for row in fresh
        for channel, kinds in routes.items()
        if row.kind in kinds
    ]
    if rows:
        connection.execute(insert(deliveries), rows)
    if fresh:
        taken = update(outbox).where(outbox.c.id.in_([row.id for row in fresh]))
        connection.execute(taken.values(delivered_at=now))
    if stale := [row.id for row in found if row.at <= now - _FRESH]:
        connection.execute(update(outbox).where(outbox.c.id.in_(stale)).values(dead_at=now))
    return len(found)


def claim(connection: Connection, context: Context, channel: str) -> Delivery | None:
    """The next delivery of that channel that is due, leased to whoever asks; None: nothing is due.

    A bait that was touched goes before everything else.
    """
    now = context.now()
    due = (
        select(deliveries.c.message_id, deliveries.c.attempts, outbox.c.kind, outbox.c.payload, outbox.c.at)
        .add_columns(outbox.c.delivered_at)
        .join(outbox, outbox.c.id == deliveries.c.message_id)
        .where(_OPEN, deliveries.c.channel == channel, deliveries.c.next_at <= now)
        .order_by(deliveries.c.next_at)
        .limit(1)
        .with_for_update(of=deliveries, skip_locked=True)
    )
    row = connection.execute(due).first()
    if row is None:
        return None
    attempts = row.attempts + 1
    leased = update(deliveries).where(_this(row.message_id, channel))
    connection.execute(leased.values(attempts=attempts, next_at=now + LEASE))
    return Delivery(row.message_id, channel, Kind(row.kind), row.payload, row.at, row.delivered_at or row.at, attempts)


def next_due(connection: Connection, channel: str) -> int | None:
    """When the channel's next delivery is due, in microseconds; None: there is none."""
    return connection.execute(
        select(func.min(deliveries.c.next_at)).where(_OPEN, deliveries.c.channel == channel)
    ).scalar()


def arrived(connection: Connection, context: Context, delivery: Delivery, remark: str = "") -> None:
    """It was delivered. `remark`: in what way it was not quite."""
    values = {"delivered_at": context.now(), "failure": remark[:_LONGEST_FAILURE] or None}
    connection.execute(update(deliveries).where(_OPEN, _this(delivery.message_id, delivery.channel)).values(values))


def failed(connection: Connection, context: Context, delivery: Delivery, failure: str, retry_after: float = 0) -> bool:
    """An attempt failed: it is repeated later, or given up after a day. Whether it was given up.

    `failure`: why, in our own words. `retry_after`: seconds that the receiver asks us to wait.
    """
    now = context.now()
    later = now + max(pause(delivery.attempts), min(int(retry_after * SECOND), _LONGEST_PAUSE))
    this = update(deliveries).where(_OPEN, _this(delivery.message_id, delivery.channel))
    if later <= delivery.taken_at + TRIED_FOR:
        connection.execute(this.values(next_at=later, failure=failure[:_LONGEST_FAILURE]))
        return False
    if connection.execute(this.values(dead_at=now, failure=failure[:_LONGEST_FAILURE])).rowcount:
        _note_death(connection, context, delivery.message_id, delivery.channel, delivery.kind, failure)
    return True


def pause(attempts: int) -> int:
    """Microseconds until the next attempt: doubled each time up to an hour, by chance up to a half shorter."""
    longest = min(_FIRST_PAUSE * 2 ** min(attempts - 1, 20), _LONGEST_PAUSE)
    return int(longest * _chance.uniform(0.5, 1.0))


def bury(connection: Connection, context: Context, channels: Sequence[str]) -> int:
    """Give up what was for channels that are not among `channels`, a day after it was taken out; how many."""
    gone = and_(_OPEN, deliveries.c.channel.not_in(channels), deliveries.c.next_at <= context.now())
    old = select(outbox.c.id).where(outbox.c.delivered_at <= context.now() - TRIED_FOR)
    asked = select(deliveries.c.message_id, deliveries.c.channel, outbox.c.kind).join(outbox)
    found = connection.execute(asked.where(gone, deliveries.c.message_id.in_(old)).limit(_AT_ONCE)).all()
    for row in found:
        this = update(deliveries).where(_OPEN, _this(row.message_id, row.channel))
        connection.execute(this.values(dead_at=context.now(), failure=_NO_CHANNEL))
        _note_death(connection, context, row.message_id, row.channel, row.kind, _NO_CHANNEL)
    return len(found)


def revive(connection: Connection, context: Context) -> int:
    """Try the dead ones again, for another day; how many."""
    now = context.now()
    dead = select(deliveries.c.message_id).where(deliveries.c.dead_at.is_not(None))
    connection.execute(update(outbox).where(outbox.c.id.in_(dead)).values(delivered_at=now))
    values = {"dead_at": None, "attempts": 0, "next_at": now}
    return connection.execute(update(deliveries).where(deliveries.c.dead_at.is_not(None)).values(values)).rowcount


def dead(connection: Connection, limit: int = 100) -> tuple[DeadDelivery, ...]:
    """What was given up, the latest first."""
    asked = (
        select(deliveries.c.message_id, deliveries.c.channel, outbox.c.kind, deliveries.c.dead_at)
        .add_columns(deliveries.c.attempts, deliveries.c.failure)
        .join(outbox, outbox.c.id == deliveries.c.message_id)
        .where(deliveries.c.dead_at.is_not(None))
        .order_by(deliveries.c.dead_at.desc(), deliveries.c.message_id)
        .limit(limit)
    )
    return tuple(map(_dead, connection.execute(asked)))


def struggling(connection: Connection) -> tuple[Struggling, ...]:
    """Channels whose attempts fail, and are repeated."""
    number, failure = func.count(deliveries.c.message_id), func.max(deliveries.c.failure)
    asked = select(deliveries.c.channel, number, failure).where(_OPEN, deliveries.c.failure.is_not(None))
    asked = asked.group_by(deliveries.c.channel).order_by(deliveries.c.channel)
    return tuple(Struggling(*row) for row in connection.execute(asked))


def counts(connection: Connection) -> Counts:
    """How many there are of each."""
    number = func.count(deliveries.c.message_id)
    waiting = connection.execute(select(number).where(_OPEN)).scalar_one()
    dead = connection.execute(select(number).where(deliveries.c.dead_at.is_not(None))).scalar_one()
    return Counts(waiting, dead, connection.execute(select(func.count(outbox.c.dead_at))).scalar_one())


def _dead(row: Row[Any]) -> DeadDelivery:
    return DeadDelivery(row.message_id, row.channel, row.kind, row.dead_at, row.attempts, row.failure or "")


def _this(message_id: str, channel: str) -> ColumnElement[bool]:
    return and_(deliveries.c.message_id == message_id, deliveries.c.channel == channel)


def _note_death(  # noqa: PLR0913, PLR0917 - what the event says
    connection: Connection, context: Context, message_id: str, channel: str, kind: str, failure: str
) -> None:
    detail = {"message": message_id, "channel": channel, "kind": str(kind), "failure": failure[:_LONGEST_FAILURE]}
    note(connection, context, _RELAY, Action.DELIVERY_DEAD, detail=detail)
