"""Requests that may be sent twice and must be done once: kept with their key for a day, beside what they made.

The row is written in the transaction of what it stands for. Who sends the same at the same time waits for that one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256

from sqlalchemy import Connection, delete, select, update

from tokenguard.errors import RefusedError
from tokenguard.store.actor import Actor
from tokenguard.store.bulk import insert_into
from tokenguard.store.clock import DAY
from tokenguard.store.context import Context
from tokenguard.store.tables import idempotency
from tokenguard.store.words import checked_name

_KEPT = DAY


def earlier(
    connection: Connection, context: Context, actor: Actor, key: str, asked: Mapping[str, object]
) -> str | None:
    """The id of the token that was made for this key before; None: it is the first time, and the key is taken.

    `asked`: all that the request asks for.

    Raises:
        RefusedError: VALIDATION: not a key, or it was used for another request. CONFLICT: that one is not done yet.
    """
    key = checked_name(context, key, "/Idempotency-Key")
    request = sha256(json.dumps(dict(asked), default=str, sort_keys=True).encode()).digest()
    now = context.now()
    mine = idempotency.c.actor == actor.name
    connection.execute(delete(idempotency).where(mine, idempotency.c.created_at <= now - _KEPT))
    values = {"actor": actor.name, "key": key, "request": request, "created_at": now}
    taken = insert_into(connection, idempotency).values(values).on_conflict_do_nothing().returning(idempotency.c.key)
    if connection.execute(taken).first() is not None:
        return None
    row = connection.execute(select(idempotency).where(mine, idempotency.c.key == key)).one()
    if row.request != request:
        raise RefusedError(
            "VALIDATION", "this Idempotency-Key was used for another request", pointers=("/Idempotency-Key",)
        )
    if row.token_id is None:
        raise RefusedError("CONFLICT", "the request of this Idempotency-Key is still running", remedy="ask again later")
    return str(row.token_id)


def made(connection: Connection, actor: Actor, key: str, token_id: str) -> None:
    """Say what the request of that key made."""
    mine = (idempotency.c.actor == actor.name) & (idempotency.c.key == key.strip())
    connection.execute(update(idempotency).where(mine).values(token_id=token_id))
