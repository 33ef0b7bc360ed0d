"""All leaked tokens of a report, revoked over HTTP, against the same updates in plain sqlite3."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable

from bench import reports
from bench.contestant import Contestant
from bench.limit import RatioLimit, Time
from bench.stage import Contest, Scenario, Stage
from bench.store.made import make
from bench.store.server import Server
from bench.tools import CHECKOUT

PLAIN, REVOKED = "plain sqlite3, ten transactions", "revoked through the client"
_TOKENS = 10_000
_MADE, _FRESH, _FILE, _PEPPER, _URL = "made", "fresh", "store.db", "pepper", "url"
_AT_MOST = 15.0


def build(stage: Stage) -> Contest:
    """Each execution has a fresh copy of one store, and a server of its own over it."""
    tokens = stage.scaled(_TOKENS)
    pepper, fresh = stage.folder / _PEPPER, stage.folder / _FRESH
    (stage.folder / _MADE).mkdir()
    make(f"sqlite:///{stage.folder / _MADE / _FILE}", pepper, stage.seed, tokens)
    numbers = ("--tokens", str(tokens), "--seed", str(stage.seed))
    plain = (sys.executable, "-m", "bench.store.plain", str(fresh / _FILE), str(pepper), *numbers)
    # The server's address is known only when it runs.
    revoke = (sys.executable, "-m", "bench.store.revoke", str(stage.folder / _URL), str(fresh / _FILE), *numbers)
    contestants = (
        _contestant(PLAIN, plain, _Fresh(stage, served=False)),
        _contestant(REVOKED, revoke, _Fresh(stage, served=True)),
    )
    limits = (RatioLimit(f"{REVOKED} ÷ {PLAIN}", Time(REVOKED), Time(PLAIN), _AT_MOST),)
    return Contest(PLAIN, contestants, limits, {"tokens": tokens, "targets a call": 1000, "rate limits": "off"})


def _contestant(name: str, command: tuple[str, ...], prepare: Callable[[], None]) -> Contestant:
    return Contestant(name, command, reports.own_clock, folder=CHECKOUT, to_standard_output=True, prepare=prepare)


class _Fresh:
    """Puts a fresh copy of the store where the last one was, and a server over it where that is wanted."""

    def __init__(self, stage: Stage, *, served: bool) -> None:
        self._stage = stage
        self._served = served

    def __call__(self) -> None:
        self._stage.closing.close()
        folder = self._stage.folder
        shutil.rmtree(folder / _FRESH, ignore_errors=True)
        shutil.copytree(folder / _MADE, folder / _FRESH)
        if self._served:
            store = (f"sqlite:///{folder / _FRESH / _FILE}", str(folder / _PEPPER))
            server = Server("bench.store.serve", *store, environ=self._stage.environ)
            self._stage.closing.enter_context(server)
            (folder / _URL).write_text(server.url, encoding="ascii")


SCENARIO = Scenario("revocations", "10,000 leaked tokens revoked", build, of_repository=False)
