"""What every scenario is built from: the private copy, the tools, a folder of its own, the seed, the scale."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from bench.content import generator
from bench.contestant import Contestant
from bench.limit import Limit
from bench.repository import Copy, Facts
from bench.tools import Tools


@dataclass(frozen=True, slots=True)
class Stage:
    """Where a scenario is set up."""

    given: tuple[Copy, Facts] | None
    """A private copy of the repository to measure on; None: nobody named one."""
    environ: Mapping[str, str]
    """Of everything that runs."""
    tools: Tools
    folder: Path
    """Empty; deleted when the scenario is over."""
    seed: int
    scale: float = 1.0
    """Made content is so many times its normal size."""
    closing: ExitStack = field(default_factory=ExitStack)
    """What is ended when the scenario is over: servers, databases."""

    @property
    def repository(self) -> Copy:
        """For scenarios that measure on a repository; LookupError where none was named."""
        if self.given is None:
            raise LookupError("no repository was named")
        return self.given[0]

    @property
    def facts(self) -> Facts:
        """Of the repository."""
        if self.given is None:
            raise LookupError("no repository was named")
        return self.given[1]

    def draw(self, purpose: str) -> random.Random:
        """Numbers from the seed, for one purpose."""
        return generator(f"{self.seed} {purpose}")

    def scaled(self, number: int) -> int:
        """A size or count at this scale, at least 1."""
        return max(1, round(number * self.scale))


@dataclass(frozen=True, slots=True)
class Contest:
    """A scenario that is ready to run."""

    reference: str
    """The contestant that the others' times are divided by."""
    contestants: tuple[Contestant, ...]
    limits: tuple[Limit, ...] = ()
    facts: Mapping[str, str | int] = field(default_factory=dict)
    """What was scanned, in numbers."""
    rounds: int | None = None
    """Where fewer do."""
    warm_up: tuple[Contestant, ...] = ()
    """Run once before the first round, unmeasured: what brings programs and content from disk into memory."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A name, what it shows, and how it is set up."""

    name: str
    title: str
    build: Callable[[Stage], Contest]
    of_repository: bool = True
    """It measures on the repository that is given; the others need none."""
