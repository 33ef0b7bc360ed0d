"""A second scan of a repository that has grown by ten commits, against the first."""

from __future__ import annotations

import itertools
from dataclasses import replace

from bench.content import Prose, token
from bench.limit import RatioLimit, SameLimit, Time
from bench.remembered import Remembered
from bench.stage import Contest, Scenario, Stage

FIRST, SECOND = "the first scan", "the second, after 10 new commits"
_COMMITS = 10
_PLANTED = 5


def build(stage: Stage) -> Contest:
    """One growing copy: the first scan knows nothing of it, the second all but ten commits."""
    draw = stage.draw("second-scan")
    prose = Prose(draw)
    copy = stage.repository.mirror(stage.folder / "growing.git")
    copy.plant(draw, [f"token = {token(draw)}\n" for _ in range(_PLANTED)])
    remembered = Remembered(copy, stage.folder / "cache")
    numbers = itertools.count()

    def grow() -> None:
        remembered.learn()
        number = next(numbers)
        copy.advance([(f"made/{number}/{each}.txt", prose.piece(5000)) for each in range(_COMMITS)])

    contestants = (remembered.first(FIRST), replace(remembered.second(SECOND), prepare=grow))
    limits = (
        RatioLimit("second scan ÷ first", Time(SECOND), Time(FIRST), 0.1),
        SameLimit("both find the same", (FIRST, SECOND)),
    )
    return Contest(FIRST, contestants, limits, {"planted": _PLANTED})


SCENARIO = Scenario("second-scan", "A second scan after ten new commits", build)
