"""A scan's findings, handed in to a token store as leaks: what its responders need to know, and not the whole report.

What is sent of a finding is its rule, visible prefix, hash and fingerprint, and where it stands. The secret is not in
a report; lines around it, authors and commands stay here too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from tokenguard.config.ci import blob_link

if TYPE_CHECKING:
    from tokenguard.model.finding import Finding, Location
    from tokenguard.model.report import Report
    from tokenguard.model.service import TokenService

_AT_ONCE = 1000
"""Findings of one call: far below what a server takes."""
_MOST_PLACES = 100
"""Of one finding; the store keeps no more."""


def hand_in(service: TokenService, report: Report, environ: Mapping[str, str]) -> int:
    """Hand in every finding that counts; how many leaks that is. Without a finding nothing is sent.

    Raises:
        RefusedError: the token may not (leaks:report), or the store does not take the report.
        UnavailableError: it does not answer. What was handed in before stays.
    """
    leaks: set[str] = set()
    for findings in _batches(report.findings):
        # The schema is that of the whole report, of which this is a part.
        said = {"schema": "tokenguard/report/1", "findings": [_finding(each, environ) for each in findings]}
        leaks.update(match.id for match in service.report_leaks(said))
    return len(leaks)


def _batches(findings: tuple[Finding, ...]) -> Iterator[tuple[Finding, ...]]:
    for start in range(0, len(findings), _AT_ONCE):
        yield findings[start : start + _AT_ONCE]


def _finding(finding: Finding, environ: Mapping[str, str]) -> dict[str, Any]:
    return {
        "rule_id": finding.rule_id,
        "prefix": finding.prefix,
        "token_sha256": finding.token_sha256,
        "fingerprint": finding.fingerprint,
        "locations": [_location(each, environ) for each in finding.locations[:_MOST_PLACES]],
    }


def _location(location: Location, environ: Mapping[str, str]) -> dict[str, Any]:
    said = {
        "source": location.source,
        "path": location.path,
        "commit": location.commit,
        "date": location.date,
        "time": location.time,
        "url": blob_link(environ, location.commit, location.path) if location.commit else None,
    }
    return {key: value for key, value in said.items() if value}
