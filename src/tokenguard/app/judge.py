"""What of the findings counts: allowances and baseline from the right version, applied.

The scan of a change takes them from the revision before it (`settled`); what the change itself says about them
(`proposed`) is told apart, since no change may wave itself through in silence.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tokenguard.app.allow import Allowances, Proposal, suppress
from tokenguard.app.baseline import Baseline, parse, read, within
from tokenguard.app.outcome import Outcome, report_of
from tokenguard.app.sight import ReadInside, Sight, parsed
from tokenguard.config.settings import FileSettings, Settings
from tokenguard.errors import ConfigError

if TYPE_CHECKING:
    from tokenguard.app.collect import Collector
    from tokenguard.model import Allowance, Location, RuleSet

    Inline = Mapping[tuple[str, Location], Allowance]


def judged(collector: Collector, ruleset: RuleSet, sight: Sight, settings: Settings) -> Outcome:
    """The report of what was collected.

    Raises:
        ConfigError: a baseline or the configuration of the scanned change is wrong.
    """
    findings = collector.findings()
    inline = collector.inline()
    standing = {key: each for key, each in inline.items() if each.standing or sight.proposed is None}
    known = _baseline(settings, sight) or Baseline()
    settled = Allowances(standing, settings.ignore, known, sight.named_below)
    verdict = suppress(
        findings,
        settled=settled,
        proposal=_proposal(sight, settings, inline) if sight.proposed is not None else None,
        today=datetime.now(UTC).date(),
        clean=collector.clean,
    )
    notes = [
        *(
            f"{each.where}: this entry expired on {each.expires}: what it covers counts again"
            for each in verdict.expired
        ),
        *(
            f"{each.finding.redacted} ({each.finding.rule_id}): allowed by this very change, which does not count here"
            for each in verdict.refused
        ),
    ]
    return Outcome(report_of(collector, ruleset, verdict.findings, verdict.suppressed), tuple(notes))


def require_baselines(sight: Sight, settings: Settings) -> None:
    """Read every baseline before the scan: a fault in one must not cost what the scan finds, nor wait for a finding.

    Raises:
        ConfigError: one is wrong, or one that the user named is not there.
    """
    known = _baseline(settings, sight)
    if sight.proposed is None:
        return
    proposed = _inside(sight.proposed, _proposed_baseline(sight, settings, _proposed(sight)))
    if settings.baseline is not None and known is None and proposed is None:
        raise ConfigError(
            f"{settings.baseline}: neither in the change nor in the revision before it",
            remedy="commit it, or name one outside of the repository",
        )


def paths_decide(settings: Settings, sight: Sight) -> bool:
    """Whether an entry of the configuration or of the baseline holds for some paths only."""
    ignored = (entry.path is not None for entry in settings.ignore)
    known = _baseline(settings, sight)
    return any(ignored) or any(each.path is not None for each in (known.reasons if known else ()))


def _baseline(settings: Settings, sight: Sight) -> Baseline | None:
    """The baseline as it counts: the user's, unless it lies in the repository whose change is scanned."""
    if settings.baseline is not None:
        inside = within(settings.baseline, sight.top) if sight.top and sight.proposed is not None else None
        if inside is not None:
            return _inside(sight.settled, inside)
        found = read(settings.baseline)
        if found is None:
            raise ConfigError(f"{settings.baseline}: no such file", remedy="make it: tokenguard baseline create")
        return found
    return _inside(sight.settled, settings.repository_baseline)


def _inside(read_inside: ReadInside | None, path: str | None) -> Baseline | None:
    data = read_inside(path) if read_inside is not None and path is not None else None
    return parse(data, path or "") if data is not None else None


def _proposed(sight: Sight) -> Settings:
    said = parsed(sight.proposed)
    if said == FileSettings():
        return Settings()
    from tokenguard.config.resolve import resolve  # start-up time: most repositories configure nothing

    return resolve(environ={}, repository=said)


def _proposed_baseline(sight: Sight, settings: Settings, proposed: Settings) -> str | None:
    if settings.baseline is not None and sight.top is not None:
        return within(settings.baseline, sight.top)
    return proposed.repository_baseline


def _proposal(sight: Sight, settings: Settings, inline: Inline) -> Proposal:
    proposed = _proposed(sight)
    known = _inside(sight.proposed, _proposed_baseline(sight, settings, proposed)) or Baseline()
    added = {key: each for key, each in inline.items() if not each.standing}
    return Proposal(Allowances(added, proposed.ignore, known), strict=sight.strict or settings.strict_allow)
