"""What it costs to say where twenty findings came from: the commit, the author, the ref. Once, and again."""

from __future__ import annotations

from bench.content import token
from bench.limit import RatioLimit, SameLimit, Time
from bench.remembered import Remembered
from bench.stage import Contest, Scenario, Stage

PLAIN, PLANTED = "without findings, first scan", "with 20 findings, first scan"
PLAIN_AGAIN, PLANTED_AGAIN = "without findings, again", "with 20 findings, again"
_PLANTED = 20
_NOTHING = 0.05
"""Of the floor: what the clock cannot tell from nothing."""


def build(stage: Stage) -> Contest:
    """Two copies, one with tokens in commits on top and on branches from old ones; each with a cache of its own."""
    draw = stage.draw("attribution")
    plain = Remembered(stage.repository.mirror(stage.folder / "plain.git"), stage.folder / "plain-cache")
    planted = Remembered(stage.repository.mirror(stage.folder / "planted.git"), stage.folder / "planted-cache")
    planted.copy.plant(draw, [f"token = {token(draw)}\n" for _ in range(_PLANTED)])
    floor = stage.tools.floor(stage.repository.path)
    contestants = (
        floor,
        plain.first(PLAIN),
        planted.first(PLANTED),
        plain.second(PLAIN_AGAIN),
        planted.second(PLANTED_AGAIN),
    )
    limits = (
        RatioLimit("attribution, first scan ÷ floor", Time(PLANTED, less=PLAIN), Time(floor.name), 0.5),
        RatioLimit("attribution, again ÷ floor", Time(PLANTED_AGAIN, less=PLAIN_AGAIN), Time(floor.name), _NOTHING),
        SameLimit("both scans find the same", (PLANTED, PLANTED_AGAIN)),
    )
    return Contest(floor.name, contestants, limits, {"planted": _PLANTED})


SCENARIO = Scenario("attribution", "Where twenty findings came from", build)
