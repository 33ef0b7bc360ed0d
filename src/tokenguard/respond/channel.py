"""The ways to whoever can revoke: an issuer for suspects that a scan found, a token service for what a person names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Protocol

from tokenguard.model.finding import Status
from tokenguard.model.leak import LeakPlace
from tokenguard.model.revocation import Outcome, Target, TargetResult
from tokenguard.model.rule import Rule
from tokenguard.model.secret import Secret
from tokenguard.model.service import TokenService
from tokenguard.respond.intent import Intent
from tokenguard.respond.issuer import Issuer, Suspect

NEEDS_TOKEN = "pending: needs the token"  # noqa: S105 - a message
"""What is said where an issuer wants the value and its location no longer holds it."""

ReadAgain = Callable[[Intent], Secret | None]
"""Gives the value of an intent's token from where it was found; None: it is not there any more."""


class Channel(Protocol):
    """One way; it does not raise for what an issuer says, or does not say."""

    @property
    def name(self) -> str:
        """The issuer's, as in the intents that go this way."""
        ...

    @property
    def batch(self) -> int:
        """How many intents may be asked about at once."""
        ...

    def revoke(self, intents: Sequence[Intent], *, dry_run: bool) -> list[TargetResult]:
        """Kill each; a result each, in their order. All have the same reason, and one place where they were seen."""
        ...


@dataclass(frozen=True, slots=True)
class IssuerChannel:
    """The way to an issuer, by what a scan or a report knows of a token."""

    issuer: Issuer
    rules: Mapping[str, Rule]
    read_again: ReadAgain
    batch: int = 1000

    @property
    def name(self) -> str:
        """The issuer's."""
        return self.issuer.name

    def verify(self, intents: Sequence[Intent]) -> list[Status]:
        """What the issuer knows of each, in their order; `UNVERIFIED` where it could not be asked."""
        return self.issuer.verify([self._suspect(_Look(intent, self.read_again)) for intent in intents])

    def revoke(self, intents: Sequence[Intent], *, dry_run: bool) -> list[TargetResult]:
        """As the Protocol says. Where the value was wanted and is gone, the result says that it is."""
        looks = [_Look(intent, self.read_again) for intent in intents]
        results = self.issuer.revoke(list(map(self._suspect, looks)), reason=intents[0].reason, dry_run=dry_run)
        return [
            result if result.outcome is not Outcome.UNREACHABLE or not look.gone else _gone(look.intent, index)
            for index, (look, result) in enumerate(zip(looks, results, strict=True))
        ]

    def _suspect(self, look: _Look) -> Suspect:
        intent = look.intent
        return Suspect(
            self.rules[intent.rule_id],
            intent.fingerprint,
            intent.prefix,
            intent.token_sha256,
            look,
            _seen(intent.seen) or _place(intent),
        )


@dataclass(slots=True)
class _Look:
    """Reads a token again when it is asked for, and remembers only that it was not there."""

    intent: Intent
    read_again: ReadAgain = field(repr=False)
    gone: bool = field(default=False)

    def __call__(self) -> Secret | None:
        secret = self.read_again(self.intent)
        self.gone = secret is None
        return secret


def _gone(intent: Intent, index: int) -> TargetResult:
    """The issuer wants what is gone. What can never be had again is not kept for later."""
    if intent.locations or intent.token_sha256:
        return TargetResult(index, Outcome.UNREACHABLE, detail=NEEDS_TOKEN)
    return TargetResult(index, Outcome.INVALID, detail="its issuer wants the whole token: give it with --token-stdin")


def _place(intent: Intent) -> LeakPlace:
    # Of several a commit says the most: others have it too, and it stays.
    places = sorted(intent.locations, key=lambda place: place.commit is None)
    first = places[0] if places else None
    return LeakPlace(
        source="tokenguard",
        path=first.path if first else "",
        commit=(first.commit or "") if first else "",
        seen_at=datetime.now(UTC),
    )


def _seen(where: str) -> LeakPlace | None:
    """The place that a person named; None: they did not."""
    if not where:
        return None
    return LeakPlace(url=where) if where.startswith(("https://", "http://")) else LeakPlace(path=where)


@dataclass(frozen=True, slots=True)
class ServiceChannel:
    """The way to a token store, by what a person named: an id, a hash, a visible prefix, or the token itself."""

    name: str
    service: TokenService
    tokens: Mapping[str, Secret] = field(default_factory=dict, repr=False)
    """Tokens that were handed over just now, by the identity of their intents; gone with the process."""
    batch: int = 1000

    def revoke(self, intents: Sequence[Intent], *, dry_run: bool) -> list[TargetResult]:
        """As the Protocol says."""
        targets = [self._target(intent) for intent in intents]
        sent = [(index, target) for index, target in enumerate(targets) if target is not None]
        results = [_gone(intent, index) for index, intent in enumerate(intents)]
        if sent:
            answers = self.service.revoke(
                [target for _, target in sent],
                reason=intents[0].reason,
                leak=_seen(intents[0].seen),
                all_matching=intents[0].all_matching,
                dry_run=dry_run,
            )
            for (index, _), answer in zip(sent, answers, strict=True):
                results[index] = replace(answer, target_index=index)
        return results

    def _target(self, intent: Intent) -> Target | None:
        if intent.token_id:
            return Target(id=intent.token_id)
        if (token := self.tokens.get(intent.identity)) is not None:
            return Target(token=token)
        if intent.token_sha256:
            return Target(token_sha256=intent.token_sha256)
        if intent.prefix and not intent.fingerprint:
            return Target(prefix=intent.prefix, family=intent.rule_id or None)
        return None
