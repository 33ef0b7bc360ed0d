"""`tokenguard revoke`: what a person names, a report, or what is pending, as intents; and what becomes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tokenguard.app.embedded import user_name
from tokenguard.app.respond import Responder, journal_path
from tokenguard.app.typed import family_of
from tokenguard.errors import UsageError
from tokenguard.model.finding import Finding
from tokenguard.model.revocation import Outcome
from tokenguard.model.rule import Rule, RuleSet
from tokenguard.model.secret import Secret
from tokenguard.respond.entry import Entry
from tokenguard.respond.intent import Intent
from tokenguard.respond.journal import Journal, pending_in
from tokenguard.respond.policy import Action, Policy
from tokenguard.respond.revoke import Settled, preview, resume, revoke

_HASH_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Left:
    """A finding that nobody is asked about, and why."""

    finding: Finding
    why: str
    by_policy: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """The tokens that are to die, and what of a report is left."""

    intents: tuple[Intent, ...] = ()
    shown: tuple[str, ...] = ()
    """Each as it may be shown."""
    left: tuple[Left, ...] = ()


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a plan."""

    dry_run: bool
    settled: tuple[Settled, ...]
    shown: tuple[str, ...]
    left: tuple[Left, ...] = ()

    @property
    def dead(self) -> bool:
        """Everything that was asked for is dead. Of a dry run: was dead before."""
        alive = {Outcome.REVOKED} if self.dry_run else set()
        asked = all(each.outcome.dead and each.outcome not in alive for each in self.settled)
        return asked and all(left.by_policy for left in self.left)

    @property
    def pending(self) -> int:
        """How many stand open in the journal; of a dry run, how many could not be asked about."""
        return sum(each.outcome is Outcome.UNREACHABLE or bool(each.unrecorded) for each in self.settled)


class Planner:
    """Makes plans: who is to be asked about what was named."""

    def __init__(
        self, responder: Responder, ruleset: RuleSet, *, reason: str, all_matching: bool = False, seen: str = ""
    ) -> None:
        self._responder = responder
        self._ruleset = ruleset
        self._reason = reason
        self._all_matching = all_matching
        self._seen = seen

    def of_prefix(self, prefix: str) -> Plan:
        """By a visible prefix, which several tokens may share.

        Raises:
            UsageError: nobody is there who could be asked.
        """
        rules = [rule for rule in self._ruleset.rules if rule.token and prefix.startswith(rule.literal_prefix)]
        rule = max(rules, key=lambda each: len(each.literal_prefix), default=None)
        return self._one(rule, f"{prefix}…", prefix=prefix)

    def of_id(self, token_id: str) -> Plan:
        """By the store's id; raises as `of_prefix`."""
        return self._one(None, token_id, token_id=token_id)

    def of_hash(self, token_sha256: str) -> Plan:
        """By the token's SHA-256; raises as `of_prefix`."""
        return self._one(None, f"sha256 {token_sha256[:_HASH_SHOWN]}…", token_sha256=token_sha256)

    def of_tokens(self, tokens: Sequence[Secret]) -> Plan:
        """By the tokens themselves; raises as `of_prefix`."""
        plans = [self._of_token(token) for token in tokens]
        intents = tuple(intent for plan in plans for intent in plan.intents)
        return Plan(intents, tuple(shown for plan in plans for shown in plan.shown))

    def _of_token(self, token: Secret) -> Plan:
        rule = family_of(token, self._ruleset)
        bits = None if rule is None else rule.random_bits
        prefix = "" if rule is None else token.reveal()[: rule.visible_prefix].decode("ascii")
        # Of a family that is not known here not even the bare hash is kept: it may be a weak one.
        plan = self._one(
            rule,
            f"{prefix}…",
            prefix=prefix,
            token_sha256=token.token_sha256(bits),
            fingerprint=token.fingerprint("" if rule is None else rule.id, bits),
        )
        intent = replace(plan.intents[0], handed_over=True)
        self._responder.hand_over(intent, token)
        return replace(plan, intents=(intent,))

    def _one(  # noqa: PLR0913 - what may be known of a token, each by its name
        self,
        rule: Rule | None,
        shown: str,
        *,
        prefix: str = "",
        token_id: str | None = None,
        token_sha256: str | None = None,
        fingerprint: str = "",
    ) -> Plan:
        rule_id = "" if rule is None else rule.id
        issuer = self._responder.issuer_name(rule_id)
        if issuer is None:
            raise UsageError(self._responder.why_none(rule_id))
        intent = Intent(
            issuer=issuer,
            rule_id=rule_id,
            fingerprint=fingerprint,
            prefix=prefix,
            token_sha256=token_sha256,
            token_id=token_id,
            reason=self._reason,
            all_matching=self._all_matching,
            seen=self._seen,
        )
        return Plan((intent,), (shown,))

    def of_report(self, findings: Sequence[Finding], policy: Policy, root: str) -> Plan:
        """Everything that a report found. Where it has a prefix and no hash, the prefix is to count."""
        intents: list[Intent] = []
        shown: list[str] = []
        left: list[Left] = []
        for finding in findings:
            intent = self._responder.intent(finding, root, self._reason)
            if policy.action(finding) is Action.NOTIFY:
                left.append(Left(finding, "left to people by the policy", by_policy=True))
            elif intent is None:
                left.append(Left(finding, self._responder.why_none(finding.rule_id)))
            else:
                by_prefix = intent.token_sha256 is None and bool(intent.prefix)
                intents.append(replace(intent, fingerprint="") if by_prefix else intent)
                shown.append(f"{finding.redacted} ({finding.fingerprint})")
        return Plan(tuple(intents), tuple(shown), tuple(left))


