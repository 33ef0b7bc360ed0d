"""Revocations: set-wise, final, each with its audit event in the same transaction.

A thousand targets take as many statements as one. Whoever may revoke only their own tokens learns nothing of others':
theirs are not found, unless the whole value of a live one was given, which is proof of itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from sqlalchemy import Connection, select, update

from tokenguard.errors import RefusedError, StoreError
from tokenguard.model.leak import LeakPlace
from tokenguard.model.people import Owner
from tokenguard.model.revocation import Target, TargetResult
from tokenguard.model.secret import Secret
from tokenguard.model.token import TokenRecord, TokenStatus
from tokenguard.model.wire import timestamp, to_json
from tokenguard.store.actor import Actor, Permission
from tokenguard.store.audit import Action, note_all
from tokenguard.store.bulk import insert_into, update_where
from tokenguard.store.clock import micros, moment
from tokenguard.store.context import Context
from tokenguard.store.outbox import Kind, put
from tokenguard.store.records import TokenColumns, records, status_of
from tokenguard.store.sightings import Seen, record, token_identity
from tokenguard.store.standing import standing
from tokenguard.store.tables import rate_counts, tokens, users
from tokenguard.store.targets import By, Named, lock, look_up
from tokenguard.store.texts import TokenSieve
from tokenguard.store.verdict import Rights, Verdict, judge

MOST_TARGETS = 1000
_MOST_CANDIDATES = 100
"""Listed of one prefix; all of them count."""
_LONGEST_REASON = 500
_AT_ONCE = 10_000
"""Ids in one statement: any database takes so many values."""
_HANDED_IN = LeakPlace(source="handed in")
_MARK = "revoke_leaked"
_NEVER_SWEPT = 1 << 62


@dataclass(frozen=True, slots=True)
class Cause:
    """Who revokes, why, when, and where it was seen."""

    actor: Actor
    reason: str
    leak: LeakPlace | None
    now: int


class Ended(Protocol):
    """A token that died, as its owner is told of it."""

    @property
    def id(self) -> str: ...  # noqa: D102 - as a TokenRecord has them
    @property
    def family(self) -> str: ...  # noqa: D102
    @property
    def prefix(self) -> str: ...  # noqa: D102
    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def owner(self) -> Owner: ...  # noqa: D102


def revoke(  # noqa: PLR0913 - the call of the API
    connection: Connection,
    context: Context,
    actor: Actor,
    targets: Sequence[Target],
    *,
    reason: str = "",
    leak: LeakPlace | None = None,
    all_matching: bool = False,
    dry_run: bool = False,
) -> tuple[TargetResult, ...]:
    """Revoke what up to 1,000 targets name; a result each, in their order. A target that is wrong spoils no other.

    With `leak` it is recorded that each of these tokens was seen there, also of those that were revoked already.
    `dry_run`: the same results, and nothing is done.

    Raises:
        RefusedError: INSUFFICIENT_SCOPE; UNAUTHORIZED; VALIDATION for too many targets.
    """
    actor = standing(connection, context, actor)
    everyones = actor.may(Permission.RESPOND)
    if not everyones:
        actor.require(Permission.MANAGE_TOKENS)
    if len(targets) > MOST_TARGETS:
        raise RefusedError("VALIDATION", f"more than {MOST_TARGETS} targets", pointers=("/targets",))
    rights = Rights(everyones, None if everyones else actor.user_id or "", all_matching)
    cause = Cause(actor, TokenSieve(context.ruleset).kept(reason, _LONGEST_REASON), leak, context.now())
    if dry_run:
        found, known = look_up(connection, context, targets, rights.owner_id)
        verdicts, _ = _judged(connection, context, found, known, rights)
        records = _shown(connection, context, verdicts, known, cause.now)
    else:
        verdicts, records = _carry_out(connection, context, targets, rights, cause)
    return tuple([_result(index, verdict, records) for index, verdict in enumerate(verdicts)])


def revoke_leaked(connection: Connection, context: Context, actor: Actor, values: Sequence[Secret]) -> None:
    """Revoke up to 1,000 tokens by whole value: whoever holds one may. Honeytokens stay: to hold one grants nothing.

    Nothing is told, and about the same is done for known and unknown ones.

    Raises:
        RefusedError: VALIDATION, too many.
    """
    if len(values) > MOST_TARGETS:
        raise RefusedError("VALIDATION", f"more than {MOST_TARGETS} tokens", pointers=("/tokens",))
    cause = Cause(actor, "handed in by whoever held it", _HANDED_IN, context.now())
    rights = Rights(everyones=True, spare_baits=True)
    _carry_out(connection, context, [Target(token=value) for value in values], rights, cause)
    _write_anyway(connection)


def _carry_out(
    connection: Connection, context: Context, targets: Sequence[Target], rights: Rights, cause: Cause
) -> tuple[list[Verdict], dict[str, TokenRecord]]:
    """Revoke, and write down all that belongs to it."""
    found, known = look_up(connection, context, targets, rights.owner_id)
    lock(connection, known)
    verdicts, dying = _judged(connection, context, found, known, rights)
    for some in _portions(dying):
        kill(connection, cause, some)
    known |= {each: _ended(known[each], cause) for each in dying}
    records = _shown(connection, context, verdicts, known, cause.now)
    seen = {each: records[each] for verdict in verdicts if verdict.outcome.dead for each in verdict.named}
    leaks = _record_leaks(connection, context, cause, list(seen.values()))
    plain = {by: _detail(cause, by, None) for by in By}
    details = [(each, _detail(cause, by, leaks[each]) if each in leaks else plain[by]) for each, by in dying.items()]
    note_all(connection, context, cause.actor, Action.TOKEN_REVOKED, details)
    put(connection, context, Kind.TOKENS_REVOKED, told(cause, [records[each] for each in dying]), cause.now)
    return verdicts, records


def _ended(token: TokenColumns, cause: Cause) -> TokenColumns:
    """The token as it is now: it need not be read again."""
    return token._replace(revoked_at=cause.now, revoked_by=cause.actor.name, revoke_reason=cause.reason)


def kill(connection: Connection, cause: Cause, ids: list[str]) -> None:
    """Revoke tokens that were read, and found alive, under the lock that is held.

    Raises:
        StoreError: one of them did not take it.
    """
    changes = {
        tokens.c.revoked_at: cause.now,
        tokens.c.revoked_by: cause.actor.name,
        tokens.c.revoke_reason: cause.reason,
    }
    if update_where(connection, changes, tokens.c.id, ids) != len(ids):
        # They were read under the same lock. To say "revoked" of one that is not would be the worst answer.
        raise StoreError("a revocation did not take", remedy="tokenguard store check")


def _judged(
    connection: Connection, context: Context, found: Sequence[Named], known: Mapping[str, TokenColumns], rights: Rights
) -> tuple[list[Verdict], dict[str, By]]:
    if not rights.everyones:
        rights = replace(rights, guarded=_live_strangers(connection, context, found, known, rights))
    return judge(found, known, rights)


def _live_strangers(
    connection: Connection, context: Context, found: Iterable[Named], known: Mapping[str, TokenColumns], rights: Rights
) -> frozenset[str]:
    """Those tokens of others, named by their whole value, that would be accepted now."""
    values = (each for target in found if target.by is By.VALUE for each in target.token_ids)
    theirs = {each for each in values if not rights.may(known[each])}
    active = select(users.c.id).where(users.c.active, users.c.id.in_({known[each].owner_id for each in theirs}))
    owners = set(connection.execute(active).scalars()) if theirs else set()
    live = (each for each in theirs if status_of(context, known[each], context.now()) is TokenStatus.ACTIVE)
    # A honeytoken is accepted nowhere: an answer of its own would tell the bait.
    return frozenset(each for each in live if known[each].owner_id in owners and not known[each].honeytoken)


def _shown(
    connection: Connection,
    context: Context,
    verdicts: Iterable[Verdict],
    known: Mapping[str, TokenColumns],
    now: int,
) -> dict[str, TokenRecord]:
    """The records of the tokens that the answer shows, or that something is written about."""
    ids: set[str] = set()
    for verdict in verdicts:
        ids.update(verdict.named if verdict.outcome.dead else verdict.named[:_MOST_CANDIDATES])
    return {
        record.id: record
        for some in _portions(ids)
        for record in records(connection, context, [known[each] for each in some], now)
    }


def _result(index: int, verdict: Verdict, records: Mapping[str, TokenRecord]) -> TargetResult:
    outcome, named, detail = verdict
    if len(named) == 1:
        return TargetResult(index, outcome, records[named[0]], (), detail)
    listed = tuple(records[each] for each in named[:_MOST_CANDIDATES])
    return TargetResult(index, outcome, None, listed, detail)


def _portions(ids: Collection[str]) -> Iterable[list[str]]:
    # In the order of the primary key, which then is read from front to back.
    listed = sorted(ids)
    return (listed[start : start + _AT_ONCE] for start in range(0, len(listed), _AT_ONCE))


def _record_leaks(
    connection: Connection, context: Context, cause: Cause, seen: Sequence[TokenRecord]
) -> dict[str, str]:
    """The leak of each token, by the token's id; empty when no place is known."""
    if cause.leak is None:
        return {}
    came = micros(cause.leak.seen_at) if cause.leak.seen_at else cause.now
    since = max(0, min(came, cause.now))
    found = [Seen(token_identity(each.id), each.family, each.prefix, each.id, (cause.leak,), since) for each in seen]
    recorded = record(connection, context, cause.actor, found, cause.now)
    return {each.id: leak.id for each, leak in zip(seen, recorded, strict=True)}


