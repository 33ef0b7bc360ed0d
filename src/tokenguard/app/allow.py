"""What does not count: inline allowances, ignore entries and the baseline, applied to findings.

Each location is judged by itself. What a scanned change says about itself (the proposal) is kept apart from what
held before it (settled), so that no change can wave itself through in silence.
"""

from __future__ import annotations

import os
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from tokenguard.app.baseline import Baseline
from tokenguard.model import Allowance, Finding, Location, Suppressed, SuppressedBy
from tokenguard.model.lazy_dataclass import dataclass, field, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import date

    from tokenguard.config.ignore import Ignore

_REASONS_LISTED = 5
_MAX_REASON = 500
_PATHS_REMEMBERED = 1024
_FILES = "files"
"""The source whose locations are named from the working folder."""


@dataclass(frozen=True, slots=True)
class Allowances:
    """Everything that one version of the scanned thing, or the user, says does not count."""

    inline: Mapping[tuple[str, Location], Allowance] = field(default_factory=dict)
    """What stands beside a secret, by fingerprint and place."""
    entries: tuple[Ignore, ...] = ()
    baseline: Baseline = field(default_factory=Baseline)
    top: Path | None = None
    """The folder that the paths of entries and baseline start at, where the scan was of files in it."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What the head of a scanned change says about itself."""

    allowances: Allowances
    strict: bool = False
    """It does not count: nobody has agreed to it yet."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What counts, what does not, and what was not allowed after all."""

    findings: tuple[Finding, ...]
    """With the locations that count."""
    suppressed: tuple[Suppressed, ...]
    """With the locations that do not count: one for each finding and kind of allowance."""
    refused: tuple[Suppressed, ...] = ()
    """Strict only: what the change itself would allow. These locations are in `findings`."""
    expired: tuple[Ignore, ...] = ()
    """Entries that would cover a location that counts, were they not past their date."""


def suppress(
    findings: Iterable[Finding],
    *,
    settled: Allowances,
    proposal: Proposal | None = None,
    today: date,
    clean: Callable[[str], str],
) -> Verdict:
    """Take from the findings every location that is allowed.

    `settled` is what holds: that of the base revision and the user's own; outside of a change simply everything.
    What the `proposal` of a change allows beyond it is marked `in_change`. `today` is the day in UTC. `clean` takes
    secrets out of a reason.
    """
    day = today.isoformat()
    strict = proposal is not None and proposal.strict
    judges = [_Judge(settled, day, in_change=False)]
    if proposal is not None:
        judges.append(_Judge(proposal.allowances, day, in_change=True))
    outcomes = [_judged(finding, judges, strict=strict, clean=clean) for finding in findings]
    return Verdict(
        tuple(each.counts for each in outcomes if each.counts),
        tuple(allowed for each in outcomes for allowed in each.allowed if not (strict and allowed.in_change)),
        tuple(allowed for each in outcomes for allowed in each.allowed if strict and allowed.in_change),
        tuple(dict.fromkeys(entry for each in outcomes for entry in each.expired)),
    )


@dataclass(frozen=True, slots=True)
class _Cause:
    """Why one location does not count."""

    by: SuppressedBy
    reason: str
    in_change: bool
    expires: str | None = None


@dataclass(frozen=True, slots=True)
class _Outcome:
    """One finding, judged."""

    counts: Finding | None
    allowed: tuple[Suppressed, ...]
    expired: tuple[Ignore, ...]


