"""The junit format: a failed test case a finding and path, an error for what was not read, a skip for a suppression."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from tokenguard.report.escape import flowed, shown
from tokenguard.report.place import places
from tokenguard.report.revocation import by_fingerprint, words
from tokenguard.report.summary import counted, summary

if TYPE_CHECKING:
    from typing import TextIO

    from tokenguard.model.finding import Finding, Location, Suppressed
    from tokenguard.model.report import Report, Revocation
    from tokenguard.report.format import Options
    from tokenguard.report.place import Place

name = "junit"

_COMPLETENESS = "everything that was asked for was read"


def write(report: Report, out: TextIO, _options: Options) -> None:
    """Write one suite; a clean scan is one passed case, since some readers refuse an empty suite."""
    revocations = by_fingerprint(report)
    cases = [
        _failure(report, place, revocations.get(finding.fingerprint, []))
        for finding in report.findings
        for place in places(finding)
    ]
    cases += [_skip(suppressed) for suppressed in report.suppressed]
    cases.append(_completeness(report))
    suite = ET.Element("testsuite", _counts(cases), name="tokenguard")
    suite.extend(cases)
    ET.SubElement(suite, "system-out").text = summary(report)
    root = ET.Element("testsuites", _counts(cases), name="tokenguard")
    root.append(suite)
    ET.indent(root)
    # The declaration is ours: ElementTree would name the locale's encoding.
    out.write('<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n")


def _counts(cases: list[ET.Element]) -> dict[str, str]:
    outcomes = {"failures": "failure", "errors": "error", "skipped": "skipped"}
    counts = {key: str(sum(case.find(tag) is not None for case in cases)) for key, tag in outcomes.items()}
    return {"tests": str(len(cases)), **counts}


def _case(finding: Finding, path: str) -> ET.Element:
    title = f"{shown(finding.title)} {shown(finding.redacted)} in {shown(path)}"
    return ET.Element("testcase", classname=f"tokenguard.{shown(finding.rule_id)}", name=title)


def _failure(report: Report, place: Place, revocations: list[Revocation]) -> ET.Element:
    finding = place.finding
    case = _case(finding, place.path)
    if place.is_file:
        case.set("file", shown(place.path))
        case.set("line", str(place.first.line))
    title = f"{finding.severity.value}: {shown(finding.title)} {shown(finding.redacted)}"
    failure = ET.SubElement(case, "failure", type=shown(finding.rule_id), message=title)
    about = [f"fingerprint {finding.fingerprint}", f"status {finding.status.value}"]
    failure.text = "\n".join([*about, *_fate(revocations), *_lines(place), *_remedy(report, finding)])
    return case


def _fate(revocations: list[Revocation]) -> list[str]:
    return [f"revocation: {words(each)} at {shown(each.issuer)}, {shown(each.at)}" for each in revocations]


def _lines(place: Place) -> list[str]:
    return [_line(location) for location in place.locations]


def _line(location: Location) -> str:
    where = f"{shown(location.path)}:{location.line}:{location.column}"
    commit = f" commit {shown(location.commit)}" if location.commit else ""
    return where + commit


def _remedy(report: Report, finding: Finding) -> list[str]:
    return [flowed(rule.remediation) for rule in report.rules if rule.id == finding.rule_id and rule.remediation]


def _skip(suppressed: Suppressed) -> ET.Element:
    finding = suppressed.finding
    paths = [place.path for place in places(finding)]
    more = f" and {counted(len(paths) - 1, 'other path')}" if len(paths) > 1 else ""
    case = _case(finding, paths[0] if paths else "")
    change = "allowed by this very change, " if suppressed.in_change else ""
    ET.SubElement(case, "skipped", message=f"{change}{suppressed.by.value}: {shown(suppressed.reason)}{more}")
    return case


def _completeness(report: Report) -> ET.Element:
    case = ET.Element("testcase", classname="tokenguard", name=_COMPLETENESS)
    problems = [f"{shown(error.code)}: {shown(error.what)}: {shown(error.why)}" for error in report.errors]
    problems += [f"not read: {shown(skipped.what)}: {shown(skipped.why)}" for skipped in report.skipped]
    if problems:
        error = ET.SubElement(case, "error", type="incomplete", message=f"the scan is incomplete: {problems[0]}")
        error.text = "\n".join(problems)
    return case
