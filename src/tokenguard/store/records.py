"""Tokens as people may see them: rows of the database as TokenRecords, and the one place that derives their status."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Column, ColumnElement, Connection, Integer, Row, Select, and_, cast, func, or_, select

from tokenguard.model.expected_hours import WEEK_HOURS
from tokenguard.model.people import Owner
from tokenguard.model.token import TokenRecord, TokenStatus
from tokenguard.store.bulk import among, rows_where
from tokenguard.store.clock import DAY, HOUR, moment
from tokenguard.store.context import Context
from tokenguard.store.emails import emails_of
from tokenguard.store.roles import granted
from tokenguard.store.tables import token_uses, tokens, users

RECENT_DAYS = 30
_EPOCH_WEEKDAY = 3
"""1970-01-01 was a Thursday."""
EXPECTED, UNEXPECTED = "1", "0"
"""The digits of `tokens.expected_week`."""

TokenRow = Row[Any]


class TokenColumns(NamedTuple):
    """A row of `token_rows`: by name, SQLAlchemy takes longer to find its columns than it took to fetch them."""

    id: str
    family: str
    prefix: str
    unique_prefix: str | None
    keyed_hash: bytes
    pepper_id: str
    name: str
    owner_id: str
    scopes: str
    honeytoken: bool
    created_at: int
    expires_at: int | None
    last_used_at: int | None
    last_used_ip: str | None
    revoked_at: int | None
    revoked_by: str | None
    revoke_reason: str | None
    rotated_from: str | None
    rotated_to: str | None
    expected_hours: str | None
    expected_week: str | None
    owner_name: str
    owner_email: str


def token_rows() -> Select[Any]:
    """The query for tokens with their owner's name and address; the columns that `records` reads."""
    owner = (users.c.name.label("owner_name"), users.c.email.label("owner_email"))
    return select(tokens, *owner).join(users, users.c.id == tokens.c.owner_id)


def live(context: Context, now: int) -> ColumnElement[bool]:
    """The condition that a token is active at `now`. At the very moment of its expiry it is not, any more."""
    return and_(tokens.c.revoked_at.is_(None), ~_expired(context, now))


def having(context: Context, status: TokenStatus, now: int) -> ColumnElement[bool]:
    """The condition that a token has that status at `now`."""
    if status is TokenStatus.REVOKED:
        return tokens.c.revoked_at.is_not(None)
    if status is TokenStatus.ACTIVE:
        return live(context, now)
    return and_(tokens.c.revoked_at.is_(None), _expired(context, now))


def _expired(context: Context, now: int) -> ColumnElement[bool]:
    # Without the first half, NULL would make the whole neither true nor false.
    past = [and_(tokens.c.expires_at.is_not(None), tokens.c.expires_at <= now)]
    for family in context.families.values():
        if family.policy.idle_expiry_days is not None:
            idle = func.coalesce(tokens.c.last_used_at, tokens.c.created_at)
            past.append(and_(tokens.c.family == family.id, idle <= now - family.policy.idle_expiry_days * DAY))
    return or_(*past)


def status_of(context: Context, row: TokenRow | TokenColumns, now: int) -> TokenStatus:
    """A token's status at `now`: the same as the conditions say, for a row with the token's columns."""
    if row.revoked_at is not None:
        return TokenStatus.REVOKED
    if row.expires_at is not None and row.expires_at <= now:
        return TokenStatus.EXPIRED
    family = context.families.get(row.family)
    idle = family.policy.idle_expiry_days if family else None
    if idle is not None and (row.last_used_at or row.created_at) <= now - idle * DAY:
        return TokenStatus.EXPIRED
    return TokenStatus.ACTIVE


def records(
    connection: Connection, context: Context, rows: Iterable[Iterable[Any]], now: int
) -> tuple[TokenRecord, ...]:
    """Records of rows of `token_rows`, in their order; one more query for all of them."""
    columns = [TokenColumns._make(row) for row in rows]
    addresses = _addresses(connection, [row.id for row in columns], now)
    odd = _used_at_odd_hours(connection, context, columns, now)
    emails = emails_of(connection, [row.revoked_by for row in columns])
    return tuple([_record(context, row, addresses.get(row.id, 0), row.id in odd, emails, now) for row in columns])


