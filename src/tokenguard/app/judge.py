"""What a scan goes by, and what of its findings counts: configuration, allowances and baseline from the right version.

The scan of a change takes them from the revision before it (`settled`); what the change itself says about them
(`proposed`) is told apart, since no change may wave itself through in silence.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tokenguard import __version__
from tokenguard.app.allow import Allowances, Proposal, suppress
from tokenguard.app.baseline import Baseline, parse, read, within
from tokenguard.app.collect import Collector
from tokenguard.config import file as config_file
from tokenguard.config.file import REPOSITORY_FILE, user_file
from tokenguard.config.resolve import resolve
from tokenguard.config.settings import FileSettings, Layer, Settings
from tokenguard.errors import ConfigError
from tokenguard.model import Allowance, Finding, Location, Report, RuleSet, Suppressed

Inline = Mapping[tuple[str, Location], Allowance]
ReadInside = Callable[[str], bytes | None]
"""Bytes of a file of the repository by its path inside; None when there is none."""


@dataclass(frozen=True, slots=True)
class Sight:
    """Where a scan's configuration stands."""

    environ: Mapping[str, str]
    top: Path | None = None
    """The repository's top folder; None: no repository, or a bare one."""
    named_below: Path | None = None
    """The top, where reports name files as seen from the working folder; None: from the top itself."""
    settled: ReadInside | None = None
    """The repository's files as they count; None: only the user's configuration does."""
    proposed: ReadInside | None = None
    """The same files as a scanned change would have them; None: no change is scanned."""
    strict: bool = False
    """What the change itself allows does not count, whatever the settings say (pre-receive)."""

    def settings(self, flags: Mapping[str, object]) -> Settings:
        """All layers together.

        Raises:
            ConfigError: any of them is wrong, or a file that was named is missing.
        """
        path = user_file(self.environ, sys.platform)
        user = config_file.read(path, Layer.USER) if path is not None else None
        if user is None and self.environ.get("TOKENGUARD_CONFIG"):
            raise ConfigError(f"{path}: no such file", remedy="correct or unset TOKENGUARD_CONFIG")
        repository, notes = self._repository()
        settings = resolve(environ=self.environ, repository=repository, user=user, flags=flags)
        return replace(settings, notes=(*settings.notes, *notes))

    def _repository(self) -> tuple[FileSettings, tuple[str, ...]]:
        """The repository's configuration as it counts.

        Of a change the file that it proposes has to be right; the one before it may be what the change repairs, and
        then allows nothing.
        """
        if self.proposed is None:
            return _parsed(self.settled), ()
        _parsed(self.proposed)
        try:
            return _parsed(self.settled), ()
        except ConfigError as error:
            return FileSettings(), (f"before this change: {error.message}; it allows nothing",)

    def read_inside(self, path: str) -> bytes | None:
        """A file of the repository as it counts."""
        return self.settled(path) if self.settled is not None else None


def _parsed(read_inside: ReadInside | None) -> FileSettings:
    data = read_inside(REPOSITORY_FILE) if read_inside is not None else None
    return config_file.parse(data, REPOSITORY_FILE) if data is not None else FileSettings()


@dataclass(frozen=True, slots=True)
class Outcome:
    """The report, and what is said beside it, a line each."""

    report: Report
    notes: tuple[str, ...] = ()


def judged(collector: Collector, ruleset: RuleSet, sight: Sight, settings: Settings) -> Outcome:
    """The report of what was collected.

    Raises:
        ConfigError: a baseline or the configuration of the scanned change is wrong.
    """
    findings = collector.findings()
    inline = collector.inline()
    if not findings:
        return Outcome(_report(collector, ruleset, (), ()))
    from datetime import UTC, datetime

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
        *(f"{each.where}: this entry expired on {each.expires}: what it covers counts again" for each in verdict.expired),
        *(
            f"{each.finding.redacted} ({each.finding.rule_id}): allowed by this very change, which does not count here"
            for each in verdict.refused
        ),
    ]
    return Outcome(_report(collector, ruleset, verdict.findings, verdict.suppressed), tuple(notes))


def _report(
    collector: Collector, ruleset: RuleSet, findings: tuple[Finding, ...], suppressed: tuple[Suppressed, ...]
) -> Report:
    return Report(
        version=__version__,
        ruleset=ruleset.digest,
        coverage=collector.coverage(),
        findings=findings,
        suppressed=suppressed,
        skipped=collector.skipped(),
        errors=collector.problems(),
        rules=ruleset.rules,
    )


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
    proposed = resolve(environ={}, repository=_parsed(sight.proposed))
    path = proposed.repository_baseline
    if settings.baseline is not None and sight.top is not None:
        path = within(settings.baseline, sight.top)
    added = {key: each for key, each in inline.items() if not each.standing}
    allowances = Allowances(added, proposed.ignore, _inside(sight.proposed, path))
    return Proposal(allowances, strict=sight.strict or settings.strict_allow)
