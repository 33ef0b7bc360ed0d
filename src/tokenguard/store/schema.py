"""Which version of the tables a database has, and the way to the current one (Alembic, run by the program itself)."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from tokenguard.errors import StoreError
from tokenguard.store.engine import Database

VERSIONS = ("0001", "0002")
"""The scripts in migrations/versions, oldest first; the last one is what this program works with."""

_LOCK = 0x746F6B656E67
"""Of PostgreSQL's advisory locks: two programs do not migrate one database at once."""


def version_of(connection: Connection) -> str | None:
    """The version of the tables; None: no tables yet."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def check_version(connection: Connection, name: str) -> None:
    """Go on only with the tables that this program was written for. `name`: the database, for the message.

    Raises:
        StoreError: they are older, newer, or not there.
    """
    version = version_of(connection)
    if version == VERSIONS[-1]:
        return
    if version is None:
        raise StoreError(f"{name}: not a token store yet", remedy="tokenguard store init")
    if version in VERSIONS:
        raise StoreError(f"{name}: made by an earlier tokenguard", remedy="tokenguard store migrate")
    raise _newer(name)


def migrate(database: Database) -> tuple[str, ...]:
    """Bring the tables to the current version, whole or not at all. Gives the versions that were missing.

    Raises:
        StoreError: they are of a newer program.
        UnavailableError: the database cannot be had now.
    """
    with database.writing() as connection:
        return migrate_in(connection, database.name)


def migrate_in(connection: Connection, name: str) -> tuple[str, ...]:
    """The same inside a transaction that writes."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    version = version_of(connection)
    if version is not None and version not in VERSIONS:
        raise _newer(name)
    missing = VERSIONS if version is None else VERSIONS[VERSIONS.index(version) + 1 :]
    if missing:
        _run(connection)
    return missing


def _newer(name: str) -> StoreError:
    return StoreError(
        f"{name}: made or migrated by a newer tokenguard",
        remedy="update this program; an older store is brought up by `tokenguard store migrate`",
    )


def _run(connection: Connection) -> None:
    # Alembic takes its time to import, and only init and migrate need it.
    from alembic import command
    from alembic.config import Config

    config = Config()
    # A percent sign would be an interpolation.
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
