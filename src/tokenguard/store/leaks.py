"""Leaks as responders see them: listed, looked at one by one, and closed once they are dealt with."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, and_, func, literal, select, tuple_, update

from tokenguard.errors import RefusedError
from tokenguard.model.leak import LeakPage, LeakPlace, LeakRecord, Sighting
from tokenguard.store import audit
from tokenguard.store.actor import Actor, Permission
from tokenguard.store.audit import Action
from tokenguard.store.clock import moment
from tokenguard.store.context import Context
from tokenguard.store.cursor import check_limit, cursor_after, read_cursor
from tokenguard.store.emails import emails_of
from tokenguard.store.ids import is_id
from tokenguard.store.records import records_by_id
from tokenguard.store.sightings import OPEN, RESOLVED, has_candidates
from tokenguard.store.standing import standing
from tokenguard.store.tables import leaks as leak_table
from tokenguard.store.tables import sightings, token_uses, tokens
from tokenguard.store.texts import TokenSieve
from tokenguard.store.tokens import visible

_LONGEST_RESOLUTION = 2000
_MOST_CANDIDATES = 20
"""Shown of one leak, the newest."""

LeakRow = Row[Any]


def leaks(  # noqa: PLR0913 - the call of the API
    connection: Connection,
    context: Context,
    actor: Actor,
    *,
    state: str | None = None,
    token: str | None = None,
    cursor: str | None = None,
    limit: int = 100,
) -> LeakPage:
    """Leaks, open ones first, of each kind the latest first.

    Raises:
        RefusedError: INSUFFICIENT_SCOPE; NOT_FOUND: no such token, or another's; VALIDATION: no such state, a cursor or
            limit that is none.
    """
    if token is None:
        actor.require(Permission.RESPOND)
    else:
        visible(connection, actor, token)
    if state not in {None, OPEN, RESOLVED}:
        raise RefusedError("VALIDATION", f"a leak is {OPEN} or {RESOLVED}", pointers=("/state",))
    rows = _page(connection, state, token, cursor, check_limit(limit) + 1)
    following = cursor_after(rows[limit - 1].first_seen, _place_of(rows[limit - 1])) if len(rows) > limit else None
    return LeakPage(_records(connection, context, rows[:limit]), following)


def leak(connection: Connection, context: Context, actor: Actor, leak_id: str) -> LeakRecord:
    """One leak.

    Raises:
        RefusedError: INSUFFICIENT_SCOPE, NOT_FOUND.
    """
    actor.require(Permission.RESPOND)
    return _records(connection, context, [_row(connection, leak_id)])[0]


def resolve_leak(connection: Connection, context: Context, actor: Actor, leak_id: str, resolution: str) -> LeakRecord:
    """Close a leak; one that is closed stays as it is. Seen again, it opens again.

    Raises:
        RefusedError: INSUFFICIENT_SCOPE, NOT_FOUND, VALIDATION: nothing is said.
    """
    actor = standing(connection, context, actor)
    actor.require(Permission.RESPOND)
    kept = TokenSieve(context.ruleset).kept(resolution, _LONGEST_RESOLUTION)
    if not kept:
        raise RefusedError("VALIDATION", "how it was resolved must be said", pointers=("/resolution",))
    row = _row(connection, leak_id)
    closed = {"state": RESOLVED, "resolution": kept, "resolved_at": context.now(), "resolved_by": actor.name}
    still_open = and_(leak_table.c.id == row.id, leak_table.c.state == OPEN)
    if connection.execute(update(leak_table).where(still_open).values(closed)).rowcount:
        detail = {"leak": row.id, "rule_id": row.rule_id, "resolution": kept}
        audit.note(connection, context, actor, Action.LEAK_RESOLVED, token_id=row.token_id, detail=detail)
    return _records(connection, context, [_row(connection, leak_id)])[0]


def _row(connection: Connection, leak_id: str) -> LeakRow:
    asked = select(leak_table).where(leak_table.c.id == leak_id)
    row = connection.execute(asked).first() if is_id(leak_id, "leak") else None
    if row is None:
        raise RefusedError("NOT_FOUND", "no such leak")
    return row


def _page(
    connection: Connection, state: str | None, token: str | None, cursor: str | None, limit: int
) -> list[LeakRow]:
    """Up to `limit` rows behind the cursor. One query a state: each reads its index backwards."""
    after_state, after = (None, None) if cursor is None else _read_place(cursor)
    rows: list[LeakRow] = []
    for each in (OPEN, RESOLVED):
        if state not in {None, each} or (after_state == RESOLVED and each == OPEN):
            continue
        asked = select(leak_table).where(leak_table.c.state == each)
        if token is not None:
            asked = asked.where(leak_table.c.token_id == token)
        if after is not None and after_state == each:
            asked = asked.where(tuple_(leak_table.c.first_seen, leak_table.c.id) < tuple_(*map(literal, after)))
        asked = asked.order_by(leak_table.c.first_seen.desc(), leak_table.c.id.desc()).limit(limit - len(rows))
        rows += connection.execute(asked)
    return rows


def _place_of(row: LeakRow) -> str:
    return f"{row.state}:{row.id}"


def _read_place(cursor: str) -> tuple[str, tuple[int, str]]:
    first_seen, place = read_cursor(cursor)
    state, _, leak_id = place.partition(":")
    return state, (first_seen, leak_id)


def _records(connection: Connection, context: Context, rows: Sequence[LeakRow]) -> tuple[LeakRecord, ...]:
    """Records of rows, in their order; as many queries for one as for a page of them."""
    by_prefix = _candidate_ids(connection, rows)
    shown = {each for ids in by_prefix.values() for each in ids} | {row.token_id for row in rows if row.token_id}
    known = records_by_id(connection, context, shown, context.now())
    ids = [row.id for row in rows]
    seen, uses = _sightings(connection, ids), _uses(connection, ids)
    return tuple(
        LeakRecord(
            id=row.id,
            state=row.state,
            rule_id=row.rule_id,
            prefix=row.prefix,
            token=known[row.token_id] if row.token_id else None,
            candidates=tuple(known[each] for each in by_prefix.get(row.id, ())),
            sightings=tuple(seen[row.id]),
            first_seen=moment(row.first_seen),
            uses_since=uses.get(row.id, 0),
            resolution=row.resolution,
        )
        for row in rows
    )


def _candidate_ids(connection: Connection, rows: Sequence[LeakRow]) -> dict[str, list[str]]:
    """For each leak that no hash names: the tokens that share its family and visible prefix."""
    newest = func.row_number().over(partition_by=leak_table.c.id, order_by=(tokens.c.created_at.desc(), tokens.c.id))
    same = and_(tokens.c.prefix == leak_table.c.prefix, tokens.c.family == leak_table.c.rule_id)
    asked = [row.id for row in rows if has_candidates(row.identity)]
    ranked = (
        select(leak_table.c.id.label("leak_id"), tokens.c.id, newest.label("rank"))
        .join(tokens, same)
        .where(leak_table.c.id.in_(asked))
        .subquery()
    )
    found: dict[str, list[str]] = defaultdict(list)
    if asked:
        kept = select(ranked).where(ranked.c.rank <= _MOST_CANDIDATES).order_by(ranked.c.rank)
        for leak_id, token_id, _ in connection.execute(kept):
            found[leak_id].append(token_id)
    return found


def _sightings(connection: Connection, leak_ids: Sequence[str]) -> dict[str, list[Sighting]]:
    found: dict[str, list[Sighting]] = defaultdict(list)
    asked = select(sightings).where(sightings.c.leak_id.in_(leak_ids))
    rows = connection.execute(asked.order_by(sightings.c.reported_at, sightings.c.id)).all()
    emails = emails_of(connection, [row.reported_by for row in rows])
    for row in rows:
        place = LeakPlace(row.source, row.url, row.path, row.commit_id, moment(row.seen_at))
        found[row.leak_id].append(
            Sighting(place, row.reported_by, moment(row.reported_at), emails.get(row.reported_by))
        )
    return found


def _uses(connection: Connection, leak_ids: Sequence[str]) -> dict[str, int]:
    """Accepted uses of each leaked token since it was first seen; the hour in which that was counts whole."""
    since = and_(token_uses.c.token_id == leak_table.c.token_id, token_uses.c.last_used_at >= leak_table.c.first_seen)
    asked = (
        select(leak_table.c.id, func.sum(token_uses.c.uses).label("uses"))
        .join(token_uses, since)
        .where(leak_table.c.id.in_(leak_ids))
        .group_by(leak_table.c.id)
    )
    return {row.id: int(row.uses) for row in connection.execute(asked)}