def records_by_id(connection: Connection, context: Context, ids: Collection[str], now: int) -> dict[str, TokenRecord]:
    """Records of the tokens of these ids, those that there are; two queries however many."""
    if not ids:
        return {}
    rows = token_columns(connection, tokens.c.id, ids)
    return {record.id: record for record in records(connection, context, rows, now)}


def token_columns(
    connection: Connection, key: Column[Any], values: Collection[object], more: str = ""
) -> Iterator[TokenColumns]:
    """What `records` needs of the tokens whose `key` is among `values`. `more`: SQL after that, without parameters."""
    columns = (*tokens.c, users.c.name, users.c.email)
    owner = "JOIN users ON users.id = tokens.owner_id"
    return map(TokenColumns._make, rows_where(connection, columns, key, values, more, owner))


def _record(  # noqa: PLR0913, PLR0917 - by position, they are thousands
    context: Context,
    row: TokenColumns,
    addresses: int,
    odd_hours: bool,  # noqa: FBT001
    emails: Mapping[str, str],
    now: int,
) -> TokenRecord:
    # By position: named, the twenty-one of them take twice as long, and there are thousands.
    return TokenRecord(
        row.id,
        row.family,
        row.name,
        row.prefix,
        Owner(row.owner_id, row.owner_name, row.owner_email),
        granted(row.scopes),
        status_of(context, row, now),
        moment(row.created_at),
        moment(row.last_used_at),
        row.last_used_ip,
        addresses,
        moment(row.expires_at),
        moment(row.revoked_at),
        row.revoked_by,
        row.revoke_reason,
        row.rotated_from,
        row.rotated_to,
        bool(row.honeytoken),
        odd_hours,
        row.expected_hours,
        None if row.revoked_by is None else emails.get(row.revoked_by),
    )


def recent(now: int) -> ColumnElement[bool]:
    """The condition that a use was in the last 30 days."""
    return token_uses.c.hour > (now - RECENT_DAYS * DAY) // HOUR


def odd_use(context: Context, now: int) -> ColumnElement[bool]:
    """The condition that a recent use was at an hour of the week that is not expected of the token, or its family."""
    week_hour = cast((token_uses.c.hour + _EPOCH_WEEKDAY * 24) % WEEK_HOURS, Integer)
    own = func.substr(tokens.c.expected_week, week_hour + 1, 1) == UNEXPECTED
    odd = [
        and_(
            tokens.c.expected_week.is_(None),
            tokens.c.family == family.id,
            week_hour.not_in(family.policy.expected_hours.week_hours()),
        )
        for family in context.families.values()
        if family.policy.expected_hours is not None
    ]
    return and_(recent(now), or_(own, *odd))


def _used_at_odd_hours(
    connection: Connection, context: Context, rows: Iterable[TokenColumns], now: int
) -> frozenset[str]:
    expecting = {family.id for family in context.families.values() if family.policy.expected_hours is not None}
    ids = [row.id for row in rows if row.family in expecting or row.expected_week is not None]
    if not ids:
        return frozenset()
    asked = select(token_uses.c.token_id).join(tokens, tokens.c.id == token_uses.c.token_id).distinct()
    rows_of = connection.execute(asked.where(among(connection, token_uses.c.token_id, ids), odd_use(context, now)))
    return frozenset(rows_of.scalars())


def _addresses(connection: Connection, ids: Collection[str], now: int) -> dict[str, int]:
    """From how many addresses each token was used lately. A use without an address (of a service) is not counted."""
    if not ids:
        return {}
    asked = (
        select(token_uses.c.token_id, func.count(token_uses.c.address.distinct()).label("number"))
        .where(among(connection, token_uses.c.token_id, ids), token_uses.c.address != "", recent(now))
        .group_by(token_uses.c.token_id)
    )
    return {row.token_id: row.number for row in connection.execute(asked)}
