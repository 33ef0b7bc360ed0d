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
    settled = Allowances(standing, settings.ignore, _baseline(settings, sight), sight.named_below)
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


def _baseline(settings: Settings, sight: Sight) -> Baseline:
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


def _inside(read_inside: ReadInside | None, path: str | None) -> Baseline:
    data = read_inside(path) if read_inside is not None and path is not None else None
    return parse(data, path or "") if data is not None else Baseline()


def _proposal(sight: Sight, settings: Settings, inline: Inline) -> Proposal:
    said = parsed(sight.proposed)
    path = _named_baseline(said)
    if settings.baseline is not None and sight.top is not None:
        path = within(settings.baseline, sight.top)
    added = {key: each for key, each in inline.items() if not each.standing}
    allowances = Allowances(added, said.ignore, _inside(sight.proposed, path))
    return Proposal(allowances, strict=sight.strict or settings.strict_allow)


def _named_baseline(said: FileSettings) -> str | None:
    if not said.values:
        return None
    from tokenguard.config.resolve import resolve  # start-up time: most repositories configure nothing

    return resolve(environ={}, repository=said).repository_baseline
