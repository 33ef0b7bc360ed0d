"""The baseline: findings that are known and do not count, as a text file that lives beside the code.

One line an entry, sorted, without line numbers, times or secrets, so that two sides of a merge that are simply
put together are a right baseline again. Whether an entry covers a finding in a scan: `tokenguard.app.allow`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from tokenguard.config.file import read_bounded, read_inside
from tokenguard.config.ignore import FINGERPRINT, RULE_ID
from tokenguard.errors import ConfigError, OperationError
from tokenguard.model import Report, RuleSet, State, SuppressedBy
from tokenguard.model.lazy_dataclass import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path
    from typing import TextIO

    from tokenguard.model import Finding

DEFAULT_NAME = ".tokenguard-baseline"

_MAX_BYTES = 32 << 20
_MAX_REASON = 500
_HEADER = re.compile(r"tokenguard-baseline ([0-9]{1,9})")
_VERSION = "1"
_ENTRY = re.compile(rf"({FINGERPRINT.pattern}) ({RULE_ID.pattern}) (\S+) # +(\S.*)")
_CONFLICT = re.compile(r"(<{7}|={7}|>{7}|\|{7})( |$)")
_ANYWHERE = "*"


class Known(NamedTuple):
    """What an entry is about: one secret under one rule."""

    fingerprint: str
    rule_id: str
    path: str | None = None
    """The one path that it is known at; None: wherever it is."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """All entries, each with the reason why it does not count."""

    reasons: Mapping[Known, str] = field(default_factory=dict)

    def reason(self, finding: Finding, path: str) -> str | None:
        """Why the finding does not count at `path`; None: it does."""
        anywhere = Known(finding.fingerprint, finding.rule_id)
        return self.reasons.get(anywhere) or self.reasons.get(anywhere._replace(path=path))


def create(report: Report, reason: str = "", *, by_path: bool = False) -> Baseline:
    """A baseline of everything in the report that counts, and of what only another baseline kept from counting.

    Without a `reason` each entry says where the secret was. With `by_path` an entry holds for one path only:
    the same secret in another file, or in a renamed one, counts again.
    """
    known = (each.finding for each in report.suppressed if each.by is SuppressedBy.BASELINE)
    return Baseline(dict(_entries((*report.findings, *known), report, reason, by_path=by_path)))


def update(old: Baseline, report: Report, reason: str = "", *, by_path: bool = False) -> Baseline:
    """The old entries as they are, and new ones for what they do not cover."""
    new = _entries(report.findings, report, reason, by_path=by_path)
    fresh = {known: why for known, why in new if known._replace(path=None) not in old.reasons}
    return Baseline({**fresh, **old.reasons})


def prune(old: Baseline, report: Report) -> Baseline:
    """The old entries without those that the scan did not meet again; those of rules it did not use stay.

    Raises:
        OperationError: the scan is incomplete, so that what it did not meet may still be there.
    """
    if report.state is State.INCOMPLETE:
        raise OperationError(
            "the scan is incomplete, so nothing was pruned from the baseline", remedy="see what was not read"
        )
    searched = {rule.id for rule in report.rules}
    met = set(_met((*report.findings, *(each.finding for each in report.suppressed))))
    stays = {known: why for known, why in old.reasons.items() if known in met or known.rule_id not in searched}
    return Baseline(stays)


def _met(findings: Iterable[Finding]) -> Iterator[Known]:
    for finding in findings:
        yield Known(finding.fingerprint, finding.rule_id)
        for location in finding.locations:
            yield Known(finding.fingerprint, finding.rule_id, location.path)


def _entries(findings: Iterable[Finding], report: Report, reason: str, *, by_path: bool) -> Iterator[tuple[Known, str]]:
    # A path or a reason can hold a secret; the file is there to be committed.
    from tokenguard.app.conceal import Concealer  # start-up time: a scan only reads the baseline

    clean = Concealer(RuleSet(report.rules, report.ruleset)).clean
    for finding in findings:
        why = _one_line(clean(reason or _whereabouts(finding)))
        for path in _paths(finding, clean) if by_path else (None,):
            yield Known(finding.fingerprint, finding.rule_id, path), why


def _paths(finding: Finding, clean: Callable[[str], str]) -> Iterator[str | None]:
    for path in sorted({location.path for location in finding.locations}):
        yield path if clean(path) == path else None


def _whereabouts(finding: Finding) -> str:
    paths = sorted({location.path for location in finding.locations})
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return f"{finding.redacted} in {paths[0] if paths else 'no place'}{more}"


def _one_line(reason: str) -> str:
    text = " ".join("".join(each if each.isprintable() else " " for each in reason).split())
    return text if len(text) <= _MAX_REASON else text[: _MAX_REASON - 1] + "…"


def render(baseline: Baseline) -> str:
    """The text of the file: the same for the same entries."""
    lines = sorted(
        f"{known.fingerprint} {known.rule_id} {_ANYWHERE if known.path is None else _escaped(known.path)} # {reason}"
        for known, reason in baseline.reasons.items()
    )
    return "\n".join((f"tokenguard-baseline {_VERSION}", *lines, ""))


def parse(data: bytes, name: str) -> Baseline:
    """The baseline in `data`. Order does not matter, and an entry may stand there twice, as a merge leaves it.

    Raises:
        ConfigError: with `name` and the line of what is no entry.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        bad = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{name}:{bad}: not UTF-8", remedy="restore the file") from None
    reasons: dict[Known, str] = {}
    headed = False
    for number, line in enumerate(text.split("\n"), 1):
        entry = line.rstrip()
        header = _HEADER.fullmatch(entry)
        if header:
            headed = _check_version(header[1], f"{name}:{number}")
        elif entry:
            known, reason = _entry(entry, f"{name}:{number}", headed=headed)
            reasons[known] = min(reason, reasons.get(known, reason))
    if not headed:
        raise ConfigError(f"{name}: empty, not a baseline", remedy="make it anew: tokenguard baseline create")
    return Baseline(reasons)


