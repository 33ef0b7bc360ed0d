"""A provider's API, described as data (`tokenguard.model.issuer`), as an Issuer.

The API has the last word: what its description does not explain is not known, never taken for dead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from tokenguard.errors import UnavailableError
from tokenguard.model.finding import Status
from tokenguard.model.issuer import CREDENTIAL_REFUSED, IssuerApi, Step
from tokenguard.model.revocation import Outcome, TargetResult
from tokenguard.model.secret import Secret
from tokenguard.respond.described import WOULD, DescribedCalls, Heard
from tokenguard.respond.http import Http
from tokenguard.respond.issuer import Suspect
from tokenguard.respond.template import Filling
from tokenguard.scan.redact import visible

T = TypeVar("T")

_SILENT = 2
"""So many tokens in a row without an answer, and the rest is not asked about: each would wait as long."""
_NEEDS_TOKEN = "it takes the token itself, which is not where it was found any more"  # noqa: S105 - a message


class ApiIssuer:
    """Verifies and revokes over a described API, one token after the other. Not for several threads at once.

    `operator` is a token of the user's own for that API. It is tried first; the leaked one is its owner's for certain,
    and so sees its own record where the operator's does not.
    """

    def __init__(self, api: IssuerApi, http: Http, *, operator: Secret | None = None) -> None:
        self._api = api
        self._calls = DescribedCalls(http)
        self._operator = operator

    @property
    def name(self) -> str:
        """Host and port of the API."""
        return self._calls.name

    @property
    def needs_value(self) -> bool:
        """Whether it takes the token itself to kill one: as the credential of a call, or as what is sent."""
        asked = _placeholders(self._api.revoke)
        return "token" in asked or ("credential" in asked and self._operator is None)

    def close(self) -> None:
        """Let go of the connections."""
        self._calls.close()

    def verify(self, suspects: Sequence[Suspect]) -> list[Status]:
        """As the Protocol says."""
        return _patiently(suspects, lambda suspect, _: self._status(suspect), lambda *_: Status.UNVERIFIED)

    def revoke(self, suspects: Sequence[Suspect], *, reason: str, dry_run: bool) -> list[TargetResult]:
        """As the Protocol says. A dry run asks what can be asked without changing anything."""

        def kill(suspect: Suspect, index: int) -> TargetResult:
            fate = self._fate(suspect, reason, dry_run=dry_run)
            return TargetResult(index, fate.outcome, detail=fate.detail)

        return _patiently(suspects, kill, lambda index, why: TargetResult(index, Outcome.UNREACHABLE, detail=why))

    def _status(self, suspect: Suspect) -> Status:
        """Raises UnavailableError where the API does not answer."""
        if not self._api.verify:
            return Status.UNKNOWN
        heard = self._calls.walk(
            self._api.verify, _filling(suspect, self._api.verify, "", self._operator), dry_run=False
        )
        if heard.lacks_token:
            return Status.UNVERIFIED
        known = {status.value: status for status in Status}
        return known.get(heard.means, Status.UNKNOWN)

    def _fate(self, suspect: Suspect, reason: str, *, dry_run: bool) -> _Fate:
        """Raises UnavailableError where the API does not answer."""
        if not self._api.revoke:
            return _Fate(Outcome.REFUSED, f"no documented call revokes it. {_by_hand(suspect)}")
        heard, operator_refused = Heard(Outcome.NOT_FOUND.value), False
        if self._operator is not None:
            heard = self._attempt(suspect, reason, self._operator, dry_run=dry_run)
            operator_refused = heard.means == CREDENTIAL_REFUSED
        if self._operator is None or (self._leaked_one_may_do(heard) and suspect.secret() is not None):
            heard = self._attempt(suspect, reason, None, dry_run=dry_run)
        if heard.lacks_token:
            return _Fate(Outcome.UNREACHABLE, _NEEDS_TOKEN)
        if heard.means in {WOULD, CREDENTIAL_REFUSED, Outcome.NOT_FOUND.value}:
            return self._by_its_status(suspect, heard, operator_refused=operator_refused)
        outcomes = {outcome.value: outcome for outcome in Outcome}
        outcome = outcomes.get(heard.means, Outcome.UNREACHABLE)
        return _Fate(outcome, heard.detail or (_by_hand(suspect) if outcome is Outcome.REFUSED else ""))

    def _attempt(self, suspect: Suspect, reason: str, credential: Secret | None, *, dry_run: bool) -> Heard:
        return self._calls.walk(
            self._api.revoke, _filling(suspect, self._api.revoke, reason, credential), dry_run=dry_run
        )

    def _leaked_one_may_do(self, heard: Heard) -> bool:
        """Whether the same calls with the leaked token may come to more than they did with the operator's."""
        uncertain = {CREDENTIAL_REFUSED, Outcome.NOT_FOUND.value}
        return "credential" in _placeholders(self._api.revoke) and heard.means in uncertain

    def _by_its_status(self, suspect: Suspect, heard: Heard, *, operator_refused: bool) -> _Fate:
        """What has become of a token where the calls that revoke did not tell: whether it lives decides.

        A leaked token that may not list is not dead for that; one that is on no list may be dead all the same.
        """
        status = self._status(suspect) if not heard.found else Status.ACTIVE
        if status in {Status.REVOKED, Status.EXPIRED}:
            return _Fate(Outcome.ALREADY_REVOKED)
        if heard.means == WOULD:
            return _Fate(Outcome.REVOKED, "" if status is Status.ACTIVE else "not known whether it lives")
        if heard.repeated and status is not Status.ACTIVE:
            return _Fate(Outcome.UNREACHABLE, "the first answer was lost, and the second one says that there is none")
        if heard.means == CREDENTIAL_REFUSED:
            return self._unaccepted(suspect, status, operator_refused=operator_refused)
        return _Fate(Outcome.NOT_FOUND, "its owner's record is not among those that the API shows")

    def _unaccepted(self, suspect: Suspect, status: Status, *, operator_refused: bool) -> _Fate:
        if operator_refused:
            return _Fate(Outcome.REFUSED, "the operator's token is not accepted there")
        if self._api.verify and status is not Status.ACTIVE:
            return _Fate(Outcome.UNREACHABLE, "the API does not take the leaked token, nor tell whether it lives")
        return _Fate(Outcome.REFUSED, f"the API does not let the leaked token do it. {_by_hand(suspect)}")


