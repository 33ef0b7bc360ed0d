"""Alerts: tokens that a forge found in public and hands in, whole and signed. Such a token may be revoked by itself.

An alert is worked off a thousand entries a transaction, and how far is kept under the digest of its signed bytes: one
that comes again goes on where the first stopped, and one that was worked off is answered alike and changes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection, update

from tokenguard.model.leak import LeakPlace
from tokenguard.model.people import Owner
from tokenguard.model.policy import OnLeak
from tokenguard.model.revocation import Target
from tokenguard.model.secret import Secret
from tokenguard.model.wire import timestamp, to_json
from tokenguard.store.actor import Actor
from tokenguard.store.audit import Action, note_all
from tokenguard.store.bulk import insert_rows
from tokenguard.store.clock import moment
from tokenguard.store.context import Context
from tokenguard.store.outbox import Kind, put
from tokenguard.store.records import TokenColumns
from tokenguard.store.revocations import Cause, kill, told
from tokenguard.store.sightings import Recorded, Seen, record, token_identity
from tokenguard.store.tables import alerts
from tokenguard.store.targets import lock, look_up

PORTION = 1000
_COLUMNS = ("provider", "digest", "received_at", "entries")


@dataclass(frozen=True, slots=True)
class Entry:
    """One token of an alert, and where it was seen."""

    token: Secret
    place: LeakPlace


@dataclass(frozen=True, slots=True)
class Alert:
    """One message of a forge."""

    provider: str
    digest: bytes
    """SHA-256 of the bytes that came."""
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Taken:
    """What an alert came to: for each entry whether it is, or was, a token of the store."""

    known: tuple[bool, ...]
    revoked: int = 0
    """Tokens that died of it."""


class _Token(NamedTuple):
    """A token, as its owner is told of it."""

    id: str
    family: str
    prefix: str
    name: str
    owner: Owner


@dataclass(frozen=True, slots=True)
class _Struck:
    """The tokens of the store in one portion of an alert: all of them, and their leaks, by the tokens' ids."""

    tokens: Mapping[str, _Token]
    live: frozenset[str]
    dying: frozenset[str]
    leaks: Mapping[str, Recorded]


def take(connection: Connection, context: Context, actor: Actor, alert: Alert, start: int) -> Taken:
    """Work off the entries of an alert from `start` on, up to a thousand of them.

    Tokens are looked up by their hash alone, whatever family the forge takes them for, and are not marked as used.
    """
    entries = alert.entries[start : start + PORTION]
    now = context.now()
    first = _claimed(connection, alert, start, start + len(entries), now)
    named, known = look_up(connection, context, [Target(token=entry.token) for entry in entries], None)
    answers = tuple([bool(each.token_ids) for each in named])
    if not first or not known:
        return Taken(answers)
    lock(connection, known)
    shown = {each: _token(known[each]) for each in sorted(known)}
    live = frozenset(each for each in shown if known[each].revoked_at is None)
    dying = frozenset(each for each in live if _dies(context, known[each]))
    cause = Cause(actor, f"leaked: handed in by {actor.name}", None, now)
    if dying:
        kill(connection, cause, sorted(dying))
    places: dict[str, dict[LeakPlace, None]] = defaultdict(dict)
    for each, entry in zip(named, entries, strict=True):
        for token_id in each.token_ids:
            places[token_id][entry.place] = None
    seen = [_seen(token, tuple(places[token.id]), now) for token in shown.values()]
    leaks = dict(zip(shown, record(connection, context, actor, seen, now), strict=True))
    _write_down(connection, context, cause, _Struck(shown, live, dying, leaks))
    return Taken(answers, len(dying))


def _claimed(connection: Connection, alert: Alert, start: int, end: int, now: int) -> bool:
    """Whether this portion is to be worked off here and now; whoever works off the same at once waits here."""
    if start:
        here = (alerts.c.provider == alert.provider, alerts.c.digest == alert.digest, alerts.c.entries == start)
        return connection.execute(update(alerts).where(*here).values(entries=end)).rowcount == 1
    row = (alert.provider, alert.digest, now, end)
    return insert_rows(connection, alerts, _COLUMNS, [row], "ON CONFLICT DO NOTHING") == 1


def _token(row: TokenColumns) -> _Token:
    return _Token(row.id, row.family, row.prefix, row.name, Owner(row.owner_id, row.owner_name, row.owner_email))


def _dies(context: Context, token: TokenColumns) -> bool:
    # A bait grants nothing; whoever laid it where a forge looks wants to hear of those who take it.
    return not token.honeytoken and context.policies.family(token.family).on_leak is OnLeak.REVOKE


def _seen(token: _Token, places: tuple[LeakPlace, ...], now: int) -> Seen:
    return Seen(token_identity(token.id), token.family, token.prefix, token.id, places, now)


def _write_down(connection: Connection, context: Context, cause: Cause, struck: _Struck) -> None:
    """The audit, and what owners are told: of a token that was dead already, nothing."""
    actor, tokens, leaks = cause.actor, struck.tokens, struck.leaks
    ended = [
        (each, {"by": "value", "reason": cause.reason, "leak": leaks[each].id})
        for each in tokens
        if each in struck.dying
    ]
    note_all(connection, context, actor, Action.TOKEN_REVOKED, ended)
    news = [each for each in tokens if leaks[each].news and each not in struck.dying]
    reported = [(each, {"leak": leaks[each].id, "rule_id": tokens[each].family, "matched": "hash"}) for each in news]
    note_all(connection, context, actor, Action.LEAK_REPORTED, reported)
    put(connection, context, Kind.TOKENS_REVOKED, told(cause, [tokens[each] for each, _ in ended]), cause.now)
    spared = [tokens[each] for each in news if each in struck.live]
    put(connection, context, Kind.LEAKS_FOUND, _warnings(spared, leaks, cause.now), cause.now)


def _warnings(spared: Sequence[_Token], leaks: Mapping[str, Recorded], now: int) -> Iterable[dict[str, object]]:
    """One message an owner."""
    by_owner: dict[str, list[_Token]] = defaultdict(list)
    for each in spared:
        by_owner[each.owner.id].append(each)
    for theirs in by_owner.values():
        yield {
            "owner": to_json(theirs[0].owner),
            "at": timestamp(moment(now)),
            "tokens": [
                {"leak": leaks[each.id].id, "id": each.id, "family": each.family, "prefix": each.prefix}
                for each in theirs
            ],
        }
