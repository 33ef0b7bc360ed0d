"""The github format: workflow commands, which GitHub Actions shows as annotations on the changed files.

One annotation a finding and path. GitHub shows ten errors and ten warnings a step; the log has them all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokenguard.model.finding import Status
from tokenguard.model.rule import Severity
from tokenguard.report.escape import shown
from tokenguard.report.place import places
from tokenguard.report.revocation import by_fingerprint, words
from tokenguard.report.summary import counted, summary, worst_first

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

    from tokenguard.model.finding import Finding, Suppressed
    from tokenguard.model.report import Report, Revocation
    from tokenguard.report.format import Options
    from tokenguard.report.place import Place

name = "github"

_COMMANDS = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "notice",
    Severity.INFO: "notice",
}
_INCOMPLETE: dict[str, str | int] = {"title": "tokenguard: the scan is incomplete"}
_LONGEST = 1000
"""Characters of one hostile text that are worth a place in a log."""
_PATH_MAX = 4096
"""A longer path is no file of the checkout."""


def write(report: Report, out: TextIO, _options: Options) -> None:
    """Write a command a line, the summary last."""
    out.writelines(f"{line}\n" for line in _commands(report))


def _commands(report: Report) -> Iterator[str]:
    revocations = by_fingerprint(report)
    for finding in worst_first(report):
        for place in places(finding):
            yield _annotation(place, revocations.get(finding.fingerprint, []))
    for suppressed in report.suppressed:
        if suppressed.in_change:
            yield _allowed(suppressed)
    for error in report.errors:
        yield _command("error", f"{_clipped(error.code)}: {_clipped(error.what)}: {_clipped(error.why)}", _INCOMPLETE)
    for skipped in report.skipped:
        yield _command("error", f"not read: {_clipped(skipped.what)}: {_clipped(skipped.why)}", _INCOMPLETE)
    yield _command("notice", summary(report), {"title": "tokenguard"})


def _annotation(place: Place, revocations: list[Revocation]) -> str:
    finding, first = place.finding, place.first
    more = len(place.locations) - 1
    also = f", and at {counted(more, 'more location')} under this path" if more else ""
    commit = f", commit {_clipped(first.commit)}" if first.commit else ""
    where = "" if place.is_file else f" in {place.path} {_clipped(first.blob or '')}".rstrip()
    token = f"{_clipped(finding.title)}: {_clipped(finding.redacted)}{where}{commit}{also} ({finding.fingerprint})"
    text = token + _fate(finding, revocations)
    title = {"title": f"{_clipped(finding.rule_id)} ({finding.severity.value})"}
    return _command(_COMMANDS[finding.severity], text, {**_region(place), **title})


def _fate(finding: Finding, revocations: list[Revocation]) -> str:
    """Whether the token lives, where that was asked."""
    status = "" if finding.status is Status.UNVERIFIED else f"; status {finding.status.value}"
    return status + "".join(f"; {words(each)} at {_clipped(each.issuer)}" for each in revocations)


def _region(place: Place) -> dict[str, str | int]:
    first = place.first
    if not place.is_file:
        return {}
    region: dict[str, str | int] = {
        "file": shown(place.path, limit=_PATH_MAX),
        "line": first.line,
        "endLine": first.end_line,
    }
    if first.line == first.end_line:  # GitHub takes columns only within one line
        region |= {"col": first.column, "endColumn": first.end_column}
    return region


def _allowed(suppressed: Suppressed) -> str:
    finding = suppressed.finding
    text = f"{_clipped(finding.rule_id)} {_clipped(finding.redacted)} is suppressed ({suppressed.by.value}):"
    place = next(places(finding), None)
    region = _region(place) if place else {}
    title = {"title": "tokenguard: allowed by this very change"}
    return _command("warning", f"{text} {_clipped(suppressed.reason)}", {**region, **title})


def _clipped(text: str) -> str:
    return shown(text, limit=_LONGEST)


def _command(command: str, text: str, properties: dict[str, str | int]) -> str:
    listed = ",".join(f"{key}={_property(str(value))}" for key, value in properties.items())
    return f"::{command} {listed}::{_data(text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
