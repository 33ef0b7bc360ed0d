"""Stores with so many tokens, made at once: minted one by one, each on the disk, a million would take an hour."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select

from tokenguard.model.policy import Policies
from tokenguard.model.secret import Secret
from tokenguard.ruleset.assemble import load_builtin
from tokenguard.store.actor import Permission
from tokenguard.store.initialise import ADMIN, initialise
from tokenguard.store.pepper import make_pepper_file, read_pepper_file
from tokenguard.store.store import Store
from tokenguard.store.tables import roles, tokens, users

CALLER = -1
"""The number of the token that asks, which may everything."""

_FAMILY = "keebai-api-key"
_VISIBLE = 12
_AT_ONCE = 10_000
USER = "usr_bench"


def token(seed: int, number: int) -> Secret:
    """Token `number` of a store; it looks like one of Keebai's."""
    return Secret(b"kbai_pk_" + sha256(f"tokenguard bench {seed} {number}".encode()).hexdigest().encode())


def token_id(number: int) -> str:
    """Its id."""
    return f"tok_{number + 1:024x}"


def make(url: str | Path, pepper_file: Path, seed: int, count: int) -> None:
    """Make a store with `count` live tokens of one user, who may everything, and the CALLER's."""
    store, _ = initialise(url, peppers=make_pepper_file(pepper_file), ruleset=load_builtin())
    with store:
        _fill(store, seed, count)


def opened(url: str | Path, pepper_file: Path, policies: Policies | None = None) -> Store:
    """A store that was made."""
    return Store.open(url, peppers=read_pepper_file(pepper_file), ruleset=load_builtin(), policies=policies)


def _fill(store: Store, seed: int, count: int) -> None:
    now = time.time_ns() // 1000
    with store.database.writing() as connection:
        role = connection.execute(select(roles.c.id).where(roles.c.name == ADMIN)).scalar_one()
        user = {"id": USER, "email": "bench@example.org", "name": "Bench", "plan": "FREE", "role_id": role}
        connection.execute(insert(users).values(**user, active=True, created_at=now))
        rows = _rows(store, seed, count, now)
        while some := [row for _, row in zip(range(_AT_ONCE), rows, strict=False)]:
            connection.execute(insert(tokens), some)


def _rows(store: Store, seed: int, count: int, now: int) -> Iterator[dict[str, Any]]:
    for number in (CALLER, *range(count)):
        value = token(seed, number).reveal()
        pepper, keyed = store.context.peppers.keyed(sha256(value).digest())
        scopes = list(map(str, Permission)) if number == CALLER else ["messages:send"]
        yield {
            "id": token_id(number),
            "family": _FAMILY,
            "prefix": value[:_VISIBLE].decode(),
            "keyed_hash": keyed,
            "pepper_id": pepper,
            "name": "caller" if number == CALLER else f"token {number}",
            "owner_id": USER,
            "scopes": json.dumps(scopes),
            "honeytoken": False,
            "created_at": now + number,
        }
