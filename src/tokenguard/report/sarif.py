"""The sarif format: SARIF 2.1.0 (OASIS, errata 01) with what GitHub code scanning reads of it.

One result a finding and path. Rules are described in `sarif_rules`; this module has the run and its results.
"""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING, Any

from tokenguard.model.finding import SuppressedBy
from tokenguard.model.report import State
from tokenguard.report.escape import octets, shown
from tokenguard.report.json_encoding import encode
from tokenguard.report.place import places
from tokenguard.report.revocation import by_fingerprint
from tokenguard.report.sarif_rules import level, message, rule_objects
from tokenguard.report.summary import counted
from tokenguard.report.uri import is_below_root, reference

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

    from tokenguard.model.finding import Finding, Location, Suppressed
    from tokenguard.model.report import Report, Revocation
    from tokenguard.report.format import Options
    from tokenguard.report.place import Place

name = "sarif"

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

_ROOT = "%SRCROOT%"
_MAX_LOCATIONS = 1000
"""GitHub refuses a whole file in which one result has more."""


def write(report: Report, out: TextIO, options: Options) -> None:
    """Write one log with one run."""
    out.write(encode({"$schema": SCHEMA, "version": "2.1.0", "runs": [_run(report, options)]}, indent=2) + "\n")


def _run(report: Report, options: Options) -> dict[str, Any]:
    rules = rule_objects(report)
    index = {rule["id"]: position for position, rule in enumerate(rules)}
    return {
        "tool": {
            "driver": {
                "name": "tokenguard",
                "version": report.version,
                "rules": rules,
                "notifications": [{"id": code} for code in sorted(_notification_codes(report))],
            },
        },
        "invocations": [_invocation(report, options)],
        "originalUriBaseIds": {_ROOT: {"description": {"text": "The root of what was scanned."}}},
        "results": list(_results(report, index)),
        # All three, so that a lone carriage return counts as a line end here as it does in the scan.
        "newlineSequences": ["\r\n", "\n", "\r"],
        "columnKind": "unicodeCodePoints",
        "properties": {
            "ruleset": report.ruleset,
            "state": report.state.value,
            "blobs": report.coverage.blobs,
            "bytes": report.coverage.bytes,
            "commits": report.coverage.commits,
            "samples": report.coverage.samples,
            "remembered": report.coverage.remembered,
        },
    }


def _invocation(report: Report, options: Options) -> dict[str, Any]:
    invocation: dict[str, Any] = {"executionSuccessful": report.state is State.COMPLETE}
    notifications = [_notification("skipped", item.what, item.why) for item in report.skipped]
    notifications += [_notification(error.code, error.what, error.why) for error in report.errors]
    if notifications:
        invocation["toolExecutionNotifications"] = notifications
    if options.started is not None:
        invocation["startTimeUtc"] = _utc(options.started)
    if options.finished is not None:
        invocation["endTimeUtc"] = _utc(options.finished)
    return invocation


def _notification(code: str, what: str, why: str) -> dict[str, Any]:
    return {"level": "error", "descriptor": {"id": code}, "message": message(f"Not read: {shown(what)}: {shown(why)}")}


def _notification_codes(report: Report) -> set[str]:
    codes = {error.code for error in report.errors}
    return codes | {"skipped"} if report.skipped else codes


def _utc(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _results(report: Report, index: dict[str, int]) -> Iterator[dict[str, Any]]:
    seen: dict[tuple[str, str], int] = {}
    revocations = by_fingerprint(report)
    for finding, suppressed in _all_findings(report):
        for place in places(finding):
            key = (finding.fingerprint, place.path)
            seen[key] = seen.get(key, 0) + 1
            result = _result(place, index[finding.rule_id], ordinal=seen[key])
            if revoked := revocations.get(finding.fingerprint):
                result["properties"]["revocations"] = [_revocation(each) for each in revoked]
            if suppressed:
                result["suppressions"] = [_suppression(suppressed)]
            yield result


def _all_findings(report: Report) -> Iterator[tuple[Finding, Suppressed | None]]:
    # Unsuppressed first: their ordinals, and with them GitHub's alerts, do not depend on what is suppressed.
    for finding in report.findings:
        yield finding, None
    for suppressed in report.suppressed:
        yield suppressed.finding, suppressed


def _result(place: Place, rule_index: int, *, ordinal: int) -> dict[str, Any]:
    finding = place.finding
    return {
        "ruleId": finding.rule_id,
        "ruleIndex": rule_index,
        "level": level(finding.severity),
        "message": message(_sentence(place)),
        "locations": [_location(place, location) for location in place.locations[:_MAX_LOCATIONS]],
        "partialFingerprints": {"primaryLocationLineHash": _line_hash(place, ordinal)},
        "properties": {
            "fingerprint": finding.fingerprint,
            "redacted": finding.redacted,
            "prefix": finding.prefix,
            "token_sha256": finding.token_sha256,
            "status": finding.status.value,
            "severity": finding.severity.value,
            "locationCount": len(place.locations),
        },
    }


def _sentence(place: Place) -> str:
    more = len(place.locations) - 1
    also = f", and at {counted(more, 'more location')} under this path" if more else ""
    return f"{shown(place.finding.title)}: {shown(place.finding.redacted)}{also}."


def _line_hash(place: Place, ordinal: int) -> str:
    """Stays the same while the secret stays in the file, wherever its line moves."""
    named = b"\0".join((place.finding.fingerprint.encode(), octets(place.path)))
    return f"{hashlib.sha256(named).hexdigest()[:16]}:{ordinal}"


def _location(place: Place, location: Location) -> dict[str, Any]:
    result: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": _artifact(place.file),
            "region": {
                "startLine": location.line,
                "startColumn": location.column,
                "endLine": location.end_line,
                "endColumn": location.end_column,
            },
        },
        "properties": _origin(location),
    }
    if not place.is_file:
        holder = location.blob or location.commit or location.ref
        result["logicalLocations"] = [
            {
                "name": place.path,
                "kind": "object",
                "fullyQualifiedName": f"{holder}:{place.path}" if holder else place.path,
            },
        ]
    return result


def _artifact(path: str) -> dict[str, str]:
    if is_below_root(path):
        return {"uri": reference(path), "uriBaseId": _ROOT}
    return {"uri": reference(path)}


def _origin(location: Location) -> dict[str, Any]:
    origin = {
        "source": location.source,
        "blob": location.blob,
        "commit": location.commit,
        "author": location.author,
        "date": location.date,
        "reachable": location.reachable,
        "ref": location.ref,
        "via": list(location.via) or None,
        "time": location.time,
        "command": location.command,
    }
    return {key: value for key, value in origin.items() if value is not None}


def _revocation(revocation: Revocation) -> dict[str, str]:
    return {"issuer": revocation.issuer, "outcome": revocation.outcome.value, "at": revocation.at}


def _suppression(suppressed: Suppressed) -> dict[str, Any]:
    suppression: dict[str, Any] = {
        "kind": "inSource" if suppressed.by is SuppressedBy.INLINE else "external",
        # What the scanned change allows itself is not settled until a reviewer has seen it.
        "status": "underReview" if suppressed.in_change else "accepted",
        "justification": suppressed.reason,
        "properties": {"by": suppressed.by.value},
    }
    if suppressed.expires:
        suppression["properties"]["expires"] = suppressed.expires
    return suppression