def carry_out(plan: Plan, responder: Responder, environ: Mapping[str, str], *, yes: bool) -> Done:
    """Kill the tokens of a plan; without `yes`, only say what would become of them.

    Raises:
        JournalError: nothing could be written down, so that nothing was revoked.
    """
    if not yes:
        settled = preview(plan.intents, responder.route)
    elif plan.intents:
        with Journal(journal_path(environ)) as journal:
            settled = revoke(plan.intents, responder.route, journal)
    else:
        settled = []
    return Done(not yes, tuple(settled), plan.shown, plan.left)


def finish_pending(responder: Responder, environ: Mapping[str, str]) -> Done:
    """Finish what is pending.

    Raises:
        JournalError: the journal cannot be read.
    """
    path = journal_path(environ)
    if not pending_in(path):
        return Done(dry_run=False, settled=(), shown=())
    with Journal(path) as journal:
        settled = tuple(resume(journal, responder.route))
    return Done(dry_run=False, settled=settled, shown=tuple(shown_name(each.intent) for each in settled))


def dismiss(numbers: Sequence[int], reason: str, environ: Mapping[str, str]) -> tuple[Entry, ...]:
    """Give up what is pending under these numbers; it is kept who did, and why.

    Raises:
        UsageError: one of them is not pending; nothing is given up.
        JournalError: the journal cannot be used.
    """
    path = journal_path(environ)
    pending = {entry.number: entry for entry in pending_in(path)}
    unknown = [number for number in numbers if number not in pending]
    if unknown:
        known = ", ".join(map(str, pending)) or "none"
        raise UsageError(f"no pending revocation has the number {unknown[0]}", remedy=f"pending are: {known}")
    entries = tuple(pending[number] for number in dict.fromkeys(numbers))
    with Journal(path) as journal:
        journal.dismiss(entries, f"dismissed by {user_name(environ)}: {reason}")
    return entries


def shown_name(intent: Intent) -> str:
    """An intent as people know its token."""
    if intent.prefix:
        return f"{intent.prefix}…"
    if intent.token_id:
        return intent.token_id
    return f"sha256 {intent.token_sha256[:_HASH_SHOWN]}…" if intent.token_sha256 else f"({intent.fingerprint})"
