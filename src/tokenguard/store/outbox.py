"""What is to be told to the world outside: a row, written in the transaction of what it tells of.

`store/deliveries.py` takes the rows out later, for each channel at least once; receivers tell repetitions apart by the
row's id.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from sqlalchemy import Connection

from tokenguard.model.notification import Kind
from tokenguard.store.bulk import insert_rows
from tokenguard.store.context import Context
from tokenguard.store.tables import outbox

Payload: TypeAlias = Mapping[str, object]
"""JSON values. Never a token, nor its hash."""

__all__ = ["Kind", "Payload", "put"]

_COLUMNS = ("id", "at", "kind", "payload", "attempts", "next_at")
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def put(connection: Connection, context: Context, kind: Kind, payloads: Iterable[Payload], at: int) -> None:
    """Have each of `payloads` delivered, from `at` (microseconds) on."""
    rows = [(context.new_id("out"), at, str(kind), _encode(payload), 0, at) for payload in payloads]
    insert_rows(connection, outbox, _COLUMNS, rows)
