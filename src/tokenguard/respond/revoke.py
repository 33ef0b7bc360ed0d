"""From intents to dead tokens: written down, asked in batches, closed by the outcome; and again where that broke off.

Each intent is in the journal before the first request goes out, so that nothing that was asked for is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from tokenguard.errors import JournalError, RefusedError, TokenguardError, fault
from tokenguard.model.revocation import Outcome, TargetResult
from tokenguard.model.token import TokenRecord
from tokenguard.respond.channel import NEEDS_TOKEN, Channel
from tokenguard.respond.entry import Entry
from tokenguard.respond.intent import Intent
from tokenguard.respond.journal import Closing, Journal

Route = Callable[[Intent], Channel | None]
"""The way that an intent goes; None: its issuer is not configured here (any more)."""

_NOT_ASKED = "not asked: the issuer did not answer before"
_INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of one intent; of a dry run, what would become of it."""

    intent: Intent
    outcome: Outcome
    at: datetime
    token: TokenRecord | None = None
    candidates: tuple[TokenRecord, ...] = ()
    detail: str = ""
    unrecorded: str = ""
    """Why the outcome is not in the journal; empty: it is."""
    number: int = 0
    """Its number in the journal, where it stands open there."""


def preview(intents: Sequence[Intent], route: Route) -> list[Settled]:
    """What would become of each, in their order. Nothing is written down and nothing dies."""

    def ask(distinct: Sequence[Intent]) -> list[Settled]:
        settled: dict[int, Settled] = {}
        for batch in _batches(distinct, route):
            settled.update(_asked(batch, dry_run=True))
        return [settled[index] for index in range(len(distinct))]

    return _once(intents, ask)


def revoke(intents: Sequence[Intent], route: Route, journal: Journal) -> list[Settled]:
    """Kill each token, once; what became of each, in the order of `intents`.

    Raises:
        JournalError: they could not be written down: nothing was sent.
    """
    return _once(intents, lambda distinct: _finish(journal.write(distinct), route, journal))


def resume(journal: Journal, route: Route) -> list[Settled]:
    """Finish what is pending, the oldest first.

    Raises:
        JournalError: it cannot be read.
    """
    return _finish(journal.pending(), route, journal)


def _once(intents: Sequence[Intent], ask: Callable[[Sequence[Intent]], list[Settled]]) -> list[Settled]:
    """The outcome of each intent; a token that several of them mean is asked about once."""
    distinct = {(intent.issuer, intent.identity): intent for intent in intents}
    settled = dict(zip(distinct, ask(list(distinct.values())), strict=True))
    return [replace(settled[intent.issuer, intent.identity], intent=intent) for intent in intents]


def _finish(entries: Sequence[Entry], route: Route, journal: Journal) -> list[Settled]:
    """Ask about each and close it. Whatever ends this early, the rest stays open and is told as unreachable."""
    settled: dict[int, Settled] = {}
    silent: set[int] = set()
    try:
        for batch in _batches([entry.intent for entry in entries], route):
            if id(batch.channel) in silent:
                done = {index: _unreached(intent, _NOT_ASKED) for index, intent in batch.numbered}
            else:
                done = _asked(batch, dry_run=False)
            if all(each.outcome is Outcome.UNREACHABLE and each.detail != NEEDS_TOKEN for each in done.values()):
                silent.add(id(batch.channel))
            settled.update(_recorded(done, entries, journal))
    except KeyboardInterrupt:
        pass
    known = (settled.get(index) or _unreached(each.intent, _INTERRUPTED) for index, each in enumerate(entries))
    return [
        replace(each, number=entry.number) if each.outcome is Outcome.UNREACHABLE else each
        for each, entry in zip(known, entries, strict=True)
    ]


def _recorded(done: dict[int, Settled], entries: Sequence[Entry], journal: Journal) -> dict[int, Settled]:
    try:
        journal.settle([Closing(entries[index], each.outcome, each.detail) for index, each in done.items()])
    except JournalError as error:
        # Said, and not written down: the entries stay open, and asking again kills nothing twice.
        return {index: replace(each, unrecorded=str(error)) for index, each in done.items()}
    return done


@dataclass(frozen=True, slots=True)
class _Batch:
    """Intents that are asked about at once, each with its number."""

    channel: Channel | None
    numbered: tuple[tuple[int, Intent], ...]


def _batches(intents: Sequence[Intent], route: Route) -> Iterator[_Batch]:
    """Those of one way, one reason and one place together, as many as it takes."""
    groups: dict[tuple[int, str, bool, str], list[tuple[int, Intent]]] = {}
    ways: dict[int, Channel | None] = {}
    for index, intent in enumerate(intents):
        way = route(intent)
        ways[id(way)] = way
        groups.setdefault((id(way), intent.reason, intent.all_matching, intent.seen), []).append((index, intent))
    for (key, *_), group in groups.items():
        way = ways[key]
        size = way.batch if way is not None else len(group)
        for start in range(0, len(group), size):
            yield _Batch(way, tuple(group[start : start + size]))


def _asked(batch: _Batch, *, dry_run: bool) -> dict[int, Settled]:
    """One request's worth: whatever goes wrong with it, it is an outcome."""
    if batch.channel is None:
        return {index: _unreached(intent, _no_issuer(intent)) for index, intent in batch.numbered}
    results = _answers(batch.channel, [intent for _, intent in batch.numbered], dry_run=dry_run)
    now = datetime.now(UTC)
    return {
        index: Settled(intent, result.outcome, now, result.token, result.candidates, result.detail)
        for (index, intent), result in zip(batch.numbered, results, strict=True)
    }


def _no_issuer(intent: Intent) -> str:
    return f"no issuer is called {intent.issuer} here; configure it, then: tokenguard revoke --resume"


def _answers(channel: Channel, intents: list[Intent], *, dry_run: bool) -> list[TargetResult]:
    try:
        results = channel.revoke(intents, dry_run=dry_run)
    except RefusedError as error:
        # Whom the issuer does not know, or has heard too often, it has told nothing about any token.
        unheard = error.code in {"UNAUTHORIZED", "RATE_LIMITED"}
        return _all(intents, Outcome.UNREACHABLE if unheard else Outcome.REFUSED, str(error))
    except TokenguardError as error:
        return _all(intents, Outcome.UNREACHABLE, str(error))
    except Exception as error:  # noqa: BLE001 - a fault with one issuer keeps no token of another alive
        return _all(intents, Outcome.UNREACHABLE, f"internal error: {fault(error)}; please report this")
    by_index = {result.target_index: result for result in results}
    # An answer that is not about all of them is no answer about those that it leaves out.
    return [
        by_index.get(index, TargetResult(index, Outcome.UNREACHABLE, detail="the issuer did not say"))
        for index in range(len(intents))
    ]


def _all(intents: list[Intent], outcome: Outcome, detail: str) -> list[TargetResult]:
    return [TargetResult(index, outcome, detail=detail) for index in range(len(intents))]


def _unreached(intent: Intent, why: str) -> Settled:
    return Settled(intent, Outcome.UNREACHABLE, datetime.now(UTC), detail=why)
