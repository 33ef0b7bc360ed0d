"""Leaks and their sightings, recorded: where a secret was seen is kept, what was seen never is.

A leak of one of the store's tokens is named by the token; any other by a keyed hash of what the finding says of it, so
that a stolen database cannot confirm a known token. The same again is one leak with one more sighting; one that was
resolved opens again where it came back, and not because the same commit is read once more (docs/adr/0007).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, delete, func, or_, select, update

from tokenguard.model.leak import LeakPlace
from tokenguard.store.actor import Actor
from tokenguard.store.bulk import among, insert_rows, rows_where
from tokenguard.store.clock import micros
from tokenguard.store.context import Context
from tokenguard.store.records import live
from tokenguard.store.tables import leaks, sightings, tokens
from tokenguard.store.texts import TokenSieve

OPEN = "open"
RESOLVED = "resolved"

_EXACT = "hash"
_LOOSE = "finding"
_KEPT_SIGHTINGS = 100
"""Of one leak: the first, and the latest of each place. A report that comes every hour must not fill the store."""
_LONGEST_SOURCE = 200
_LONGEST_PLACE = 2000
_LONGEST_COMMIT = 100
_LEAK = ("id", "identity", "rule_id", "prefix", "token_id", "state", "first_seen")
_SIGHTING = ("id", "leak_id", "source", "url", "path", "commit_id", "seen_at", "reported_by", "reported_at")


@dataclass(frozen=True, slots=True)
class Seen:
    """A leak to record."""

    identities: tuple[str, ...]
    """What makes it the same: the one to keep it under, and others that it may have been kept under before."""
    rule_id: str
    prefix: str
    token_id: str | None
    places: tuple[LeakPlace, ...]
    since: int
    """When it came to the earliest of the places, as far as is known; microseconds."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """The leak that it is. `news`: nobody knew of it, or it came back after it had been dealt with."""

    id: str
    news: bool


def token_identity(token_id: str) -> tuple[str, ...]:
    """Names the leak of one of the store's tokens."""
    return (f"token:{token_id}",)


def finding_identities(context: Context, rule_id: str, name: str, *, exact: bool) -> tuple[str, ...]:
    """Name the leak of something else by what a finding says of it, keyed; the current pepper's first.

    `exact`: the finding has the secret's hash, so that no token which merely shares its prefix can be meant.
    """
    digest = sha256(f"tokenguard/leak\0{rule_id}\0{name}".encode()).digest()
    kind = _EXACT if exact else _LOOSE
    return tuple(f"{kind}:{keyed.hex()}" for keyed in reversed(context.peppers.candidates(digest)))


def has_candidates(identity: str) -> bool:
    """Whether tokens with the same visible prefix are what may have leaked."""
    return identity.startswith(f"{_LOOSE}:")


def record(connection: Connection, context: Context, actor: Actor, seen: Sequence[Seen], now: int) -> list[Recorded]:
    """Record leaks, each once however often it is among them; the leak that each is, in order."""
    known = _known(connection, {identity for each in seen for identity in each.identities})
    fresh = _add_missing(connection, context, seen, known)
    found = [next(known[identity] for identity in each.identities if identity in known) for each in seen]
    places = _kept(context, found, seen)
    resolved = {row.id: each.token_id for row, each in zip(found, seen, strict=True) if row.state == RESOLVED}
    reopened = _come_back(connection, context, resolved, places, now) if resolved else set()
    _reopen(connection, reopened)
    _move_back(connection, seen, found)
    _add_sightings(connection, context, actor, places, now)
    _prune(connection, {row.id for row in found} - fresh)
    return [Recorded(row.id, row.id in fresh or row.id in reopened) for row in found]


class _Known(NamedTuple):
    """A leak's row, as far as recording needs it."""

    id: str
    state: str
    first_seen: int


def _known(connection: Connection, identities: Collection[str]) -> dict[str, _Known]:
    columns = (leaks.c.identity, leaks.c.id, leaks.c.state, leaks.c.first_seen)
    return {row[0]: _Known(*row[1:]) for row in rows_where(connection, columns, leaks.c.identity, identities)}


def _add_missing(
    connection: Connection, context: Context, seen: Sequence[Seen], known: dict[str, _Known]
) -> frozenset[str]:
    """Add rows for those that are not known, put them into `known`; the ids of the rows that are new."""
    missing = {each.identities[0]: each for each in seen if known.keys().isdisjoint(each.identities)}
    rows = [
        (context.new_id("leak"), identity, each.rule_id, each.prefix, each.token_id, OPEN, each.since)
        # In one order, so that two who record the same leaks wait for each other rather than block each other.
        for identity, each in sorted(missing.items())
    ]
    if not rows:
        return frozenset()
    insert_rows(connection, leaks, _LEAK, rows, "ON CONFLICT (identity) DO NOTHING")
    if connection.dialect.name == "sqlite":
        # Whoever writes is alone.
        known.update((row[1], _Known(row[0], OPEN, row[6])) for row in rows)
        return frozenset(row[0] for row in rows)
    # Somebody else may have added one meanwhile: what counts is what stands there now.
    known.update(_known(connection, missing.keys()))
    return frozenset(row[0] for row in rows) & {each.id for each in known.values()}


