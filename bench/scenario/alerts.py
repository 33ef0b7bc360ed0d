"""Signed alerts of a forge, until the tokens are dead, against a bare endpoint with one commit."""

from __future__ import annotations

import sys
from pathlib import Path

from bench import reports
from bench.contestant import Contestant
from bench.limit import RatioLimit, Time
from bench.stage import Contest, Scenario, Stage
from bench.store.alert import make_key
from bench.store.fresh import FILE, Fresh
from bench.store.made import make
from bench.tools import CHECKOUT

BARE, SINGLE, BULK = "bare endpoint, one commit", "alerts of one token", "one alert of all tokens"
_TOKENS = 10_000
_SINGLES = 1_000
_OF_BARE, _OF_SINGLES = 3.0, 0.2


def build(stage: Stage) -> Contest:
    """One store, of which each execution has a fresh copy with a server over it."""
    tokens, singles = stage.scaled(_TOKENS), stage.scaled(_SINGLES)
    made, pepper = stage.folder / "made", stage.folder / "pepper"
    key, published = stage.folder / "key.pem", stage.folder / "keys.json"
    made.mkdir()
    make(f"sqlite:///{made / FILE}", pepper, stage.seed, tokens)
    make_key(key, published)
    fresh = stage.folder / "fresh"
    store = Fresh(stage, made, "bench.store.serve", f"sqlite:///{fresh / FILE}", str(pepper), str(published))
    bare = Fresh(stage, made, "bench.store.commit", str(fresh / "plain.db"))
    contestants = (
        _contestant(BARE, bare, key, stage.seed, singles, 1, "--path", "/"),
        _contestant(SINGLE, store, key, stage.seed, singles, 1),
        _contestant(BULK, store, key, stage.seed, 1, tokens),
    )
    limits = (
        RatioLimit(f"{SINGLE} ÷ {BARE}", Time(SINGLE), Time(BARE), _OF_BARE),
        RatioLimit(
            f"{BULK} ÷ {SINGLE} ({tokens:,} tokens ÷ {singles:,})",
            Time(BULK),
            Time(SINGLE),
            round(_OF_SINGLES * tokens / singles, 2),
        ),
    )
    facts: dict[str, str | int] = {"tokens": tokens, "alerts of one": singles, "connections": 1, "rate limits": "off"}
    return Contest(BARE, contestants, limits, facts)


def _contestant(  # noqa: PLR0913, PLR0917 - what tells them apart
    name: str, fresh: Fresh, key: Path, seed: int, alerts: int, entries: int, *more: str
) -> Contestant:
    numbers = ("--alerts", str(alerts), "--entries", str(entries), "--seed", str(seed))
    command = (sys.executable, "-m", "bench.store.alert", str(fresh.url_file), str(key), *numbers, *more)
    return Contestant(name, command, reports.own_clock, folder=CHECKOUT, to_standard_output=True, prepare=fresh)


SCENARIO = Scenario("alerts", "Signed alerts until the tokens are dead", build, of_repository=False)
