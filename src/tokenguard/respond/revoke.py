"""From intents to dead tokens: written down, asked in batches, closed by the outcome; and again where that broke off.

Each intent is in the journal before the first request goes out, so that nothing that was asked for is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from tokenguard.errors import JournalError, RefusedError, TokenguardError, fault
from tokenguard.model.token import Outcome, TargetResult, TokenRecord
from tokenguard.respond.channel import NEEDS_TOKEN, Channel
from tokenguard.respond.intent import Intent
from tokenguard.respond.journal import Closing, Entry, Journal

Channels = Mapping[str, Channel]
"""By the name of their issuer."""

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


def preview(intents: Sequence[Intent], channels: Channels) -> list[Settled]:
    """What would become of each, in their order. Nothing is written down and nothing dies."""

    def ask(distinct: Sequence[Intent]) -> list[Settled]:
        settled: dict[int, Settled] = {}
        for batch in _batches(distinct, channels):
            settled.update(_asked(batch, channels, dry_run=True))
        return [settled[index] for index in range(len(distinct))]

    return _once(intents, ask)


def revoke(intents: Sequence[Intent], channels: Channels, journal: Journal) -> list[Settled]:
    """Kill each token, once; what became of each, in the order of `intents`.

    Raises:
        JournalError: they could not be written down: nothing was sent.
    """
    return _once(intents, lambda distinct: _finish(journal.write(distinct), channels, journal))


def resume(journal: Journal, channels: Channels) -> list[Settled]:
    """Finish what is pending, the oldest first.

    Raises:
        JournalError: it cannot be read.
    """
    return _finish(journal.pending(), channels, journal)


def _once(intents: Sequence[Intent], ask: Callable[[Sequence[Intent]], list[Settled]]) -> list[Settled]:
    """The outcome of each intent; a token that several of them mean is asked about once."""
    distinct = {(intent.issuer, intent.identity): intent for intent in intents}
    settled = dict(zip(distinct, ask(list(distinct.values())), strict=True))
    return [replace(settled[intent.issuer, intent.identity], intent=intent) for intent in intents]


def _finish(entries: Sequence[Entry], channels: Channels, journal: Journal) -> list[Settled]:
    """Ask about each and close it. Whatever ends this early, the rest stays open and is told as unreachable."""
    settled: dict[int, Settled] = {}
    silent: set[str] = set()
    try:
        for batch in _batches([entry.intent for entry in entries], channels):
            if batch[0][1].issuer in silent:
                done = {index: _unreached(intent, _NOT_ASKED) for index, intent in batch}
            else:
                done = _asked(batch, channels, dry_run=False)
            if all(each.outcome is Outcome.UNREACHABLE and each.detail != NEEDS_TOKEN for each in done.values()):
                silent.add(batch[0][1].issuer)
            settled.update(_recorded(done, entries, journal))
    except KeyboardInterrupt:
        pass
    return [settled.get(index) or _unreached(entry.intent, _INTERRUPTED) for index, entry in enumerate(entries)]


def _recorded(done: dict[int, Settled], entries: Sequence[Entry], journal: Journal) -> dict[int, Settled]:
    try:
        journal.settle([Closing(entries[index], each.outcome, each.detail) for index, each in done.items()])
    except JournalError as error:
        # Said, and not written down: the entries stay open, and asking again kills nothing twice.
        return {index: replace(each, unrecorded=str(error)) for index, each in done.items()}
    return done


_Numbered = tuple[int, Intent]


def _batches(intents: Sequence[Intent], channels: Channels) -> Iterator[list[_Numbered]]:
    """Those of one issuer and one reason together, as many as its channel takes."""
    groups: dict[tuple[str, str, bool], list[_Numbered]] = {}
    for index, intent in enumerate(intents):
        groups.setdefault((intent.issuer, intent.reason, intent.all_matching), []).append((index, intent))
    for (issuer, _, _), group in groups.items():
        size = channels[issuer].batch if issuer in channels else len(group)
        for start in range(0, len(group), size):
            yield group[start : start + size]


def _asked(batch: list[_Numbered], channels: Channels, *, dry_run: bool) -> dict[int, Settled]:
    """One request's worth: whatever goes wrong with it, it is an outcome."""
    channel = channels.get(batch[0][1].issuer)
    if channel is None:
        why = f"no issuer is called {batch[0][1].issuer} here; configure it, then: tokenguard revoke --resume"
        return {index: _unreached(intent, why) for index, intent in batch}
    results = _answers(channel, [intent for _, intent in batch], dry_run=dry_run)
    now = datetime.now(UTC)
    return {
        index: Settled(intent, result.outcome, now, result.token, result.candidates, result.detail)
        for (index, intent), result in zip(batch, results, strict=True)
    }


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