class _Judge:
    """Decides about single locations by one set of allowances."""

    def __init__(self, allowances: Allowances, day: str, *, in_change: bool) -> None:
        self._allowances = allowances
        self._day = day
        self._in_change = in_change
        # A finding in a large file has thousands of locations on one path.
        self._on_path = lru_cache(maxsize=_PATHS_REMEMBERED)(self._entries_on)
        self._below = lru_cache(maxsize=_PATHS_REMEMBERED)(partial(_below, os.path.realpath(allowances.top or "")))

    def cause(self, finding: Finding, location: Location) -> _Cause | None:
        """The first allowance that covers the location: inline, then configuration, then baseline."""
        inline = self._allowances.inline.get((finding.fingerprint, location))
        if inline is not None and inline.rule_id == finding.rule_id and inline.reason.strip():
            return _Cause(SuppressedBy.INLINE, inline.reason, self._in_change)
        for entry in self._covering(finding, location):
            if not self._past(entry):
                return _Cause(SuppressedBy.CONFIG, entry.reason, self._in_change, entry.expires)
        known = self._allowances.baseline.reason(finding, self._path(location))
        return None if known is None else _Cause(SuppressedBy.BASELINE, known, self._in_change)

    def expired(self, finding: Finding, location: Location) -> Iterator[Ignore]:
        """The entries that would cover the location but for their date."""
        return (entry for entry in self._covering(finding, location) if self._past(entry))

    def _covering(self, finding: Finding, location: Location) -> Iterator[Ignore]:
        for entry in self._on_path(self._path(location)):
            if entry.rule in {None, finding.rule_id} and entry.fingerprint in {None, finding.fingerprint}:
                yield entry

    def _path(self, location: Location) -> str:
        # Files are reported as the user would name them, from the working folder or from the root; all other
        # places from the top of their repository.
        if self._allowances.top is None or location.source != _FILES:
            return location.path
        return self._below(location.path)

    def _entries_on(self, path: str) -> tuple[Ignore, ...]:
        return tuple(each for each in self._allowances.entries if each.path is None or each.path.matches(path))

    def _past(self, entry: Ignore) -> bool:
        return entry.expires is not None and entry.expires <= self._day


def _below(top: str, path: str) -> str:
    """The path of a file from the folder `top`, with forward slashes; as it is where the file lies elsewhere."""
    folder, name = os.path.split(path)
    # The file itself may be a link, and was not followed.
    whole = Path(os.path.realpath(folder), name)
    return whole.relative_to(top).as_posix() if whole.is_relative_to(top) else path


def _judged(finding: Finding, judges: Sequence[_Judge], *, strict: bool, clean: Callable[[str], str]) -> _Outcome:
    counting: list[Location] = []
    causes: dict[tuple[SuppressedBy, bool], list[tuple[Location, _Cause]]] = {}
    for location in finding.locations:
        cause = next((found for judge in judges if (found := judge.cause(finding, location))), None)
        if cause is not None:
            causes.setdefault((cause.by, cause.in_change), []).append((location, cause))
        if cause is None or (strict and cause.in_change):
            counting.append(location)
    counts = replace(finding, locations=tuple(counting)) if counting or not finding.locations else None
    allowed = tuple(_suppressed(finding, part, clean) for part in causes.values())
    expired = tuple(entry for place in counting for judge in judges for entry in judge.expired(finding, place))
    return _Outcome(counts, allowed, tuple(dict.fromkeys(expired)))


def _suppressed(finding: Finding, part: list[tuple[Location, _Cause]], clean: Callable[[str], str]) -> Suppressed:
    """The allowed part of a finding. Of several dates the first is given: from then on some of it counts."""
    first = part[0][1]
    reasons = tuple(dict.fromkeys(_short(clean(cause.reason)) for _, cause in part))
    more = f"; and {len(reasons) - _REASONS_LISTED} other reasons" if len(reasons) > _REASONS_LISTED else ""
    return Suppressed(
        replace(finding, locations=tuple(location for location, _ in part)),
        first.by,
        "; ".join(reasons[:_REASONS_LISTED]) + more,
        min((cause.expires for _, cause in part if cause.expires), default=None),
        first.in_change,
    )


def _short(reason: str) -> str:
    text = " ".join(reason.split())
    return text if len(text) <= _MAX_REASON else text[: _MAX_REASON - 1] + "…"


def unknown_rules(entries: Iterable[Ignore], rule_ids: Iterable[str]) -> tuple[str, ...]:
    """A line for each entry whose rule is none of those known: misspelt, or from a rule file that is not loaded."""
    from tokenguard.config.keys import nearest
    from tokenguard.config.strict_yaml import shown

    known = frozenset(rule_ids)
    return tuple(
        f"{entry.where}: no rule has the id {shown(entry.rule)}; {nearest(entry.rule, known)}"
        for entry in entries
        if entry.rule is not None and entry.rule not in known
    )