@dataclass(frozen=True, slots=True)
class _Fate:
    outcome: Outcome
    detail: str = ""


def _placeholders(steps: Sequence[Step]) -> frozenset[str]:
    return frozenset(name for step in steps for name in step.placeholders())


def _filling(suspect: Suspect, steps: Sequence[Step], reason: str, credential: Secret | None) -> Filling:
    """What is known of the token; it is read again only where a step cannot do without."""
    wanted = _placeholders(steps)
    texts = {"reason": reason, "prefix": suspect.prefix, "sha256": suspect.token_sha256 or ""}
    secrets = {} if credential is None else {"credential": credential}
    missing = wanted - {name for name, text in texts.items() if text or name == "reason"} - secrets.keys() - {"id"}
    value = suspect.secret() if missing else None
    if value is not None:
        # What the token itself says counts for more than what a report says of it.
        texts |= {"prefix": visible(suspect.rule, value) or suspect.prefix, "sha256": value.sha256()}
        secrets = {"credential": value} | secrets | {"token": value}
    return Filling({name: text for name, text in texts.items() if text or name == "reason"}, secrets)


def _by_hand(suspect: Suspect) -> str:
    return suspect.rule.remediation or "Revoke it where it was issued."


def _patiently(
    suspects: Sequence[Suspect], ask: Callable[[Suspect, int], T], silent: Callable[[int, str], T]
) -> list[T]:
    """What `ask` gives for each; `silent` for those that got no answer, and for all after too many of them."""
    results: list[T] = []
    unanswered = 0
    for index, suspect in enumerate(suspects):
        if unanswered >= _SILENT:
            results.append(silent(index, "not asked: the API did not answer before"))
            continue
        try:
            results.append(ask(suspect, index))
            unanswered = 0
        except UnavailableError as error:
            unanswered += 1
            results.append(silent(index, str(error)))
    return results
