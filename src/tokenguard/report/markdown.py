"""The markdown format: a job summary. Everything from the scanned thing stands in code spans.

Kept well below the 1 MiB at which GitHub drops a whole summary; what is left out is counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokenguard.model.report import State
from tokenguard.report.markup import code, prose
from tokenguard.report.place import spread
from tokenguard.report.revocation import words
from tokenguard.report.summary import counted, rules_to_act_on, summary, worst_first

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import TextIO

    from tokenguard.model.finding import Finding, Location, Suppressed
    from tokenguard.model.report import Report
    from tokenguard.report.format import Options

name = "markdown"

_FINDING_COLUMNS = ("severity", "rule", "token", "status", "where", "fingerprint")
_REVOCATION_COLUMNS = ("outcome", "rule", "token", "issuer", "at")
_SUPPRESSED_COLUMNS = ("rule", "token", "where", "by", "reason", "expires")
_MAX_BYTES = 900_000
"""Of the list rows together; the rest takes little."""
_MAX_LOCATIONS = 10
_MAX_TEXT = 500
"""Characters of one hostile text."""


def write(report: Report, out: TextIO, _options: Options) -> None:
    """Write the headline, then a table each of findings, suppressions and things that were not read."""
    out.write(f"## tokenguard: {_headline(report)}\n\n{summary(report)}\n")
    space = _MAX_BYTES
    for title, head, rows, number in _tables(report):
        if not number:
            continue
        kept = _fitting(rows, space)
        space -= sum(len(row.encode()) for row in kept)
        out.write(f"\n### {title}\n\n{_row(head)}{_row(['---'] * len(head))}{''.join(kept)}")
        if len(kept) < number:
            out.write(f"\n{counted(number - len(kept), 'more row')} did not fit here: see another format.\n")
    remedies = "".join(_remedies(report))
    if remedies:
        out.write(f"\n### What to do\n\n{remedies}")


def _headline(report: Report) -> str:
    found = counted(len(report.findings), "finding") if report.findings else "no findings"
    return f"{found}, INCOMPLETE" if report.state is State.INCOMPLETE else found


def _tables(report: Report) -> Iterator[tuple[str, Sequence[str], Iterable[str], int]]:
    """Title, columns, rows (made only as far as they are read) and their number."""
    number = len(report.errors) + len(report.skipped)
    yield "Incomplete: this was not read", ("what", "which", "why"), _not_read(report), number
    yield "Findings", _FINDING_COLUMNS, map(_finding, worst_first(report)), len(report.findings)
    yield "Revocations", _REVOCATION_COLUMNS, _revocations(report), len(report.revocations)
    change = [item for item in report.suppressed if item.in_change]
    title = "Allowed by this very change: review these"
    yield title, _SUPPRESSED_COLUMNS, map(_suppressed, change), len(change)
    others = [item for item in report.suppressed if not item.in_change]
    yield "Suppressed", _SUPPRESSED_COLUMNS, map(_suppressed, others), len(others)


def _not_read(report: Report) -> Iterator[str]:
    for error in report.errors:
        yield _row([_text(error.code), _text(error.what), _text(error.why)])
    for skipped in report.skipped:
        yield _row(["not read", _text(skipped.what), _text(skipped.why)])


def _fitting(rows: Iterable[str], space: int) -> list[str]:
    kept: list[str] = []
    for row in rows:
        space -= len(row.encode())
        if space < 0:
            break
        kept.append(row)
    return kept


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


def _text(text: str) -> str:
    return code(text, limit=_MAX_TEXT)


def _finding(finding: Finding) -> str:
    return _row(
        [
            f"**{finding.severity.value}**",
            code(finding.rule_id),
            _text(finding.redacted),
            finding.status.value,
            _where(finding.locations),
            code(finding.fingerprint),
        ],
    )


def _revocations(report: Report) -> Iterator[str]:
    tokens = {finding.fingerprint: finding for finding in report.findings}
    for each in report.revocations:
        finding = tokens.get(each.fingerprint)
        outcome = words(each) if each.outcome.dead else f"**{words(each)}**"
        rule, token = (finding.rule_id, finding.redacted) if finding else ("", each.fingerprint)
        yield _row([outcome, code(rule), _text(token), _text(each.issuer), _text(each.at)])


def _suppressed(suppressed: Suppressed) -> str:
    finding = suppressed.finding
    return _row(
        [
            code(finding.rule_id),
            _text(finding.redacted),
            _where(finding.locations),
            suppressed.by.value,
            _text(suppressed.reason),
            code(suppressed.expires or ""),
        ],
    )


def _where(locations: tuple[Location, ...]) -> str:
    listed = [_location(location) for location in spread(locations, _MAX_LOCATIONS)]
    more = len(locations) - len(listed)
    return "<br>".join([*listed, f"and {more:,} more"] if more else listed)


def _location(location: Location) -> str:
    where = f"{_text(location.path)} {location.line}:{location.column}"
    commit = f" in {code(location.commit[:12])}" if location.commit else ""
    author = f" by {_text(location.author)}" if location.author else ""
    return where + commit + author


def _remedies(report: Report) -> Iterator[str]:
    found = rules_to_act_on(report)
    for rule in report.rules:
        if rule.id in found and rule.remediation:
            yield f"- {code(rule.id)}: {prose(rule.remediation)}\n"
