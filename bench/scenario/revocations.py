"""All leaked tokens of a report, revoked over HTTP, against the same updates in plain sqlite3."""

from __future__ import annotations

import sys

from bench import reports
from bench.contestant import Contestant
from bench.limit import RatioLimit, Time
from bench.stage import Contest, Scenario, Stage
from bench.store.fresh import FILE, Fresh
from bench.store.made import make
from bench.tools import CHECKOUT

PLAIN, REVOKED = "plain sqlite3, ten transactions", "revoked through the client"
_TOKENS = 10_000
_AT_MOST = 15.0


def build(stage: Stage) -> Contest:
    """Each execution has a fresh copy of one store, and a server of its own over it."""
    tokens = stage.scaled(_TOKENS)
    pepper, made = stage.folder / "pepper", stage.folder / "made"
    made.mkdir()
    make(f"sqlite:///{made / FILE}", pepper, stage.seed, tokens)
    alone = Fresh(stage, made)
    database = alone.folder / FILE
    served = Fresh(stage, made, "bench.store.serve", f"sqlite:///{database}", str(pepper))
    numbers = ("--tokens", str(tokens), "--seed", str(stage.seed))
    plain = (sys.executable, "-m", "bench.store.plain", str(database), str(pepper), *numbers)
    revoke = (sys.executable, "-m", "bench.store.revoke", str(served.url_file), str(database), *numbers)
    contestants = (
        _contestant(PLAIN, plain, alone),
        _contestant(REVOKED, revoke, served),
    )
    limits = (RatioLimit(f"{REVOKED} ÷ {PLAIN}", Time(REVOKED), Time(PLAIN), _AT_MOST),)
    return Contest(PLAIN, contestants, limits, {"tokens": tokens, "targets a call": 1000, "rate limits": "off"})


def _contestant(name: str, command: tuple[str, ...], prepare: Fresh) -> Contestant:
    return Contestant(name, command, reports.own_clock, folder=CHECKOUT, to_standard_output=True, prepare=prepare)


SCENARIO = Scenario("revocations", "10,000 leaked tokens revoked", build, of_repository=False)
