"""From findings to outcomes: who is to be asked about which, the way there, and what a report then says.

Everything is made ready before a scan begins, so that a slip in a policy or an issuer costs no scan. A dry run asks,
and kills nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tokenguard.app.issuers import Issuers
from tokenguard.app.reread import Rereader
from tokenguard.config.places import state_folder
from tokenguard.errors import UsageError
from tokenguard.model.finding import Finding, Status
from tokenguard.model.report import Report, Revocation
from tokenguard.model.revocation import Outcome
from tokenguard.model.rule import RuleSet
from tokenguard.respond.channel import Channel, IssuerChannel, ServiceChannel
from tokenguard.respond.handed_over import HandedOver
from tokenguard.respond.intent import Intent
from tokenguard.respond.journal import FILE, Journal
from tokenguard.respond.policy import Action, Policy
from tokenguard.respond.revoke import Settled, preview, revoke
from tokenguard.respond.store_issuer import StoreIssuer
from tokenguard.respond.verify import verify

if TYPE_CHECKING:
    from tokenguard.model.secret import Secret

DEFAULT_REASON = "leaked: found by tokenguard"
NAMED_REASON = "leaked: named by whoever saw it"
"""Where a person names a token that no scan of theirs has found."""

_RESUME = "finish it with: tokenguard revoke --resume"


def journal_path(environ: Mapping[str, str]) -> Path:
    """Where the journal of revocations is.

    Raises:
        UsageError: the environment names no home.
    """
    folder = state_folder(environ, sys.platform)
    if folder is None:
        raise UsageError("no home folder for the journal of revocations", remedy="set HOME or XDG_STATE_HOME")
    return folder / FILE


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for beside the scan."""

    verify: bool = False
    revoke: bool = False
    yes: bool = False
    """Without it a revocation is a dry run."""
    policy: Policy = field(default_factory=Policy)
    reason: str = DEFAULT_REASON


@dataclass(frozen=True, slots=True)
class Response:
    """The report with what became of its findings; what is said beside it; whether everything asked for was done."""

    report: Report
    notes: tuple[str, ...] = ()
    finished: bool = True


class Responder:
    """Asks about findings. It holds no secret: a value is read again where an issuer wants one."""

    def __init__(self, issuers: Issuers, ruleset: RuleSet, environ: Mapping[str, str], *, hook: bool = False) -> None:
        """`hook`: as `Rereader`."""
        self._issuers = issuers
        self._environ = environ
        self._rereader = Rereader(ruleset, environ, hook=hook)
        self._tokens: dict[str, Secret] = {}
        rules = {rule.id: rule for rule in ruleset.rules}
        self._channels = {
            id(issuer): IssuerChannel(issuer, rules, self._read_again) for issuer in issuers.by_rule.values()
        }
        self._store = None if issuers.store is None else ServiceChannel(issuers.store_name, issuers.store, self._tokens)
        self._handed_over = {
            id(issuer): HandedOver(self._channels[id(issuer)], issuer.service, self._tokens)
            for issuer in issuers.by_rule.values()
            if isinstance(issuer, StoreIssuer)
        }

    def hand_over(self, intent: Intent, token: Secret) -> None:
        """Whoever asks for this intent has the token at hand: it need not be read anywhere."""
        self._tokens[intent.identity] = token

    def _read_again(self, intent: Intent) -> Secret | None:
        if (token := self._tokens.get(intent.identity)) is not None:
            return token
        return self._rereader.secret(intent.fingerprint, intent.token_sha256, intent.root, intent.locations)

    def route(self, intent: Intent) -> Channel | None:
        """The way of an intent; None where its issuer serves its rule no longer."""
        named = not intent.fingerprint or not intent.rule_id
        if named and self._store is not None and intent.issuer == self._store.name:
            return self._store
        issuer = self._issuers.by_rule.get(intent.rule_id)
        if issuer is None or issuer.name != intent.issuer:
            return None
        handed_over = self._handed_over.get(id(issuer)) if intent.handed_over else None
        return handed_over or self._channels[id(issuer)]

    def issuer_name(self, rule_id: str) -> str | None:
        """Who serves a rule; of what has none, the store. None: nobody."""
        issuer = self._issuers.by_rule.get(rule_id)
        if issuer is None and rule_id:
            return None
        way = issuer or self._store
        return None if way is None else way.name

    def intent(self, finding: Finding, root: str, reason: str = "") -> Intent | None:
        """A finding as an intent; None: nobody serves its rule."""
        issuer = self._issuers.by_rule.get(finding.rule_id)
        if issuer is None:
            return None
        return Intent(
            issuer=issuer.name,
            rule_id=finding.rule_id,
            fingerprint=finding.fingerprint,
            prefix=finding.prefix,
            token_sha256=finding.token_sha256,
            root=root,
            locations=finding.locations,
            reason=reason,
        )

    def why_none(self, rule_id: str) -> str:
        """Why nobody serves a rule."""
        return self._issuers.why_none(rule_id)

    def respond(self, report: Report, wish: Wish, root: Path) -> Response:
        """Verify and revoke what the report has found, as far as that is wished for.

        `root`: the folder or repository that was scanned; paths of the locations start there.

        Raises:
            JournalError: nothing could be written down, so that nothing was revoked.
        """
        if any(error.code == "interrupted" for error in report.errors):
            return Response(report, ("interrupted: nothing was verified or revoked",), finished=False)
        response = Response(report)
        if wish.verify:
            response = self._verified(response, root)
        if wish.revoke:
            response = self._revoked(response, wish, root)
        return response

    def _verified(self, before: Response, root: Path) -> Response:
        report = before.report
        asked = [(finding, intent) for finding in report.findings if (intent := self.intent(finding, str(root)))]
        statuses = verify([intent for _, intent in asked], lambda intent: self._channels[self._key(intent)])
        known = {finding.fingerprint: status for (finding, _), status in zip(asked, statuses, strict=True)}
        findings = tuple(
            replace(finding, status=known.get(finding.fingerprint, Status.UNKNOWN)) for finding in report.findings
        )
        silent = sorted(
            {intent.issuer for (_, intent), status in zip(asked, statuses, strict=True) if status is Status.UNVERIFIED}
        )
        notes = tuple(f"not verified: {name} did not answer, or wants a token that is gone" for name in silent)
        return Response(replace(report, findings=findings), (*self._unserved(report), *notes), not silent)

    def _key(self, intent: Intent) -> int:
        return id(self._issuers.by_rule[intent.rule_id])

    def _unserved(self, report: Report) -> tuple[str, ...]:
        rules = {finding.rule_id for finding in report.findings} - set(self._issuers.by_rule)
        return tuple(self.why_none(rule_id) for rule_id in sorted(rules))

    def _revoked(self, before: Response, wish: Wish, root: Path) -> Response:
        report = before.report
        chosen = [finding for finding in report.findings if wish.policy.action(finding) is Action.REVOKE]
        left = len(report.findings) - len(chosen)
        notes = [f"{left:,} of the findings left to people by the policy"] if left else []
        asked = [(finding, intent) for finding in chosen if (intent := self.intent(finding, str(root), wish.reason))]
        intents = [intent for _, intent in asked]
        if not wish.verify:
            notes += self._unserved(report)
        if wish.yes:
            with Journal(journal_path(self._environ)) as journal:
                settled = revoke(intents, self.route, journal)
            report = _with_outcomes(report, settled)
            notes += _failures([finding for finding, _ in asked], settled)
        else:
            settled = preview(intents, self.route)
            notes += _would_die([finding for finding, _ in asked], settled)
        reached = all(each.outcome is not Outcome.UNREACHABLE and not each.unrecorded for each in settled)
        served = len(asked) == len(chosen) or not wish.yes
        return Response(report, (*before.notes, *notes), before.finished and reached and served)


