"""The addresses of users whom records and events name by their ids: an id says nothing to people."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, select

from tokenguard.store.bulk import among
from tokenguard.store.tables import users

_USER = "usr_"


def emails_of(connection: Connection, names: Iterable[str | None]) -> dict[str, str]:
    """Addresses by id; one query, none where no name is a user's. `local:<user>`, forges and the like have none."""
    ids = {name for name in names if name is not None and name.startswith(_USER)}
    if not ids:
        return {}
    rows = connection.execute(select(users.c.id, users.c.email).where(among(connection, users.c.id, ids)))
    return {row.id: row.email for row in rows}
