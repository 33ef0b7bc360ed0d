"""A token store, wherever it is, as an Issuer: it knows tokens by their hash, and needs no value of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from tokenguard.errors import RefusedError, TokenguardError
from tokenguard.model.finding import Status
from tokenguard.model.leak import LeakPlace
from tokenguard.model.revocation import Outcome, Target, TargetResult
from tokenguard.model.service import TokenService
from tokenguard.model.token import TokenFilter, TokenStatus
from tokenguard.respond.issuer import Suspect

_BATCH = 1000
"""Targets that one call takes."""
_PLACES = 50
"""So many places get a call each, so that each token's evidence names its own; of more, what a batch has in common."""
_STATUS = {
    TokenStatus.ACTIVE: Status.ACTIVE,
    TokenStatus.REVOKED: Status.REVOKED,
    TokenStatus.EXPIRED: Status.EXPIRED,
}
PASSING = frozenset({"RATE_LIMITED", "UNAVAILABLE", "UNAUTHORIZED"})
"""Refusals that are not about the token: the same question may get an answer later, or from somebody else."""

_Numbered = tuple[int, Target, LeakPlace]


class StoreIssuer:
    """Verifies and revokes at a token store, by hash; a token whose rule has none is read again and hashed there."""

    needs_value = False

    def __init__(self, service: TokenService, name: str = "store") -> None:
        self.service = service
        self.name = name

    def verify(self, suspects: Sequence[Suspect]) -> list[Status]:
        """As the Protocol says. By listing, which needs security.respond; else by introspection."""
        statuses = [Status.UNVERIFIED] * len(suspects)
        try:
            for index, status in self._statuses(suspects):
                statuses[index] = status
        except RefusedError as error:
            return statuses if error.code in PASSING else [Status.UNKNOWN] * len(suspects)
        except TokenguardError:
            pass  # the rest stays unverified
        return statuses

    def _statuses(self, suspects: Sequence[Suspect]) -> Iterator[tuple[int, Status]]:
        ask = self._listed
        for index, suspect in enumerate(suspects):
            token_sha256 = _hash_of(suspect)
            if token_sha256 is None:
                continue
            try:
                status = ask(token_sha256)
            except RefusedError as error:
                if error.code in PASSING:
                    raise
                ask = self._introspected
                status = ask(token_sha256)
            yield index, status

    def revoke(self, suspects: Sequence[Suspect], *, reason: str, dry_run: bool) -> list[TargetResult]:
        """As the Protocol says; a thousand a call."""
        gone = "no hash is known of it, and it is not where it was found any more"
        results = [TargetResult(index, Outcome.UNREACHABLE, detail=gone) for index in range(len(suspects))]
        for batch, place in _batches(_targets(suspects)):
            for (index, _, _), result in zip(batch, self._revoked(batch, place, reason, dry_run=dry_run), strict=True):
                results[index] = replace(result, target_index=index)
        return results

    def _revoked(
        self, batch: Sequence[_Numbered], place: LeakPlace, reason: str, *, dry_run: bool
    ) -> Sequence[TargetResult]:
        targets = [target for _, target, _ in batch]
        try:
            return self.service.revoke(targets, reason=reason, leak=place, dry_run=dry_run)
        except RefusedError as error:
            outcome = Outcome.UNREACHABLE if error.code in PASSING else Outcome.REFUSED
            why = str(error)
        except TokenguardError as error:
            outcome, why = Outcome.UNREACHABLE, str(error)
        return [TargetResult(index, outcome, detail=why) for index in range(len(batch))]

    def _listed(self, token_sha256: str) -> Status:
        page = self.service.list_tokens(TokenFilter(everyone=True, token_sha256=token_sha256, limit=1))
        return _STATUS[page.tokens[0].status] if page.tokens else Status.UNKNOWN

    def _introspected(self, token_sha256: str) -> Status:
        # Not active may be revoked, expired or never issued: it is not said which.
        active = self.service.introspect(token_sha256=token_sha256).active
        return Status.ACTIVE if active else Status.UNKNOWN


def _hash_of(suspect: Suspect) -> str | None:
    if suspect.token_sha256 is not None:
        return suspect.token_sha256
    value = suspect.secret()
    return None if value is None else value.sha256()


def _targets(suspects: Sequence[Suspect]) -> list[_Numbered]:
    """What can be asked about, with the place without its time: that differs even within one scan."""
    hashes = ((index, suspect, _hash_of(suspect)) for index, suspect in enumerate(suspects))
    return [
        (index, Target(token_sha256=token_sha256), suspect.place)
        for index, suspect, token_sha256 in hashes
        if token_sha256 is not None
    ]


def _batches(numbered: Sequence[_Numbered]) -> Iterator[tuple[Sequence[_Numbered], LeakPlace]]:
    groups: dict[LeakPlace, list[_Numbered]] = {}
    for each in numbered:
        groups.setdefault(replace(each[2], seen_at=None), []).append(each)
    if len(groups) > _PLACES:
        groups = {LeakPlace(): list(numbered)}
    for group in groups.values():
        for start in range(0, len(group), _BATCH):
            batch = group[start : start + _BATCH]
            yield batch, _common([place for _, _, place in batch])


def _common(places: Sequence[LeakPlace]) -> LeakPlace:
    """What all of them say; the earliest time."""

    def shared(read: Callable[[LeakPlace], str]) -> str:
        found = {read(place) for place in places}
        return found.pop() if len(found) == 1 else ""

    times = [place.seen_at for place in places if place.seen_at is not None]
    return LeakPlace(
        source=shared(lambda place: place.source),
        url=shared(lambda place: place.url),
        path=shared(lambda place: place.path),
        commit=shared(lambda place: place.commit),
        seen_at=min(times, default=None),
    )
