"""The public keys by which a forge signs its alerts, the last known good ones: its key service may be down."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, delete, func, select

from tokenguard.model.leak_intake import PartnerKey
from tokenguard.store.bulk import insert_rows
from tokenguard.store.tables import partner_keys

_COLUMNS = ("provider", "key_id", "pem", "fetched_at")
_NEWER = "ON CONFLICT (provider, key_id) DO UPDATE SET pem = excluded.pem, fetched_at = excluded.fetched_at"


class KnownKeys(NamedTuple):
    """The keys that were fetched last, and when (microseconds; 0: never)."""

    keys: tuple[PartnerKey, ...]
    fetched_at: int


def known_keys(connection: Connection, provider: str) -> KnownKeys:
    """What was kept of that provider."""
    theirs = partner_keys.c.provider == provider
    rows = connection.execute(select(partner_keys.c.key_id, partner_keys.c.pem).where(theirs)).all()
    latest = connection.execute(select(func.max(partner_keys.c.fetched_at)).where(theirs)).scalar()
    return KnownKeys(tuple(PartnerKey(key_id, pem) for key_id, pem in rows), latest or 0)


def keep_keys(connection: Connection, provider: str, keys: Sequence[PartnerKey], now: int) -> None:
    """Keep these keys of that provider, and no others: one that it does not publish any more is not good any more."""
    gone = partner_keys.c.key_id.not_in([key.id for key in keys])
    connection.execute(delete(partner_keys).where(partner_keys.c.provider == provider, gone))
    insert_rows(connection, partner_keys, _COLUMNS, [(provider, key.id, key.pem, now) for key in keys], _NEWER)