class _Place(NamedTuple):
    """Where it was seen, as a sighting keeps it."""

    source: str
    url: str
    path: str
    commit_id: str
    seen_at: int | None

    @property
    def spot(self) -> tuple[str, ...]:
        """What of it makes it the same place, whenever it was seen there."""
        return self[:-1]


def _kept(context: Context, found: Sequence[_Known], seen: Sequence[Seen]) -> list[tuple[str, _Place]]:
    """Every place with its leak's id, bounded, and without a token that may stand in it."""
    sieve = TokenSieve(context.ruleset)
    kept = {
        place: _Place(
            sieve.kept(place.source, _LONGEST_SOURCE),
            sieve.kept(place.url, _LONGEST_PLACE),
            sieve.kept(place.path, _LONGEST_PLACE),
            sieve.kept(place.commit, _LONGEST_COMMIT),
            micros(place.seen_at),
        )
        for place in {place for each in seen for place in each.places}
    }
    return [(row.id, kept[place]) for row, each in zip(found, seen, strict=True) for place in each.places]


def _come_back(
    connection: Connection,
    context: Context,
    resolved: Mapping[str, str | None],
    places: Sequence[tuple[str, _Place]],
    now: int,
) -> set[str]:
    """Those of the resolved leaks (each with its token) that opened again by being seen there.

    Such as were seen outside of history, or in it where nobody had seen them; and those whose token lives: a scan names
    one commit for a content, however often that came back.
    """
    columns = (sightings.c.leak_id, *(sightings.c[name] for name in _Place._fields))
    told = {(row[0], _Place(*row[1:]).spot) for row in rows_where(connection, columns, sightings.c.leak_id, resolved)}
    # A commit stays what it was: read once more, it says nothing new.
    news = {leak for leak, place in places if not (place.commit_id and (leak, place.spot) in told)}
    # One that dies of being told of lived until now.
    lived = or_(live(context, now), tokens.c.revoked_at >= now)
    asked = select(tokens.c.id).where(among(connection, tokens.c.id, set(filter(None, resolved.values()))), lived)
    living = set(connection.execute(asked).scalars())
    return {leak for leak, token in resolved.items() if leak in news or token in living}


def _reopen(connection: Connection, leak_ids: Collection[str]) -> None:
    if leak_ids:
        opened = {"state": OPEN, "resolution": None, "resolved_at": None, "resolved_by": None}
        connection.execute(update(leaks).where(leaks.c.id.in_(leak_ids)).values(opened))


def _move_back(connection: Connection, seen: Sequence[Seen], found: Sequence[_Known]) -> None:
    """It turned out to lie there for longer."""
    earlier = [
        {"leak": row.id, "since": each.since}
        for row, each in zip(found, seen, strict=True)
        if each.since < row.first_seen
    ]
    if earlier:
        older = leaks.c.first_seen > bindparam("since")
        moved = update(leaks).where(leaks.c.id == bindparam("leak"), older).values(first_seen=bindparam("since"))
        connection.execute(moved, earlier)


def _add_sightings(
    connection: Connection, context: Context, actor: Actor, places: Sequence[tuple[str, _Place]], now: int
) -> None:
    rows = [(context.new_id("sight"), leak_id, *place, actor.name, now) for leak_id, place in places]
    insert_rows(connection, sightings, _SIGHTING, rows)


def _prune(connection: Connection, leak_ids: Collection[str]) -> None:
    """Keep the first sighting of each of these leaks, then the latest of each place, then the latest."""
    mine = sightings.c.leak_id.in_(leak_ids)
    number = func.count(sightings.c.id)
    asked = select(sightings.c.leak_id).where(mine).group_by(sightings.c.leak_id).having(number > _KEPT_SIGHTINGS)
    crowded = connection.execute(asked).scalars().all() if leak_ids else ()
    if not crowded:
        return
    latest = (sightings.c.reported_at.desc(), sightings.c.id.desc())
    place = [sightings.c[name] for name in _Place._fields if name != "seen_at"]
    age = func.row_number().over(partition_by=sightings.c.leak_id, order_by=(sightings.c.reported_at, sightings.c.id))
    repeat = func.row_number().over(partition_by=(sightings.c.leak_id, *place), order_by=latest)
    counted = select(sightings, age.label("age"), repeat.label("repeat")).where(sightings.c.leak_id.in_(crowded))
    each = counted.subquery().c
    worth = (each.age > 1, each.repeat > 1, each.reported_at.desc(), each.id.desc())
    rank = func.row_number().over(partition_by=each.leak_id, order_by=worth)
    ranked = select(each.id, rank.label("rank")).subquery()
    surplus = select(ranked.c.id).where(ranked.c.rank > _KEPT_SIGHTINGS)
    connection.execute(delete(sightings).where(sightings.c.id.in_(surplus)))