def _check_version(version: str, where: str) -> bool:
    if version != _VERSION:
        raise ConfigError(f"{where}: a baseline of version {version}", remedy="update tokenguard to read it")
    return True


def _entry(line: str, where: str, *, headed: bool) -> tuple[Known, str]:
    if _CONFLICT.match(line):
        raise ConfigError(f"{where}: a merge conflict", remedy="keep the entries of both sides, remove the marks")
    if not headed:
        header = f"tokenguard-baseline {_VERSION}"
        raise ConfigError(f"{where}: not a baseline", remedy=f"its first line has to be: {header}")
    found = _ENTRY.fullmatch(line)
    if not found:
        raise ConfigError(f"{where}: not an entry", remedy="an entry is: FINGERPRINT RULE PATH-or-* # REASON")
    fingerprint, rule_id, path, reason = found.groups()
    return Known(fingerprint, rule_id, None if path == _ANYWHERE else _unescaped(path)), _one_line(reason)


def _escaped(path: str) -> str:
    """A path without blanks: what is not printable, blanks and percent signs are percent-encoded by byte."""
    if path == _ANYWHERE:
        return "%2A"
    return "".join(each if each.isprintable() and each not in " %" else _percent(each) for each in path)


def _percent(character: str) -> str:
    try:
        octets = character.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        # Half a UTF-16 pair in a Windows name: it does not come back the same, so the finding counts again.
        octets = character.encode("utf-8", "surrogatepass")
    return "".join(f"%{octet:02X}" for octet in octets)


def _unescaped(path: str) -> str:
    from urllib.parse import unquote_to_bytes  # start-up time: most entries are for any path

    return unquote_to_bytes(path).decode("utf-8", "surrogateescape") if "%" in path else path


def read(path: Path) -> Baseline | None:
    """The baseline at a path that the user named; None when there is no such file.

    Raises:
        ConfigError: unreadable, or as `parse`.
    """
    data = read_bounded(path, _MAX_BYTES, name=str(path), follow=True)
    return None if data is None else parse(data, str(path))


def read_repositorys(top: Path, path: str) -> Baseline | None:
    """The baseline that the repository at `top` names for itself; None when there is no such file.

    Raises:
        ConfigError: it leads out of the repository, is unreadable, or as `parse`.
    """
    data = read_inside(top, path, _MAX_BYTES)
    return None if data is None else parse(data, path)


def within(path: Path, top: Path) -> str | None:
    """A path that the user named, as one inside the repository at `top`; None: it lies elsewhere.

    A change can alter a baseline inside, whoever named it: the scan of a change reads it from the base revision.
    """
    resolved, folder = path.resolve(), top.resolve()
    return resolved.relative_to(folder).as_posix() if resolved.is_relative_to(folder) else None


def write(path: Path, baseline: Baseline) -> None:
    """Put the baseline at `path`, in one step.

    Raises:
        OutputError: it cannot be written; what was there before is still there.
    """
    from tokenguard.report.output import write_file

    def put(out: TextIO) -> None:
        out.write(render(baseline))

    write_file(path, put, "the baseline")
