"""The text format: for a person at a terminal, or reading a log. Findings first, the summary line last."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tokenguard.model.report import State
from tokenguard.model.rule import Severity
from tokenguard.report.escape import flowed, shown
from tokenguard.report.summary import counted, rules_to_act_on, summary, worst_first

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

    from tokenguard.model.finding import Finding, Location, Suppressed
    from tokenguard.model.report import Report
    from tokenguard.report.format import Options

name = "text"

_MAX_LOCATIONS = 10
_MAX_TEXT = 1000
"""Characters of one hostile text."""
_MAX_ALIGNED = 60
"""Columns beyond which a long path no longer pushes the others' details to the right."""
_MIN_WIDTH = 40
_INDENT = "  "

# SGR parameters (ECMA-48).
_BOLD, _ALARM = "1", "1;31"
_COLOURS = {
    Severity.CRITICAL: "1;31",
    Severity.HIGH: "31",
    Severity.MEDIUM: "33",
    Severity.LOW: "36",
    Severity.INFO: "2",
}


class _Page:
    """The lines of one report, painted or not."""

    def __init__(self, report: Report, options: Options) -> None:
        self._report = report
        self._colour = options.colour
        self._width = max(options.width, _MIN_WIDTH)

    def sections(self) -> Iterator[list[str]]:
        """Blocks of lines; empty where there is nothing to say."""
        for finding in worst_first(self._report):
            yield self._finding(finding)
        yield self._revocations()
        yield self._remedies()
        change = [item for item in self._report.suppressed if item.in_change]
        yield self._suppressed("Allowed by this very change, to be reviewed", change, _ALARM)
        others = [item for item in self._report.suppressed if not item.in_change]
        yield self._suppressed("Suppressed", others, _BOLD)
        yield self._not_read()
        yield [self._paint(summary(self._report), _ALARM if self._report.state is State.INCOMPLETE else _BOLD)]

    def _paint(self, text: str, parameters: str) -> str:
        return f"\x1b[{parameters}m{text}\x1b[0m" if self._colour else text

    def _finding(self, finding: Finding) -> list[str]:
        severity = self._paint(f"{finding.severity.value:<8}", _COLOURS[finding.severity])
        title = f"{_text(finding.title)}  {self._paint(_text(finding.redacted), _BOLD)}"
        about = f"{_text(finding.rule_id)}, {finding.status.value}, fingerprint {finding.fingerprint}"
        return [f"{severity}  {title}", _INDENT + about, *_locations(finding.locations)]

    def _revocations(self) -> list[str]:
        report = self._report
        if not report.revocations:
            return []
        from tokenguard.report.revocation import words  # start-up time: most scans revoke nothing

        tokens = {finding.fingerprint: finding for finding in report.findings}
        lines = [self._paint(f"Revocations ({len(report.revocations):,})", _BOLD)]
        for each in report.revocations:
            finding = tokens.get(each.fingerprint)
            token = f"{_text(finding.rule_id)}  {_text(finding.redacted)}" if finding else each.fingerprint
            outcome = f"{words(each):<15}"
            painted = outcome if each.outcome.dead else self._paint(outcome, _ALARM)
            lines.append(f"{_INDENT}{painted}  {token}  at {_text(each.issuer)}, {_text(each.at)}")
        return lines

    def _remedies(self) -> list[str]:
        found = rules_to_act_on(self._report)
        lines = []
        for rule in self._report.rules:
            if rule.id in found and rule.remediation:
                lines += [f"{_INDENT}{_text(rule.id)}:", *self._wrapped(flowed(rule.remediation))]
        return [self._paint("What to do", _BOLD), *lines] if lines else []

    def _wrapped(self, text: str) -> list[str]:
        lines = [""]
        for word in text.split():
            if lines[-1] and len(_INDENT * 2 + lines[-1]) + 1 + len(word) > self._width:
                lines.append("")
            lines[-1] = f"{lines[-1]} {word}" if lines[-1] else word
        return [_INDENT * 2 + line for line in lines]

    def _suppressed(self, title: str, suppressed: list[Suppressed], parameters: str) -> list[str]:
        if not suppressed:
            return []
        lines = [self._paint(f"{title} ({len(suppressed):,})", parameters)]
        for item in suppressed:
            expires = f", until {_text(item.expires)}" if item.expires else ""
            token = f"{_text(item.finding.rule_id)}  {_text(item.finding.redacted)}"
            lines.append(f"{_INDENT}{token}  {item.by.value}: {_text(item.reason)}{expires}")
            lines += [_INDENT + line for line in _locations(item.finding.locations)]
        return lines

    def _not_read(self) -> list[str]:
        report = self._report
        if report.state is State.COMPLETE:
            return []
        lines = [self._paint("INCOMPLETE: this was not read, and may hold more", _ALARM)]
        lines += [f"{_INDENT}{_text(item.code)}: {_text(item.what)}: {_text(item.why)}" for item in report.errors]
        by_reason: dict[str, list[str]] = {}
        for skipped in report.skipped:
            by_reason.setdefault(skipped.why, []).append(skipped.what)
        for why, things in by_reason.items():
            lines.append(f"{_INDENT}{_text(why)}")
            lines += [f"{_INDENT * 2}{_text(what)}" for what in things[:_MAX_LOCATIONS]]
            lines += _more(len(things) - _MAX_LOCATIONS, "thing")
        return lines


def write(report: Report, out: TextIO, options: Options) -> None:
    """Write the sections with an empty line between them."""
    sections = ("\n".join(section) for section in _Page(report, options).sections() if section)
    out.write("\n\n".join(sections) + "\n")


def _text(text: str) -> str:
    return shown(text, limit=_MAX_TEXT)


def _locations(locations: tuple[Location, ...]) -> list[str]:
    from tokenguard.report.place import spread  # start-up time: a clean commit has no places

    listed = spread(locations, _MAX_LOCATIONS)
    wheres = [f"{_text(location.path)}:{location.line}:{location.column}" for location in listed]
    width = max((len(where) for where in wheres if len(where) <= _MAX_ALIGNED), default=0)
    lines = [
        f"{_INDENT * 2}{where:<{width}}  {_details(location)}".rstrip()
        for where, location in zip(wheres, listed, strict=True)
    ]
    return lines + _more(len(locations) - len(listed), "place")


def _more(number: int, noun: str) -> list[str]:
    return [f"{_INDENT * 2}and {counted(number, f'more {noun}')}"] if number > 0 else []


def _details(location: Location) -> str:
    parts = [
        _holder(location),
        _text(location.date or location.time or ""),
        _text(location.author or ""),
        _text(location.command or ""),
        _text(location.ref or ""),
        "unreachable" if location.reachable is False else "",
        f"in {' > '.join(map(_text, location.via))}" if location.via else "",
    ]
    return "  ".join(part for part in parts if part)


def _holder(location: Location) -> str:
    if location.commit:
        return f"commit {_short(location.commit)}"
    return f"object {_short(location.blob)}" if location.blob else ""


def _short(object_id: str) -> str:
    """An object id as git abbreviates it in large repositories; anything else whole."""
    return object_id[:12] if re.fullmatch(r"[0-9a-f]{40,64}", object_id) else _text(object_id)
