"""Limits: what is promised about the outcome of a race, and whether it held.

A limit on time compares within each round. It is held when the median is at most the number that was promised; machines
differ, so that up to a tenth more still counts, and is said.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bench.race import Rounds, Spread

_TOLERANCE = 1.1


@dataclass(frozen=True, slots=True)
class Time:
    """The time of a contestant, where wanted less that of another (what it does beyond its start-up)."""

    contestant: str
    less: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The contestants concerned."""
        return (self.contestant,) if self.less is None else (self.contestant, self.less)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A limit after the race, in words for a table."""

    title: str
    measured: str
    promised: str
    result: str


@dataclass(frozen=True, slots=True)
class RatioLimit:
    """One time is at most so many times the other."""

    title: str
    over: Time
    under: Time
    at_most: float
    aim: float | None = None

    def verdict(self, rounds: Rounds) -> Verdict:
        """How it went."""
        ratio = Spread.of(list(self._ratios(rounds)))
        promised = f"at most {self.at_most:g}" + (f", aim {self.aim:g}" if self.aim is not None else "")
        if ratio is None:
            return Verdict(self.title, "-", promised, "not measured")
        return Verdict(self.title, str(ratio), promised, _result(ratio.median, self.at_most))

    def _ratios(self, rounds: Rounds) -> Iterable[float]:
        for times in rounds.each(*self.over.names, *self.under.names):
            split = len(self.over.names)
            under = _difference(times[split:])
            if under > 0:
                yield _difference(times[:split]) / under


@dataclass(frozen=True, slots=True)
class PeakLimit:
    """The largest peak memory of all rounds is at most so many bytes."""

    title: str
    contestant: str
    at_most: float

    def verdict(self, rounds: Rounds) -> Verdict:
        """How it went."""
        peaks = [each.peak_bytes for each in rounds.executions.get(self.contestant, ()) if each.peak_bytes is not None]
        promised = f"at most {self.at_most / 1e6:.0f} MB"
        if not peaks:
            return Verdict(self.title, "-", promised, "not measured")
        return Verdict(self.title, f"{max(peaks) / 1e6:.0f} MB", promised, _result(max(peaks), self.at_most))


@dataclass(frozen=True, slots=True)
class SameLimit:
    """The named contestants found the same, in every round."""

    title: str
    contestants: tuple[str, ...]

    def verdict(self, rounds: Rounds) -> Verdict:
        """How it went."""
        outcomes = [each.outcome for name in self.contestants for each in rounds.executions.get(name, ())]
        sets = {(outcome.findings, outcome.digest) for outcome in outcomes}
        if not sets:
            return Verdict(self.title, "-", "the same", "not measured")
        measured = " or ".join(str(findings) for findings, _ in sorted(sets, key=str)) + " findings"
        return Verdict(self.title, measured, "the same", "held" if len(sets) == 1 else "MISSED")


Limit = RatioLimit | PeakLimit | SameLimit


def _difference(times: tuple[float, ...]) -> float:
    return times[0] - sum(times[1:])


def _result(value: float, at_most: float) -> str:
    if value <= at_most:
        return "held"
    return "held within 10 %" if value <= at_most * _TOLERANCE else "MISSED"
