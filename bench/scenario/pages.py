"""What a page of the dashboard costs the server with many tokens in the store, and with few."""

from __future__ import annotations

import sys
from pathlib import Path

from bench import reports
from bench.contestant import Contestant
from bench.limit import RatioLimit, Time
from bench.stage import Contest, Scenario, Stage
from bench.store.leaked import make_leaked
from bench.tools import CHECKOUT

_FEW, _MANY = 10, 10_000
_ROWS_FEW, _ROWS_MANY = 100, 100_000
_REPETITIONS = 100
_AT_MOST = 3.0
_PAGES = ("/tokens", "/leaks", "/users", "/audit", "/charts", "/tokens/{token}", "/leaks/{leak}")
_FULL = ("/tokens", "/tokens?everyone=yes", "/leaks", "/audit", "/audit?actor=bench@example.org")


def build(stage: Stage) -> Contest:
    """Four stores in which every token leaked; each page is asked for in two of them."""
    contestants: dict[str, Contestant] = {}
    limits = []
    for pages, few, many in ((_PAGES, _FEW, _MANY), (_FULL, _ROWS_FEW, _ROWS_MANY)):
        sizes = (few, stage.scaled(many))
        for size in sizes:
            _make(stage, size)
        for page in pages:
            under, over = (_contestant(stage, page, size) for size in sizes)
            contestants |= {under.name: under, over.name: over}
            limits.append(RatioLimit(f"{over.name} ÷ {under.name}", Time(over.name), Time(under.name), _AT_MOST))
    facts: dict[str, str | int] = {
        "requests": stage.scaled(_REPETITIONS),
        "counted": "bytes of the page",
        "time": "of the processor",
    }
    return Contest(next(iter(contestants)), tuple(contestants.values()), tuple(limits), facts, rounds=3)


def _make(stage: Stage, size: int) -> None:
    folder = _folder(stage, size)
    if not folder.exists():
        folder.mkdir()
        make_leaked(f"sqlite:///{folder / 'store.db'}", folder / "pepper", stage.seed, size)


def _contestant(stage: Stage, page: str, size: int) -> Contestant:
    folder = _folder(stage, size)
    numbers = ("--repetitions", str(stage.scaled(_REPETITIONS)), "--seed", str(stage.seed))
    where = (f"sqlite:///{folder / 'store.db'}", str(folder / "pepper"), page)
    return Contestant(
        f"{page} among {size:,}",
        (sys.executable, "-m", "bench.store.page", *where, *numbers),
        reports.own_clock,
        folder=CHECKOUT,
        to_standard_output=True,
    )


def _folder(stage: Stage, size: int) -> Path:
    return stage.folder / str(size)


SCENARIO = Scenario("pages", "A page of the dashboard, by the number of tokens", build, of_repository=False)
