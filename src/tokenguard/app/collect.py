"""Matches of many blobs -> findings: one for each secret under each rule, with all its places.

The Collector is what a scan fills; whatever ends the scan early, what was collected until then is reported.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from tokenguard.model import Coverage, Problem, Skipped
from tokenguard.model.lazy_dataclass import dataclass, field

if TYPE_CHECKING:
    from tokenguard.app.conceal import Concealer
    from tokenguard.app.detector import Detector
    from tokenguard.app.pipeline import Scanned
    from tokenguard.model import Allowance, Finding, Location, Match

    Locate = Callable[[Match], Iterable[Location]]


class ScanEnded(Exception):  # noqa: N818 - no error: it stops the threads that a scan left behind
    """The collector takes nothing more."""


@dataclass(slots=True)
class _Seen:
    match: Match
    places: dict[Location, Allowance | None] = field(default_factory=dict)


class Collector:
    """Gathers what a scan finds, what it could not read and how much it read. For several threads."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._concealer: Concealer | None = None
        self._lock = threading.Lock()
        self._closed = False
        self._seen: dict[tuple[str, str], _Seen] = {}
        self._skipped: dict[Skipped, None] = {}
        self._problems: list[Problem] = []
        self._counts = {"blobs": 0, "bytes": 0, "commits": 0, "samples": 0, "remembered": 0}

    def close(self) -> None:
        """Take nothing more: threads that outlive a scan that ended early must not change its report."""
        with self._lock:
            self._closed = True

    def _check_open(self) -> None:
        if self._closed:
            raise ScanEnded

    def clean(self, text: str) -> str:
        """A text that will be shown, without the secrets in it."""
        if self._concealer is None:
            from tokenguard.app.conceal import Concealer  # start-up time: a clean scan shows nothing

            self._concealer = Concealer(self._detector.ruleset, self._detector)
        return self._concealer.clean(text)

    def add(self, scanned: Scanned, locate: Locate | None = None, *, counted: bool = True) -> None:
        """Take the outcome of one blob; `locate` gives the places of a match, its own origin by default.

        Not `counted`: what was scanned is no blob that anybody would count, such as the names in a folder.
        """
        if counted:
            self.count(blobs=1, bytes=scanned.size)
        self.add_matches(scanned.matches, locate)
        for skipped in scanned.skipped:
            self.skip(skipped.what, skipped.why)

    def add_matches(self, matches: Iterable[Match], locate: Locate | None = None) -> None:
        """Take matches; published samples are only counted."""
        for match in matches:
            if match.sample:
                self.count(samples=1)
                continue
            places = [self._cleaned(place) for place in (locate or origin_location)(match)]
            with self._lock:
                self._check_open()
                seen = self._seen.setdefault((match.rule_id, match.fingerprint), _Seen(match))
                for place in places:
                    if seen.places.get(place) is None:
                        seen.places[place] = match.allowance

    def skip(self, what: str, why: str) -> None:
        """Note something that was not read."""
        skipped = Skipped(self.clean(what), self.clean(why))
        with self._lock:
            self._check_open()
            self._skipped[skipped] = None

    def problem(self, code: str, what: str, why: str) -> None:
        """Note something that went wrong as a whole."""
        problem = Problem(code, self.clean(what), self.clean(why))
        with self._lock:
            self._check_open()
            if problem not in self._problems:
                self._problems.append(problem)

    def count(self, **counts: int) -> None:
        """Add to the coverage: blobs, bytes, commits, samples, remembered."""
        with self._lock:
            self._check_open()
            for name, number in counts.items():
                self._counts[name] += number

    def _cleaned(self, place: Location) -> Location:
        from tokenguard.model.lazy_dataclass import replace

        return replace(
            place,
            path=self.clean(place.path),
            author=place.author and self.clean(place.author),
            ref=place.ref and self.clean(place.ref),
            command=place.command and self.clean(place.command),
            via=tuple(self.clean(wrapping) for wrapping in place.via),
        )

    def coverage(self) -> Coverage:
        """What was read so far."""
        with self._lock:
            return Coverage(**self._counts)

    def skipped(self) -> tuple[Skipped, ...]:
        """What was not read, sorted."""
        return tuple(sorted(self._skipped, key=lambda skipped: (skipped.what, skipped.why)))

    def problems(self) -> tuple[Problem, ...]:
        """What went wrong, in order."""
        return tuple(self._problems)

    def inline(self) -> dict[tuple[str, Location], Allowance]:
        """Inline allowances beside secrets, by fingerprint and place."""
        return {
            (seen.match.fingerprint, place): allowance
            for seen in self._seen.values()
            for place, allowance in seen.places.items()
            if allowance is not None
        }

    @property
    def found(self) -> bool:
        """Whether there is any finding."""
        return bool(self._seen)

    def findings(self) -> tuple[Finding, ...]:
        """Every secret with its places: the most severe first, then by rule and fingerprint."""
        found = [self._finding(seen) for seen in self._seen.values()]
        return tuple(sorted(found, key=lambda each: (-each.severity.rank, each.rule_id, each.fingerprint)))

    def _finding(self, seen: _Seen) -> Finding:
        match = seen.match
        rule = self._detector.ruleset.by_id(match.rule_id)
        if rule is None:
            raise LookupError(f"no rule {match.rule_id}")
        from tokenguard.model import Finding  # start-up time: a clean scan has none

        return Finding(
            rule_id=rule.id,
            severity=rule.severity,
            title=rule.title,
            redacted=match.redacted,
            prefix=match.prefix,
            token_sha256=match.token_sha256,
            fingerprint=match.fingerprint,
            locations=tuple(sorted(seen.places, key=place_order)),
        )


def origin_location(match: Match) -> tuple[Location]:
    """The place of a match as its blob's origin tells it."""
    from tokenguard.model import Location

    origin, position = match.origin, match.position
    return (
        Location(
            source=origin.source,
            path=origin.path,
            line=position.line,
            column=position.column,
            end_line=position.end_line,
            end_column=position.end_column,
            blob=origin.blob,
            commit=origin.commit,
            via=origin.via,
        ),
    )


def place_order(place: Location) -> tuple[str | int, ...]:
    """Sorting of places: by source, path, line, then everything else that tells them apart."""
    return (
        place.source,
        place.path,
        place.line,
        place.column,
        place.date or "",
        place.commit or "",
        place.blob or "",
        "\0".join(place.via),
    )
