"""The json format: the whole report as one document, schema `tokenguard/report/1` (docs/schemas)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokenguard.report.json_encoding import encode

if TYPE_CHECKING:
    from typing import TextIO

    from tokenguard.model.finding import Finding, Location, Suppressed
    from tokenguard.model.report import Report, Revocation
    from tokenguard.report.format import Options

name = "json"

SCHEMA = "tokenguard/report/1"
"""What the `schema` key says."""

_LAID_OUT = 1000
"""Findings up to which the document is indented: beyond, it is for programs, and takes a tenth of the time to write."""


def write(report: Report, out: TextIO, _options: Options) -> None:
    """Write the document with a line end; indented, unless nobody would read it."""
    many = len(report.findings) + len(report.suppressed) > _LAID_OUT
    out.write(encode(document(report), indent=None if many else 2) + "\n")


def document(report: Report) -> dict[str, Any]:
    """The report as the schema has it."""
    return {
        "schema": SCHEMA,
        "tool": {"name": "tokenguard", "version": report.version},
        "ruleset": report.ruleset,
        "state": report.state.value,
        "coverage": _coverage(report),
        "skipped": [{"what": skipped.what, "why": skipped.why} for skipped in report.skipped],
        "errors": [{"code": error.code, "what": error.what, "why": error.why} for error in report.errors],
        "findings": [finding_object(finding) for finding in report.findings],
        "suppressed": [_suppressed_object(suppressed) for suppressed in report.suppressed],
        "revocations": [_revocation_object(revocation) for revocation in report.revocations],
    }


def finding_object(finding: Finding) -> dict[str, Any]:
    """A finding with all its keys; null where a value is not known."""
    return {
        "rule_id": finding.rule_id,
        "severity": finding.severity.value,
        "title": finding.title,
        "redacted": finding.redacted,
        "prefix": finding.prefix,
        "token_sha256": finding.token_sha256,
        "fingerprint": finding.fingerprint,
        "status": finding.status.value,
        "locations": [location_object(location) for location in finding.locations],
    }


def location_object(location: Location) -> dict[str, Any]:
    """A location with all its keys; null where a value does not apply or is not known."""
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
        "via": list(location.via),
        "time": location.time,
        "command": location.command,
    }


def _coverage(report: Report) -> dict[str, int]:
    return {
        "blobs": report.coverage.blobs,
        "bytes": report.coverage.bytes,
        "commits": report.coverage.commits,
        "skipped": len(report.skipped),
        "suppressed": len(report.suppressed),
        "samples": report.coverage.samples,
        "remembered": report.coverage.remembered,
    }


def _revocation_object(revocation: Revocation) -> dict[str, str]:
    return {
        "fingerprint": revocation.fingerprint,
        "issuer": revocation.issuer,
        "outcome": revocation.outcome.value,
        "at": revocation.at,
    }


def _suppressed_object(suppressed: Suppressed) -> dict[str, Any]:
    return {
        "rule_id": suppressed.finding.rule_id,
        "fingerprint": suppressed.finding.fingerprint,
        "prefix": suppressed.finding.prefix,
        "by": suppressed.by.value,
        "reason": suppressed.reason,
        "expires": suppressed.expires,
        "in_change": suppressed.in_change,
        "locations": [location_object(location) for location in suppressed.finding.locations],
    }
