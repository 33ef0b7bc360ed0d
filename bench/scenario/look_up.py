"""What a look-up costs in a store with many tokens, and in one with few."""

from __future__ import annotations

import sys

from bench import reports
from bench.contestant import Contestant
from bench.limit import RatioLimit, Time
from bench.stage import Contest, Scenario, Stage
from bench.store.made import make
from bench.tools import CHECKOUT

_FEW, _MANY = 1_000, 1_000_000
_REPETITIONS = 50_000
_AT_MOST = 1.2


def build(stage: Stage) -> Contest:
    """Two stores, asked in turn."""
    repetitions = stage.scaled(_REPETITIONS)
    contestants = {}
    for tokens in (_FEW, stage.scaled(_MANY)):
        folder = stage.folder / str(tokens)
        folder.mkdir(exist_ok=True)
        url, pepper = f"sqlite:///{folder / 'store.db'}", folder / "pepper"
        make(url, pepper, stage.seed, tokens)
        numbers = ("--tokens", str(tokens), "--repetitions", str(repetitions), "--seed", str(stage.seed))
        command = (sys.executable, "-m", "bench.store.look_up", url, str(pepper), *numbers)
        name = f"among {tokens:,} tokens"
        contestants[name] = Contestant(
            name, command, reports.own_clock, folder=CHECKOUT, to_standard_output=True, memory=True
        )
    few, many = contestants
    limits = (RatioLimit(f"{many} ÷ {few}", Time(many), Time(few), _AT_MOST),)
    return Contest(few, tuple(contestants.values()), limits, {"look-ups": repetitions})


SCENARIO = Scenario("look-up", "A token looked up, in process", build, of_repository=False)
