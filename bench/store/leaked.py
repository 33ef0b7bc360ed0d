"""Stores whose tokens leaked, each once, so that every list of the dashboard is as long as the store is large."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from bench.store.made import USER, make, opened, token_id
from tokenguard.store.clock import DAY, HOUR
from tokenguard.store.tables import audit, leaks, sightings, token_uses

_AT_ONCE = 10_000
_SPREAD = 180 * DAY
"""Over which the leaks came; microseconds."""


def make_leaked(url: str | Path, pepper_file: Path, seed: int, count: int) -> None:
    """Make a store with `count` live tokens of one user, each used once, leaked once, with an event."""
    make(url, pepper_file, seed, count)
    now = time.time_ns() // 1000
    with opened(url, pepper_file) as store, store.database.writing() as connection:
        for table, rows in (
            (leaks, (_leak(number, count, now) for number in range(count))),
            (sightings, (_sighting(number, now) for number in range(count))),
            (token_uses, (_use(number, now) for number in range(count))),
            (audit, (_event(number, now) for number in range(count))),
        ):
            portions = _portions(rows)
            for some in portions:
                connection.execute(insert(table), some)


def leak_id(number: int) -> str:
    """The id of the leak of token `number`."""
    return f"leak_{number + 1:024x}"


def _leak(number: int, count: int, now: int) -> dict[str, Any]:
    return {
        "id": leak_id(number),
        "identity": f"token:{token_id(number)}",
        "rule_id": "keebai-api-key",
        "prefix": "kbai_pk_0000",
        "token_id": token_id(number),
        "state": "resolved" if number % 2 else "open",
        "first_seen": now - _SPREAD * number // count,
        "resolution": "rewritten" if number % 2 else None,
    }


def _sighting(number: int, now: int) -> dict[str, Any]:
    return {
        "id": f"sight_{number:024x}",
        "leak_id": leak_id(number),
        "source": "tokenguard",
        "url": f"https://git.example/team/shop/blob/{number:040x}/conf/app.env",
        "path": "conf/app.env",
        "commit_id": f"{number:040x}",
        "reported_by": USER,
        "reported_at": now,
    }


def _use(number: int, now: int) -> dict[str, Any]:
    return {"token_id": token_id(number), "hour": now // HOUR, "address": "192.0.2.1", "uses": 3, "last_used_at": now}


def _event(number: int, now: int) -> dict[str, Any]:
    return {
        "id": f"evt_{number:024x}",
        "at": now,
        "actor": USER,
        "action": "leak.reported",
        "token_id": token_id(number),
        "address": "192.0.2.1",
        "agent": "tokenguard/bench",
        "detail": f'{{"leak":"{leak_id(number)}"}}',
    }


def _portions(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    while some := [row for _, row in zip(range(_AT_ONCE), rows, strict=False)]:
        yield some