def _with_outcomes(report: Report, settled: Sequence[Settled]) -> Report:
    revocations = tuple(
        Revocation(each.intent.fingerprint, each.intent.issuer, each.outcome, rfc3339(each.at)) for each in settled
    )
    dead = {each.fingerprint for each in revocations if each.outcome.dead}
    findings = tuple(
        replace(finding, status=Status.REVOKED) if finding.fingerprint in dead else finding
        for finding in report.findings
    )
    return replace(report, findings=findings, revocations=revocations)


def _would_die(findings: Sequence[Finding], settled: Sequence[Settled]) -> list[str]:
    """Exactly what a revocation would kill, and what not."""
    lines = [
        f"{would(each)}: {finding.redacted} ({finding.rule_id}, fingerprint {finding.fingerprint})"
        for finding, each in zip(findings, settled, strict=True)
    ]
    dying = sum(each.outcome is Outcome.REVOKED for each in settled)
    return [*lines, f"dry run: {dying:,} of {len(settled):,} would be revoked; to do so add --yes"]


def would(settled: Settled) -> str:
    """What would become of one, in words."""
    if settled.outcome is Outcome.REVOKED:
        return f"would be revoked at {settled.intent.issuer}"
    why = f" ({settled.detail})" if settled.detail else ""
    return f"{settled.outcome.value.replace('_', ' ')} at {settled.intent.issuer}{why}"


def _failures(findings: Sequence[Finding], settled: Sequence[Settled]) -> list[str]:
    """One line for each way in which tokens were not killed; the report has them one by one."""
    kinds: dict[tuple[str, Outcome, str], list[str]] = {}
    for finding, each in zip(findings, settled, strict=True):
        if not each.outcome.dead or each.unrecorded:
            why = each.unrecorded or each.detail
            kinds.setdefault((each.intent.issuer, each.outcome, why), []).append(finding.redacted)
    return [
        f"{outcome.value.replace('_', ' ')} at {issuer}: {shown[0]}"
        + (f" and {len(shown) - 1:,} more" if len(shown) > 1 else "")
        + (f": {why}" if why else "")
        + (f"; {_RESUME}" if outcome is Outcome.UNREACHABLE else "")
        for (issuer, outcome, why), shown in kinds.items()
    ]


def rfc3339(moment: datetime) -> str:
    """A time to the second, in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
