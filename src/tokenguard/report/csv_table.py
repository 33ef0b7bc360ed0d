"""The csv format (RFC 4180, UTF-8): a row a location, then rows for what was suppressed, revoked, not read; the state.

A cell that a spreadsheet could take for a formula starts with an apostrophe; so does one that started with one already.
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from tokenguard.report.escape import shown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

    from tokenguard.model.finding import Finding, Location
    from tokenguard.model.report import Report
    from tokenguard.report.format import Options

name = "csv"

COLUMNS = (
    "kind",
    "rule_id",
    "severity",
    "title",
    "redacted",
    "prefix",
    "token_sha256",
    "fingerprint",
    "status",
    "source",
    "path",
    "line",
    "column",
    "end_line",
    "end_column",
    "blob",
    "commit",
    "author",
    "date",
    "reachable",
    "ref",
    "via",
    "time",
    "command",
    "by",
    "reason",
    "expires",
    "in_change",
    "issuer",
    "outcome",
    "at",
)
"""`kind` is finding, suppressed, revocation, skipped, error or summary; the last row is the summary."""

# Also the full-width forms, which some spreadsheets fold to these.
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")

_Row = dict[str, str | int | bool | None]


def write(report: Report, out: TextIO, _options: Options) -> None:
    """Write the header and the rows; lines end in CR LF."""
    table = csv.writer(out)
    table.writerow(COLUMNS)
    for row in _rows(report):
        table.writerow([_cell(row.get(column)) for column in COLUMNS])


def _rows(report: Report) -> Iterator[_Row]:
    for finding in report.findings:
        for location in finding.locations:
            yield {"kind": "finding", **_finding(finding), **_location(location)}
    for suppressed in report.suppressed:
        allowance: _Row = {
            "kind": "suppressed",
            "by": suppressed.by.value,
            "reason": suppressed.reason,
            "expires": suppressed.expires,
            "in_change": suppressed.in_change,
        }
        for location in suppressed.finding.locations:
            yield {**allowance, **_finding(suppressed.finding), **_location(location)}
    yield from _revocations(report)
    for skipped in report.skipped:
        yield {"kind": "skipped", "path": skipped.what, "reason": skipped.why}
    for error in report.errors:
        yield {"kind": "error", "title": error.code, "path": error.what, "reason": error.why}
    yield {"kind": "summary", "status": report.state.value}


def _finding(finding: Finding) -> _Row:
    return {
        "rule_id": finding.rule_id,
        "severity": finding.severity.value,
        "title": finding.title,
        "redacted": finding.redacted,
        "prefix": finding.prefix,
        "token_sha256": finding.token_sha256,
        "fingerprint": finding.fingerprint,
        "status": finding.status.value,
    }


def _revocations(report: Report) -> Iterator[_Row]:
    findings = {finding.fingerprint: finding for finding in report.findings}
    for revocation in report.revocations:
        finding = findings.get(revocation.fingerprint)
        outcome: _Row = {
            "fingerprint": revocation.fingerprint,
            "issuer": revocation.issuer,
            "outcome": revocation.outcome.value,
            "at": revocation.at,
        }
        yield {"kind": "revocation", **(_finding(finding) if finding is not None else {}), **outcome}


def _location(location: Location) -> _Row:
    return {
        "source": location.source,
        "path": location.path,
        "line": location.line,
        "column": location.column,
        "end_line": location.end_line,
        "end_column": location.end_column,
        "blob": location.blob,
        "commit": location.commit,
        "author": location.author,
        "date": location.date,
        "reachable": location.reachable,
        "ref": location.ref,
        "via": " > ".join(location.via),
        "time": location.time,
        "command": location.command,
    }


def _cell(value: str | int | bool | None) -> str:  # noqa: FBT001 - a cell's value, no switch
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = shown(str(value))
    # Spaces in front do not keep every spreadsheet from reading a formula.
    return f"'{text}" if text.lstrip().startswith((*_FORMULA, "'")) else text
