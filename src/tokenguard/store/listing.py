"""Lists of tokens: one's own, everybody's for responders, and the questions of hygiene."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Select,
    cast,
    exists,
    func,
    literal,
    or_,
    select,
    tuple_,
)

from tokenguard.errors import RefusedError
from tokenguard.model.token import Limit, TokenFilter, TokenPage, TokenSort
from tokenguard.store import users
from tokenguard.store.actor import Actor, Permission
from tokenguard.store.clock import DAY
from tokenguard.store.context import Context
from tokenguard.store.cursor import check_limit, cursor_after, read_cursor
from tokenguard.store.limits import limits_of
from tokenguard.store.records import TokenRow, having, live, odd_use, recent, records, token_rows
from tokenguard.store.tables import EXPIRES, LAST_USED, token_uses, tokens
from tokenguard.store.tables import roles as role_table
from tokenguard.store.tables import users as user_table
from tokenguard.store.texts import TokenSieve
from tokenguard.store.words import invalid

_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_MOST_DAYS = 36_500
_NEVER = (1 << 63) - 1
"""Later than any expiry."""
_LONGEST_TEXT = 200


def list_tokens(connection: Connection, context: Context, actor: Actor, which: TokenFilter) -> TokenPage:
    """One page of the tokens that match.

    Raises:
        RefusedError: INSUFFICIENT_SCOPE; VALIDATION: a filter that makes no sense, an owner that there is not.
    """
    limit = check_limit(which.limit)
    now = context.now()
    visible = _whose(connection, actor, which)
    asked = token_rows().where(
        visible,
        *_named(context, which),
        *_holding(connection, context, which),
        *_hygiene(connection, context, which, now),
    )
    if which.status is not None:
        asked = asked.where(having(context, which.status, now))
    rows = connection.execute(_page(asked, which, visible).limit(limit + 1)).all()
    following = cursor_after(_number(which.sort, rows[limit - 1]), rows[limit - 1].id) if len(rows) > limit else None
    return TokenPage(
        records(connection, context, rows[:limit], now), _limits(connection, context, actor, now), following
    )


_KEYS: dict[TokenSort, ColumnElement[Any]] = {
    TokenSort.CREATED: tokens.c.created_at,
    TokenSort.NAME: func.lower(tokens.c.name),
    TokenSort.LAST_USED: LAST_USED,
    TokenSort.EXPIRES: EXPIRES,
}
"""What is sorted by; the id tells apart what is equal. Each has an index: a page costs the same in any store."""


def _page(asked: Select[Any], which: TokenFilter, visible: ColumnElement[bool]) -> Select[Any]:
    key = _KEYS[which.sort]
    descending = (which.sort is TokenSort.CREATED) != which.reverse
    if which.cursor is not None:
        number, row_id = read_cursor(which.cursor)
        # A cursor holds a number, and names do not change: the row itself says what its name is. Only one that may be
        # seen: anybody can write a cursor, and where a page begins would tell a stranger's name.
        name = select(func.lower(tokens.c.name)).where(tokens.c.id == row_id, visible).correlate(None).scalar_subquery()
        after = tuple_(name if which.sort is TokenSort.NAME else literal(number), literal(row_id))
        place = tuple_(key, tokens.c.id)
        asked = asked.where(place < after if descending else place > after)
    by = (key, tokens.c.id)
    return asked.order_by(*(each.desc() if descending else each.asc() for each in by))


def _number(sort: TokenSort, row: TokenRow) -> int:
    """The key of a row, as its cursor holds it; a name is looked up by the id."""
    numbers: dict[TokenSort, int] = {
        TokenSort.CREATED: row.created_at,
        TokenSort.NAME: 0,
        TokenSort.LAST_USED: row.created_at if row.last_used_at is None else row.last_used_at,
        TokenSort.EXPIRES: _NEVER if row.expires_at is None else row.expires_at,
    }
    return numbers[sort]


def _limits(connection: Connection, context: Context, actor: Actor, now: int) -> dict[str, Limit]:
    if actor.user_id is None:
        return {}
    return limits_of(connection, context, users.find(connection, actor.user_id), now)


def _whose(connection: Connection, actor: Actor, which: TokenFilter) -> ColumnElement[bool]:
    """The condition that narrows to what the actor may see."""
    mine = tokens.c.owner_id == actor.user_id
    others = which.everyone or which.prefix is not None or which.token_sha256 is not None
    if which.owner is not None:
        owner = _owner_id(connection, which.owner)
        if owner is None or owner != actor.user_id:
            actor.require(Permission.RESPOND)
        elif not actor.may(Permission.RESPOND):
            actor.require(Permission.MANAGE_TOKENS)
        if owner is None:
            raise invalid("names no user", "/owner")
        return tokens.c.owner_id == owner
    if others:
        actor.require(Permission.RESPOND)
        return tokens.c.id.is_not(None)
    actor.require(Permission.MANAGE_TOKENS)
    return mine


def _owner_id(connection: Connection, owner: str) -> str | None:
    try:
        return str(users.find(connection, owner).id)
    except RefusedError:
        return None


def _named(context: Context, which: TokenFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if which.family is not None:
        conditions.append(tokens.c.family == which.family)
    if which.prefix is not None:
        if TokenSieve(context.ruleset).holds_token(which.prefix):
            raise invalid("holds a whole token", "/prefix")
        conditions.append(tokens.c.prefix == which.prefix)
    if which.token_sha256 is not None:
        if not _SHA256.fullmatch(which.token_sha256):
            raise invalid("is not a SHA-256 in hexadecimal digits", "/token_sha256")
        hashes = context.peppers.candidates(bytes.fromhex(which.token_sha256))
        conditions.append(tokens.c.keyed_hash.in_(hashes))
    return conditions


def _holding(connection: Connection, context: Context, which: TokenFilter) -> list[ColumnElement[bool]]:
    """The condition that a text stands somewhere in what people know of a token."""
    if which.text is None:
        return []
    if len(which.text) > _LONGEST_TEXT:
        raise invalid(f"has more than {_LONGEST_TEXT} characters", "/text")
    if TokenSieve(context.ruleset).holds_token(which.text):
        raise invalid("holds a whole token", "/text")
    # SQLite's LIKE takes capitals for small letters anyhow: to lower both sides, row by row, took longer than to look.
    plain = connection.dialect.name == "sqlite"

    def somewhere(*columns: Column[str]) -> ColumnElement[bool]:
        return or_(*((each.contains if plain else each.icontains)(which.text, autoescape=True) for each in columns))

    found = somewhere(tokens.c.name, tokens.c.prefix, tokens.c.family, tokens.c.scopes)
    if which.everyone:
        # Few users own many tokens: they are looked through once, not with each token.
        owners = select(user_table.c.id).where(somewhere(user_table.c.name, user_table.c.email))
        found |= tokens.c.owner_id.in_(owners)
    return [found]


def _hygiene(connection: Connection, context: Context, which: TokenFilter, now: int) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if which.stale_days is not None:
        before = now - _days(which.stale_days, "/stale_days") * DAY
        used = func.coalesce(tokens.c.last_used_at, tokens.c.created_at)
        conditions += [live(context, now), used <= before]
    if which.expiring_days is not None:
        until = now + _days(which.expiring_days, "/expiring_days") * DAY
        conditions += [live(context, now), tokens.c.expires_at <= until]
    if which.overscoped:
        conditions.append(_overscoped(connection))
    if which.shared:
        conditions.append(_several_addresses(now))
    if which.odd_hours:
        conditions.append(
            exists(select(token_uses.c.hour).where(token_uses.c.token_id == tokens.c.id, odd_use(context, now)))
        )
    return conditions


def _days(days: int, pointer: str) -> int:
    if not 0 <= days <= _MOST_DAYS:
        raise invalid(f"is a number from 0 to {_MOST_DAYS}", pointer)
    return days


def _overscoped(connection: Connection) -> ColumnElement[bool]:
    """Some scope of the token is not among what its owner's role grants."""
    owners_role = select(role_table.c.permissions).join(user_table, user_table.c.role_id == role_table.c.id)
    grants = owners_role.where(user_table.c.id == tokens.c.owner_id).correlate(tokens).scalar_subquery()
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import JSONB

        within: ColumnElement[bool] = cast(tokens.c.scopes, JSONB).contained_by(cast(grants, JSONB))
        return ~within
    held = func.json_each(tokens.c.scopes).table_valued("value", name="held")
    permitted = func.json_each(grants).table_valued("value", name="permitted")
    return exists(select(held.c.value).where(held.c.value.not_in(select(permitted.c.value))))


def _several_addresses(now: int) -> ColumnElement[bool]:
    used = select(token_uses.c.token_id).where(token_uses.c.address != "", recent(now))
    several = used.group_by(token_uses.c.token_id).having(func.count(token_uses.c.address.distinct()) > 1)
    return tokens.c.id.in_(several)
