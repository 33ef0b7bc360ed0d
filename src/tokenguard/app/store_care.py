"""The care of a store: made, migrated, checked, backed up, swept. Where it and its pepper are, the environment says."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokenguard.app.embedded import extra_missing, make_peppers, pepper_file, store_place, user_name
from tokenguard.config.server_file import default_policies, read_server_file
from tokenguard.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tokenguard.model.rule import RuleSet
    from tokenguard.model.token import Created
    from tokenguard.store.check import StoreCheck
    from tokenguard.store.engine import Database
    from tokenguard.store.pepper import Peppers

_PEPPER_FILE = "TOKENGUARD_PEPPER_FILE"
_PEPPER = "TOKENGUARD_PEPPER"


@dataclass(frozen=True, slots=True)
class NewStore:
    """A store that was made just now."""

    name: str
    """Its file, or its URL without a password."""
    pepper: str
    """Where its pepper is."""
    admin: Created


def pepper_place(environ: Mapping[str, str]) -> str:
    """Where the pepper is, in words."""
    if environ.get(_PEPPER):
        return f"the environment variable {_PEPPER}"
    return environ.get(_PEPPER_FILE) or str(pepper_file(environ))


def initialise(
    environ: Mapping[str, str], ruleset: RuleSet, *, email: str, name: str, config: Path | None = None
) -> NewStore:
    """Make a store, its pepper and a first admin, whose token is in the answer, this once.

    Raises:
        UsageError: no place for it is known, or the extra for it is not installed.
        ConfigError: the server's file is wrong.
        RefusedError: VALIDATION: not an address, or not a name.
        StoreError: there is one already, or it cannot be made.
    """
    with _installed():
        from tokenguard.store.initialise import FirstAdmin
        from tokenguard.store.initialise import initialise as make

        policies = default_policies() if config is None else read_server_file(config)
        store, created = make(
            store_place(environ),
            peppers=make_peppers(environ),
            ruleset=ruleset,
            policies=policies,
            admin=FirstAdmin(email, name),
            by=f"local:{user_name(environ)}",
        )
    with store:
        if created is None:
            raise StoreError("the store was made without an admin")
        return NewStore(store.database.name, pepper_place(environ), created)


def migrate(environ: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """Bring the store's tables to this program's version: its name, and the versions that were missing.

    Raises:
        UsageError: no place for it is known, or the extra for it is not installed.
        StoreError: there is none, or it is of a newer program.
    """
    with _opened(environ) as database:
        from tokenguard.store.schema import check_version, migrate, version_of

        with database.reading() as connection:
            if version_of(connection) is None:
                check_version(connection, database.name)
        return database.name, migrate(database)


def check(environ: Mapping[str, str]) -> tuple[str, StoreCheck]:
    """Whether the store holds what it promises: its name, and what was found.

    Raises:
        UsageError: no place for it is known, or the extra for it is not installed.
        StoreError: there is none, or it cannot be read at all.
    """
    with _opened(environ) as database:
        from dataclasses import replace

        from tokenguard.store.check import check_database

        peppers: Peppers | None = None
        unreadable: tuple[str, ...] = ()
        try:
            peppers = _peppers(environ)
        except StoreError as error:
            unreadable = (f"the pepper: {error}",)
        found = check_database(database, peppers)
        return database.name, replace(found, faults=(*found.faults, *unreadable))


def back_up(environ: Mapping[str, str], target: Path) -> tuple[str, StoreCheck]:
    """Copy the store to a new file while it is written to: its name, and the check of the copy.

    Raises:
        UsageError: the file is there already; a store on PostgreSQL; the extra for it is not installed.
        StoreError: no pepper can be read, the file cannot be written, the copy is not sound.
    """
    with _opened(environ) as database:
        from tokenguard.store.backup import back_up

        return database.name, back_up(database, _peppers(environ), target)


def sweep(environ: Mapping[str, str], ruleset: RuleSet) -> tuple[str, dict[str, int]]:
    """Delete what the store may forget: its name, and how many rows of each kind.

    Raises:
        UsageError: no place for it is known, or the extra for it is not installed.
        StoreError: it is broken, or older or newer than this program.
    """
    with _installed():
        from tokenguard.store.store import Store
        from tokenguard.store.sweep import sweep
    with Store.open(store_place(environ), peppers=_peppers(environ), ruleset=ruleset) as store:
        with store.database.writing() as connection:
            forgotten = sweep(connection, store.context)
        return store.database.name, forgotten


def _peppers(environ: Mapping[str, str]) -> Peppers:
    from tokenguard.store.pepper import peppers_for

    return peppers_for(environ, pepper_file(environ))


@contextmanager
def _opened(environ: Mapping[str, str]) -> Iterator[Database]:
    with _installed():
        from tokenguard.store.engine import open_database

        database = open_database(store_place(environ))
    try:
        yield database
    finally:
        database.close()


@contextmanager
def _installed() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        raise extra_missing(error) from None
