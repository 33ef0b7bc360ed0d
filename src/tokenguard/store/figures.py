"""Counts for charts: live tokens by age and last use, leaks by week and by how soon their token was dead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Label,
    case,
    cast,
    func,
    literal,
    literal_column,
    select,
    true,
)

from tokenguard.store.actor import Actor, Permission
from tokenguard.store.clock import DAY, HOUR, MINUTE, moment
from tokenguard.store.context import Context
from tokenguard.store.records import live
from tokenguard.store.sightings import OPEN, RESOLVED
from tokenguard.store.tables import leaks, tokens

_WEEK = 7 * DAY
WEEKS = 26
"""Counted back from now."""

AGES = (7, 30, 90, 180, 365)
"""Days since a token was made; beyond the last there is one more class."""
USES = (1, 7, 30, 90)
"""Days since a token was last used; then longer ago, and never."""
SPEEDS = (MINUTE, HOUR, DAY, _WEEK)
"""Microseconds from when a leak was first seen until its token was revoked; then longer, not yet, and no token."""
NOT_YET, NO_TOKEN = len(SPEEDS) + 1, len(SPEEDS) + 2
"""The last two classes: the token is not revoked; the leak is of none that the store knows for certain."""


@dataclass(frozen=True, slots=True)
class TokenFigures:
    """Live tokens: how many of each class of age (of AGES) and of last use (of USES; the last: never)."""

    counts: Mapping[tuple[int, int], int]
    everyones: bool


@dataclass(frozen=True, slots=True)
class LeakFigures:
    """Leaks of the last WEEKS weeks: how many of each week (0: the first) and class of speed (of SPEEDS)."""

    since: datetime
    counts: Mapping[tuple[int, int], int]


def token_figures(connection: Connection, context: Context, actor: Actor) -> TokenFigures:
    """Everybody's tokens for a responder, else one's own.

    Raises:
        RefusedError: INSUFFICIENT_SCOPE.
    """
    everyones = actor.may(Permission.RESPOND)
    if not everyones:
        actor.require(Permission.MANAGE_TOKENS)
    now = context.now()
    age = _class(tokens.c.created_at, [now - days * DAY for days in AGES])
    last = tokens.c.last_used_at
    use = case((last.is_(None), len(USES) + 1), else_=_class(last, [now - days * DAY for days in USES]))
    asked = (
        select(_class_of_both(age, use), func.count())
        .where(live(context, now), true() if everyones else tokens.c.owner_id == actor.user_id)
        .group_by(literal_column(_BOTH))
    )
    return TokenFigures({divmod(row[0], _CLASSES): row[1] for row in connection.execute(asked)}, everyones)


def leak_figures(connection: Connection, context: Context, actor: Actor) -> LeakFigures:
    """Leaks of the last weeks.

    Raises:
        RefusedError: INSUFFICIENT_SCOPE.
    """
    actor.require(Permission.RESPOND)
    since = context.now() - WEEKS * _WEEK
    week = (leaks.c.first_seen - since) // literal(_WEEK, BigInteger)
    took = tokens.c.revoked_at - leaks.c.first_seen
    speed = case(
        (leaks.c.token_id.is_(None), NO_TOKEN),
        (tokens.c.revoked_at.is_(None), NOT_YET),
        *((took <= limit, number) for number, limit in enumerate(SPEEDS)),
        else_=len(SPEEDS),
    )
    asked = (
        select(_class_of_both(week, speed), func.count())
        .outerjoin(tokens, tokens.c.id == leaks.c.token_id)
        # Both states are named, so that the index by state and time is used.
        .where(leaks.c.state.in_((OPEN, RESOLVED)), leaks.c.first_seen >= since)
        .group_by(literal_column(_BOTH))
    )
    rows = [(*divmod(row[0], _CLASSES), row[1]) for row in connection.execute(asked)]
    return LeakFigures(moment(since), {(min(week, WEEKS - 1), speed): count for week, speed, count in rows})


_BOTH = "both_classes"
_CLASSES = 16
"""More than there are of the second kind."""


def _class_of_both(first: ColumnElement[int], second: ColumnElement[int]) -> Label[int]:
    """Two classes as one number: grouped by two expressions, SQLite takes twice as long."""
    return (cast(first, BigInteger) * _CLASSES + second).label(_BOTH)


def _class(time: ColumnElement[int], limits: list[int]) -> ColumnElement[int]:
    """The number of the first limit that `time` is not before; beyond them all, how many there are."""
    return case(*((time >= limit, number) for number, limit in enumerate(limits)), else_=len(limits))
