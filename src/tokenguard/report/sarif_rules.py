"""Rules and messages in SARIF's terms: reportingDescriptor, level, and the escapes of message strings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokenguard.model.rule import Severity
from tokenguard.report.escape import flowed
from tokenguard.report.markup import code, prose

if TYPE_CHECKING:
    from tokenguard.model.report import Report
    from tokenguard.model.rule import Rule

_LEVELS = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
    Severity.INFO: "note",
}
# Scores in the middle of the bands that GitHub shows as critical, high, medium and low.
_SCORES = {
    Severity.CRITICAL: "9.5",
    Severity.HIGH: "8.0",
    Severity.MEDIUM: "5.5",
    Severity.LOW: "2.0",
    Severity.INFO: "0.1",
}
_MAX_NAME = 255
_MAX_DESCRIPTION = 1024
"""GitHub's limits, in characters."""
_EXACT_BITS = 100


def level(severity: Severity) -> str:
    """SARIF's level for a severity."""
    return _LEVELS[severity]


def message(text: str) -> dict[str, str]:
    r"""A message object that shows `text`: no link (`[a](b)`) and no placeholder (`{0}`) may arise from it."""
    for plain, escaped in (("\\", "\\\\"), ("[", "\\["), ("]", "\\]"), ("{", "{{"), ("}", "}}")):
        text = text.replace(plain, escaped)
    return {"text": text}


def rule_objects(report: Report) -> list[dict[str, Any]]:
    """One reportingDescriptor a rule that was searched for, and one for any other rule of a finding."""
    described = {rule.id: _described(rule) for rule in report.rules}
    for finding in (*report.findings, *(suppressed.finding for suppressed in report.suppressed)):
        described.setdefault(finding.rule_id, _descriptor(finding.rule_id, finding.title, finding.severity))
    return list(described.values())


def _described(rule: Rule) -> dict[str, Any]:
    descriptor = _descriptor(rule.id, rule.title, rule.severity, rule.description, rule.remediation)
    descriptor["properties"]["precision"] = _precision(rule)
    return descriptor


def _descriptor(
    rule_id: str,
    title: str,
    severity: Severity,
    description: str = "",
    remediation: str = "",
) -> dict[str, Any]:
    full = flowed(description or title)
    remedy = flowed(remediation) or "Revoke the secret at its issuer, then remove it from the file."
    return {
        "id": rule_id,
        "name": "".join(word.capitalize() for word in rule_id.split("-"))[:_MAX_NAME] or rule_id,
        "shortDescription": message(flowed(title)[:_MAX_DESCRIPTION]),
        "fullDescription": message(full[:_MAX_DESCRIPTION]),
        "defaultConfiguration": {"level": level(severity)},
        "help": {
            **message(f"{full}\n\nWhat to do: {remedy}"),
            "markdown": f"{prose(full)}\n\n**What to do:** {prose(remedy)}\n\nRule: {code(rule_id)}",
        },
        "properties": {
            "security-severity": _SCORES[severity],
            "precision": "high",
            "tags": ["security", "secret", "external/cwe/cwe-798"],
        },
    }


def _precision(rule: Rule) -> str:
    """How often a match is a real secret, in GitHub's words."""
    if rule.token is not None or (rule.random_bits or 0) >= _EXACT_BITS:
        return "very-high"
    return "medium" if rule.min_entropy else "high"
