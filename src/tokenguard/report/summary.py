"""Counts and sizes in words, and the one line that sums a report up; shared by the formats for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenguard.model.finding import Finding
    from tokenguard.model.report import Report

_THOUSAND = 1000


def counted(number: int, noun: str) -> str:
    """`1 blob`, `1,234 blobs`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def size(number: int) -> str:
    """Bytes in decimal units (1 kB = 1,000 B), three figures at most: `812 B`, `5.6 MB`."""
    value = float(number)
    for unit in ("B", "kB", "MB", "GB"):
        if value < _THOUSAND:
            return f"{number} B" if unit == "B" else f"{value:.3g} {unit}"
        value /= _THOUSAND
    return f"{value:,.1f} TB"


def worst_first(report: Report) -> list[Finding]:
    """The findings by severity, else in the report's order: whoever reads only the top reads the worst."""
    return sorted(report.findings, key=lambda finding: -finding.severity.rank)


def rules_to_act_on(report: Report) -> set[str]:
    """The ids of the rules with a finding that may still live: whatever is dead already needs no revocation."""
    if not report.findings:
        return set()
    from tokenguard.model.finding import Status  # start-up time: a clean commit never builds the classes of findings

    dead = {Status.REVOKED, Status.EXPIRED}
    return {finding.rule_id for finding in report.findings if finding.status not in dead}


def summary(report: Report) -> str:
    """Findings, what was read, what was left out, and the state, in one line without a full stop."""
    places = sum(len(finding.locations) for finding in report.findings)
    found = f"{counted(len(report.findings), 'finding')} in {counted(places, 'place')}"
    parts = [
        found if report.findings else "no findings",
        _read(report),
        counted(report.coverage.samples, "published sample") if report.coverage.samples else "",
        _revoked(report),
        f"{len(report.suppressed):,} suppressed" if report.suppressed else "",
        f"{len(report.skipped):,} not read" if report.skipped else "",
        counted(len(report.errors), "error") if report.errors else "",
        f"state {report.state.value}",
    ]
    return "; ".join(part for part in parts if part)


def _revoked(report: Report) -> str:
    dead = sum(revocation.outcome.dead for revocation in report.revocations)
    return f"{dead:,} of {len(report.revocations):,} revoked" if report.revocations else ""


def _read(report: Report) -> str:
    coverage = report.coverage
    commits = f", {counted(coverage.commits, 'commit')}" if coverage.commits else ""
    read = f"{counted(coverage.blobs, 'blob')} ({size(coverage.bytes)}{commits}) read"
    return f"{read}, {coverage.remembered:,} known from an earlier scan" if coverage.remembered else read
