"""Rounds: every contestant runs once a round, in an order that is shuffled anew, so that drift hits all alike.

What contestants are compared by is the ratio within a round; over the rounds, its median and its spread.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from bench.contestant import Contestant
from bench.execution import Execution, Track

Announce = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of a quantity over the rounds, and its extremes."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread | None:
        """None when there is nothing to take the median of."""
        return cls(median(values), min(values), max(values)) if values else None

    def __str__(self) -> str:
        """For tables of ratios."""
        return f"{self.median:.2f} ({self.least:.2f} to {self.most:.2f})"


@dataclass(frozen=True, slots=True)
class Rounds:
    """What a race gave: for each contestant its executions, round by round."""

    executions: Mapping[str, tuple[Execution, ...]]

    def seconds(self, name: str) -> tuple[float | None, ...]:
        """Times by round; None where the contestant failed or did not run."""
        return tuple(None if each.failed else each.seconds for each in self.executions.get(name, ()))

    def each(self, *names: str) -> list[tuple[float, ...]]:
        """The times of the named contestants in the rounds that all of them finished."""
        rounds = zip(*(self.seconds(name) for name in names), strict=False)
        return [tuple(time for time in times if time is not None) for times in rounds if None not in times]


def run(
    contestants: Sequence[Contestant], track: Track, rounds: int, order: random.Random, announce: Announce
) -> Rounds:
    """Run the race."""
    executions: dict[str, list[Execution]] = {each.name: [] for each in contestants}
    for number in range(1, rounds + 1):
        for contestant in order.sample(contestants, len(contestants)):
            done = track.run(contestant)
            executions[contestant.name].append(done)
            failure = f" FAILED (exit {done.exit_code})" if done.failed else ""
            announce(f"round {number}/{rounds}  {done.seconds:9.3f} s  {contestant.name}{failure}")
    return Rounds({name: tuple(done) for name, done in executions.items()})
