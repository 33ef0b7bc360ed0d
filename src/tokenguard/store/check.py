"""Whether a store holds what it promises: asked by `store check`, and of each backup before it counts as one.

It reads, and changes nothing; each fault is a sentence that names no more than ids.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, Select, func, select, text
from sqlalchemy.exc import DatabaseError

from tokenguard.errors import StoreError, UnavailableError
from tokenguard.store.audit import Action
from tokenguard.store.engine import Database
from tokenguard.store.pepper import Peppers
from tokenguard.store.schema import VERSIONS, version_of
from tokenguard.store.tables import audit, deliveries, leaks, metadata, outbox, tokens, users

_HASH_BYTES = 32
_NAMED = 5
"""Faulty rows that are named; all are counted."""
_TRIGGERS = frozenset(
    {
        "tokens_revoked",
        "tokens_expires",
        "tokens_used",
        "tokens_fixed",
        "tokens_no_delete",
        "audit_no_delete",
        "audit_no_update",
    }
)
_POSTGRES_TRIGGERS = frozenset({"tokens_no_truncate", "audit_no_truncate"})
_ENDINGS = (Action.TOKEN_REVOKED, Action.TOKEN_ROTATED)
"""Events that tell of a token's end. A rotation does where nothing was granted of a grace."""


@dataclass(frozen=True, slots=True)
class StoreCheck:
    """What was looked at, and what is wrong."""

    version: str | None
    users: int
    tokens: int
    revoked: int
    leaks: int
    events: int
    faults: tuple[str, ...]
    dead_messages: int = 0
    """What was given up: no fault of the store."""
    untold_messages: int = 0
    """What was too old when a channel first came: no fault either."""

    @property
    def sound(self) -> bool:
        """Nothing is wrong."""
        return not self.faults


def check_database(database: Database, peppers: Peppers | None) -> StoreCheck:
    """Look at all of a database.

    Raises:
        StoreError: it is no database at all.
        UnavailableError: it cannot be had now.
    """
    database.check_present()
    try:
        # Rolled back, for nothing was written: SQLite refuses to commit what it read of a damaged file.
        with database.translated(), database.engine.connect() as connection:
            return check(connection, peppers)
    except UnavailableError:
        raise
    except StoreError as error:
        # It says that this check would tell more.
        raise StoreError(error.message, remedy="put a backup in its place, and check that") from None


def check(connection: Connection, peppers: Peppers | None) -> StoreCheck:
    """Look at all of it, in the transaction of `connection`. Without peppers, what they keyed is not looked at."""
    try:
        return _looked_at(connection, peppers)
    except DatabaseError as error:
        # Some damage SQLite does not report but stumble over.
        name = getattr(error.orig, "sqlite_errorname", "")
        if not name.startswith("SQLITE_CORRUPT"):
            raise
        return StoreCheck(None, 0, 0, 0, 0, 0, (f"SQLite: {name}",))


def _looked_at(connection: Connection, peppers: Peppers | None) -> StoreCheck:
    version, damage = None, tuple(_damage(connection))
    if not damage:
        version = version_of(connection)
    if version != VERSIONS[-1]:
        what = "has no tables of a store" if version is None else f"has the tables of version {version}"
        return StoreCheck(version, 0, 0, 0, 0, 0, damage or (f"the database {what}",))
    return StoreCheck(
        version,
        users=_number(connection, users.c.id),
        tokens=_number(connection, tokens.c.id),
        revoked=_number(connection, tokens.c.revoked_at),
        leaks=_number(connection, leaks.c.id),
        events=_number(connection, audit.c.id),
        faults=(
            *(fault for look in _LOOKS for fault in look(connection)),
            *(foreign(connection, peppers) if peppers is not None else ()),
        ),
        dead_messages=_number(connection, deliveries.c.dead_at),
        untold_messages=_number(connection, outbox.c.dead_at),
    )


