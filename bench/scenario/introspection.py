"""Introspection over HTTP: tokenguard's server against a bare FastAPI endpoint that returns a constant.

One uvicorn worker each, the same client, rate limits off. Both servers run all the time; one is asked at a time.
"""

from __future__ import annotations

import sys
from importlib.metadata import version

from bench import reports
from bench.contestant import Contestant
from bench.limit import Limit, RatioLimit, Time
from bench.stage import Contest, Scenario, Stage
from bench.store import cluster
from bench.store.made import make
from bench.store.server import Server
from bench.tools import CHECKOUT

CONSTANT, SQLITE, POSTGRES = "a constant", "introspection, SQLite", "introspection, PostgreSQL"
_TOKENS = 100_000
_REQUESTS = 20_000
_CONNECTIONS = 16
_SQLITE_RATE, _POSTGRES_RATE = 0.6, 0.4
"""Requests a second, of the constant's, that are promised."""


def build(stage: Stage) -> Contest:
    """The servers, each with the same tokens behind it."""
    tokens, requests = stage.scaled(_TOKENS), stage.scaled(_REQUESTS)
    pepper = stage.folder / "pepper"
    urls = {SQLITE: f"sqlite:///{stage.folder / 'store.db'}"}
    if (url := cluster.started(stage.closing)) is not None:
        urls[POSTGRES] = url
    for url in urls.values():
        make(url, pepper, stage.seed, tokens)
    servers = {CONSTANT: _started(stage, "bench.store.constant")}
    servers |= {name: _started(stage, "bench.store.serve", url, str(pepper)) for name, url in urls.items()}
    contestants = tuple(_load(name, url, requests, tokens, stage.seed) for name, url in servers.items())
    facts: dict[str, str | int] = {
        "tokens": tokens, "requests": requests, "connections": _CONNECTIONS, "rate limits and access logs": "off",
        **{name: version(name) for name in ("fastapi", "uvicorn", "httptools", "uvloop", "SQLAlchemy")},
    }  # fmt: skip
    return Contest(CONSTANT, contestants, limits(), facts, warm_up=contestants)


def _started(stage: Stage, module: str, *arguments: str) -> str:
    """The URL of a server that ends with the scenario."""
    return stage.closing.enter_context(Server(module, *arguments, environ=stage.environ)).url


def _load(name: str, url: str, requests: int, tokens: int, seed: int) -> Contestant:
    numbers = {"requests": requests, "tokens": tokens, "connections": _CONNECTIONS, "seed": seed}
    options = (text for option, number in numbers.items() for text in (f"--{option}", str(number)))
    command = (sys.executable, "-m", "bench.store.load", url, *options)
    return Contestant(name, command, reports.own_clock, folder=CHECKOUT, to_standard_output=True)


def limits() -> tuple[Limit, ...]:
    """A rate that is at least a part of another is a time that is at most so many times the other."""
    promised = ((SQLITE, _SQLITE_RATE), (POSTGRES, _POSTGRES_RATE))
    return tuple(
        RatioLimit(f"{name} ÷ {CONSTANT}", Time(name), Time(CONSTANT), round(1 / rate, 2)) for name, rate in promised
    )


SCENARIO = Scenario("introspection", "Introspection over HTTP", build, of_repository=False)