def _detail(cause: Cause, by: By, leak_id: str | None) -> dict[str, object]:
    detail: dict[str, object] = {"by": by.value, "reason": cause.reason}
    return detail if leak_id is None else detail | {"leak": leak_id}


def told(cause: Cause, dead: Iterable[Ended]) -> Iterable[dict[str, object]]:
    """What owners are told of the tokens that died: one message an owner, however many of their tokens died."""
    by_owner: dict[str, list[Ended]] = defaultdict(list)
    for each in dead:
        by_owner[each.owner.id].append(each)
    at = timestamp(moment(cause.now))
    for theirs in by_owner.values():
        yield {
            "owner": to_json(theirs[0].owner),
            "at": at,
            "revoked_by": cause.actor.name,
            "reason": cause.reason,
            "tokens": [
                {"id": each.id, "family": each.family, "prefix": each.prefix, "name": each.name} for each in theirs
            ],
        }


def _write_anyway(connection: Connection) -> None:
    """A call that knew no token takes a commit to the disk as well, so that its time tells little."""
    mark = (rate_counts.c.bucket == _MARK, rate_counts.c.window_start == _NEVER_SWEPT)
    if connection.execute(update(rate_counts).where(*mark).values(count=1 - rate_counts.c.count)).rowcount:
        return
    row = {"bucket": _MARK, "window_start": _NEVER_SWEPT, "count": 1}
    connection.execute(insert_into(connection, rate_counts).values(row).on_conflict_do_nothing())
