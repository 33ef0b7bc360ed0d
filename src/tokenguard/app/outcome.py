"""How a scan ends: the report, and what is said beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokenguard import __version__
from tokenguard.model import Report
from tokenguard.model.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from tokenguard.app.collect import Collector
    from tokenguard.model import Finding, RuleSet, Suppressed


@dataclass(frozen=True, slots=True)
class Outcome:
    """The report, and what is said beside it, a line each."""

    report: Report
    notes: tuple[str, ...] = ()


def report_of(
    collector: Collector, ruleset: RuleSet, findings: tuple[Finding, ...], suppressed: tuple[Suppressed, ...]
) -> Report:
    """The report of what was collected, with these findings."""
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
