"""The gitlab format: GitLab's secret detection report, schema 15.0.7 (what every GitLab since 15.0 takes).

One vulnerability a finding and path. GitLab knows no suppressions: they are counted in the scan's messages.
"""

from __future__ import annotations

import hashlib
import time
import uuid
from typing import TYPE_CHECKING, Any

from tokenguard.model.report import State
from tokenguard.report.escape import octets, shown
from tokenguard.report.json_encoding import encode
from tokenguard.report.markup import code, prose
from tokenguard.report.place import places
from tokenguard.report.revocation import by_fingerprint, words
from tokenguard.report.summary import counted

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TextIO

    from tokenguard.model.finding import Location
    from tokenguard.model.report import Report, Revocation
    from tokenguard.model.rule import Rule
    from tokenguard.report.format import Options
    from tokenguard.report.place import Place

name = "gitlab"

VERSION = "15.0.7"
_NO_COMMIT = "0000000"
"""The schema demands a commit; this is what GitLab's own analyzer writes where there is none."""
_MAX_NAME = 255
_MAX_PROSE = 7000
"""The schema's limits, in characters."""


def write(report: Report, out: TextIO, options: Options) -> None:
    """Write the report; a time that the options do not have is the time of writing."""
    rules = {rule.id: rule for rule in report.rules}
    revocations = by_fingerprint(report)
    document = {
        "version": VERSION,
        "scan": _scan(report, options),
        "vulnerabilities": [
            _vulnerability(place, rules.get(finding.rule_id), revocations.get(finding.fingerprint, []))
            for finding in report.findings
            for place in places(finding)
        ],
    }
    out.write(encode(document, indent=2) + "\n")


def _scan(report: Report, options: Options) -> dict[str, Any]:
    tool = {
        "id": "tokenguard",
        "name": "tokenguard",
        "version": report.version,
        "vendor": {"name": "tokenguard"},
    }
    return {
        "analyzer": tool,
        "scanner": tool,
        "type": "secret_detection",
        "start_time": _utc(options.started),
        "end_time": _utc(options.finished),
        # Not "success": GitLab would take what an incomplete scan did not find for fixed.
        "status": "success" if report.state is State.COMPLETE else "failure",
        "messages": list(_messages(report)),
    }


def _utc(seconds: float | None) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def _messages(report: Report) -> Iterable[dict[str, str]]:
    for error in report.errors:
        yield {"level": "fatal", "value": f"{shown(error.code)}: {shown(error.what)}: {shown(error.why)}"}
    for skipped in report.skipped:
        yield {"level": "warn", "value": f"not read: {shown(skipped.what)}: {shown(skipped.why)}"}
    for suppressed in report.suppressed:
        if suppressed.in_change:
            what = f"{shown(suppressed.finding.rule_id)} {suppressed.finding.fingerprint}: {shown(suppressed.reason)}"
            yield {"level": "warn", "value": f"allowed by this very change: {what}"}
    if report.suppressed:
        yield {"level": "info", "value": f"{counted(len(report.suppressed), 'finding')} suppressed"}


def _vulnerability(place: Place, rule: Rule | None, revocations: list[Revocation]) -> dict[str, Any]:
    finding = place.finding
    description = rule.description if rule and rule.description else finding.title
    vulnerability = {
        "id": _identity(place),
        "name": shown(finding.title)[:_MAX_NAME],
        "description": f"{prose(description, limit=_MAX_PROSE)}\n\nToken: {code(finding.redacted)}",
        "severity": finding.severity.value.capitalize(),
        "identifiers": [
            {
                "type": "tokenguard_rule_id",
                "name": f"tokenguard rule {shown(finding.rule_id)}",
                "value": finding.rule_id,
            },
            {
                "type": "cwe",
                "name": "CWE-798",
                "value": "798",
                "url": "https://cwe.mitre.org/data/definitions/798.html",
            },
        ],
        "location": _location(place),
        "raw_source_code_extract": finding.redacted,
        "details": _details(place, revocations),
    }
    if rule and rule.remediation:
        vulnerability["solution"] = prose(rule.remediation, limit=_MAX_PROSE)
    return vulnerability


def _identity(place: Place) -> str:
    """The same for the same secret under the same rule at the same path, in every report."""
    finding = place.finding
    named = b"\0".join((finding.rule_id.encode(), finding.fingerprint.encode(), octets(place.path)))
    return str(uuid.UUID(bytes=hashlib.sha256(named).digest()[:16], version=5))


def _location(place: Place) -> dict[str, Any]:
    first = place.first
    return {
        "file": place.file,
        "start_line": first.line,
        "end_line": first.end_line,
        "commit": _commit(first),
    }


def _commit(location: Location) -> dict[str, str]:
    known = {"sha": location.commit or _NO_COMMIT, "author": location.author, "date": location.date}
    return {key: value for key, value in known.items() if value}


def _details(place: Place, revocations: list[Revocation]) -> dict[str, Any]:
    finding, first = place.finding, place.first
    texts = {
        "fingerprint": ("Fingerprint", finding.fingerprint),
        "token_sha256": ("SHA-256 of the token", finding.token_sha256),
        "status": ("Status", finding.status.value),
        "revocation": ("Revocation", ", ".join(f"{words(each)} at {each.issuer}, {each.at}" for each in revocations)),
        "locations": ("Locations under this path", str(len(place.locations))),
        "ref": ("Ref", first.ref),
        "via": ("Wrapped in", " > ".join(first.via)),
    }
    return {
        key: {"name": label, "type": "text", "value": shown(value)} for key, (label, value) in texts.items() if value
    }