def _number(connection: Connection, column: Column[Any]) -> int:
    """How many rows have something in that column."""
    return connection.execute(select(func.count(column))).scalar_one()


def _damage(connection: Connection) -> Iterator[str]:
    """What SQLite itself finds. PostgreSQL's pages are looked after by checksums and its own tools."""
    if connection.dialect.name == "sqlite":
        for (finding,) in connection.execute(text("PRAGMA integrity_check(10)")):
            if finding != "ok":
                # It names tables, pages and row numbers, no values.
                yield f"SQLite: {finding}"


def _references(connection: Connection) -> Iterator[str]:
    """Rows that point to nothing, whoever wrote them without the database looking."""
    for table in metadata.sorted_tables:
        for key in table.foreign_key_constraints:
            (element,) = key.elements
            column, target = element.parent, element.column
            lost = select(func.count()).select_from(table.outerjoin(target.table, column == target))
            number = connection.execute(lost.where(column.is_not(None), target.is_(None))).scalar_one()
            if number:
                yield f"{number} rows of {table.name} name a row of {target.table.name} that is not there"


def _triggers(connection: Connection) -> Iterator[str]:
    """What makes revocations final, gone."""
    if connection.dialect.name == "sqlite":
        asked, wanted = "SELECT name FROM sqlite_master WHERE type = 'trigger'", _TRIGGERS
    else:
        # 'O': it fires for everybody; 'D' is switched off.
        asked = (
            "SELECT tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid"
            " WHERE NOT tgisinternal AND tgenabled IN ('O', 'A') AND relnamespace = current_schema()::regnamespace"
        )
        wanted = _TRIGGERS | _POSTGRES_TRIGGERS
    missing = wanted.difference(connection.execute(text(asked)).scalars())
    if missing:
        yield f"triggers are missing: {', '.join(sorted(missing))}"


def _endings(connection: Connection) -> Iterator[str]:
    """Every revocation has its event, and every event its revocation: else one of them was lost or undone."""
    told = select(audit.c.token_id).where(audit.c.action.in_(_ENDINGS), audit.c.token_id == tokens.c.id)
    silent = select(tokens.c.id).where(tokens.c.revoked_at.is_not(None), ~told.exists())
    yield from _rows(connection, silent, "revoked without an event in the audit")
    undone = (
        select(tokens.c.id)
        .join(audit, audit.c.token_id == tokens.c.id)
        .where(audit.c.action == Action.TOKEN_REVOKED, tokens.c.revoked_at.is_(None))
        .distinct()
    )
    yield from _rows(connection, undone, "live again after their revocation")


def _hashes(connection: Connection) -> Iterator[str]:
    """A broken unique index lets two rows have one hash."""
    odd = select(tokens.c.id).where(func.length(tokens.c.keyed_hash) != _HASH_BYTES)
    yield from _rows(connection, odd, "with a hash of the wrong length")
    twice = select(func.min(tokens.c.id)).group_by(tokens.c.keyed_hash).having(func.count() > 1)
    yield from _rows(connection, twice, "with the hash of another")


_LOOKS: tuple[Callable[[Connection], Iterator[str]], ...] = (_references, _triggers, _endings, _hashes)


def foreign(connection: Connection, peppers: Peppers) -> Iterator[str]:
    """Tokens that no readable pepper keyed: nobody can use them, and nobody can revoke them by value."""
    unknown = select(tokens.c.id).where(tokens.c.pepper_id.not_in(peppers.ids))
    yield from _rows(connection, unknown, "under a pepper that cannot be read")


def _rows(connection: Connection, ids: Select[tuple[str]], what: str) -> Iterator[str]:
    found = ids.subquery()
    number = connection.execute(select(func.count()).select_from(found)).scalar_one()
    if number:
        named = connection.execute(select(found).limit(_NAMED)).scalars().all()
        more = ", …" if number > len(named) else ""
        yield f"{number} token{'' if number == 1 else 's'} {what}: {', '.join(named)}{more}"
