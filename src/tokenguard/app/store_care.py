"""The care of a store: made, checked, backed up, swept, its messages sent. The environment says where it is."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tokenguard.app.embedded import extra_missing, make_peppers, pepper_file, store_place, user_name
from tokenguard.config.server_file import policies_for
from tokenguard.errors import ConfigError, StoreError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tokenguard.errors import TokenguardError
    from tokenguard.model.rule import RuleSet
    from tokenguard.model.token import Created
    from tokenguard.respond.relay import Tally
    from tokenguard.store.check import StoreCheck
    from tokenguard.store.deliveries import DeadDelivery, Struggling
    from tokenguard.store.engine import Database
    from tokenguard.store.pepper import Peppers
    from tokenguard.store.store import Store

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


@dataclass(frozen=True, slots=True)
class StoreState:
    """A store that is there."""

    name: str
    """Its file, or its URL without a password."""
    pepper: TokenguardError | None
    """Why its tokens cannot be told; None: its peppers are all there."""
    waiting: int
    """Messages that are on their way."""
    untold: int
    """Messages that were too old to be told when a channel first came."""
    struggling: tuple[Struggling, ...]
    """Channels that messages did not reach yet."""
    dead: tuple[DeadDelivery, ...]
    """Those that were given up."""


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

        policies = policies_for(config, ruleset)
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


def rotate_pepper(environ: Mapping[str, str]) -> tuple[str, str]:
    """Add a pepper to its file, for all tokens from now on: where it is, and the new one's id.

    Raises:
        UsageError: the pepper is in a variable, or no place for its file is known.
        StoreError: the file is missing or cannot be written.
    """
    with _installed():
        from tokenguard.store.pepper import rotate_pepper_file
    if environ.get(_PEPPER):
        raise UsageError(f"the pepper is in {_PEPPER}", remedy="a rotation needs it in a file, one a line")
    named = environ.get(_PEPPER_FILE)
    path = Path(named) if named else pepper_file(environ)
    if path is None:
        raise UsageError("no home folder for the pepper", remedy=f"set HOME or {_PEPPER_FILE}")
    return str(path), rotate_pepper_file(path).ids[-1]


def back_up(environ: Mapping[str, str], target: Path) -> tuple[str, StoreCheck]:
    """Copy the store to a new file while it is written to: its name, and the check of the copy.

    Raises:
        UsageError: the file is there already; a store on PostgreSQL; the extra for it is not installed.
        StoreError: no pepper can be read, the file cannot be written, the copy is not sound.
    """
    with _opened(environ) as database:
        from tokenguard.store.backup import back_up

        return database.name, back_up(database, _peppers(environ), target)


def sweep(
    environ: Mapping[str, str], ruleset: RuleSet, config: Path | None = None
) -> tuple[str, dict[str, int], dict[str, int]]:
    """Do what time does to tokens, and delete what the store may forget.

    Gives its name, of how many tokens each was done, and how many rows of each kind were deleted.

    Raises:
        UsageError: no place for it is known, or the extra for it is not installed.
        ConfigError: the server's file is wrong.
        StoreError: it is broken, or older or newer than this program.
    """
    with _store(environ, ruleset, config) as store:
        from tokenguard.store.lifecycle import tend
        from tokenguard.store.sweep import sweep

        tended = tend(store.database, store.context)
        with store.database.writing() as connection:
            forgotten = sweep(connection, store.context)
        return store.database.name, tended, forgotten


def relay(
    environ: Mapping[str, str], ruleset: RuleSet, config: Path | None, *, retry_dead: bool = False
) -> tuple[str, Tally]:
    """Send what is to be told and is due, once: the store's name, and what came of it.

    Raises:
        UsageError: no place for the store is known, or the extra for it is not installed.
        ConfigError: the server's file is wrong, names no channel, or a secret that is not there.
        StoreError: the store is broken, or older or newer than this program.
    """
    with _store(environ, ruleset, config) as store:
        from tokenguard.respond.relay import Relay, lanes
        from tokenguard.store.deliveries import revive

        ways = lanes(store.context.policies.notifications, environ)
        if not ways:
            raise ConfigError("no channel is configured", remedy="name them under `notifications`, and --config FILE")
        if retry_dead:
            with store.database.writing() as connection:
                revive(connection, store.context)
        return store.database.name, Relay(store.database, store.context, ways).once()


def state(environ: Mapping[str, str]) -> StoreState | None:
    """How it stands with the store, without looking at all of it; None: there is none here.

    Raises:
        UsageError: no place for it is known, or the extra for it is not installed.
        StoreError: it is broken, or older or newer than this program.
        UnavailableError: its database does not answer.
    """
    place = store_place(environ)
    if not isinstance(place, str) and not place.exists():
        return None
    with _opened(environ) as database:
        from tokenguard.store.check import foreign
        from tokenguard.store.deliveries import counts, dead, struggling
        from tokenguard.store.schema import check_version

        pepper: TokenguardError | None = None
        with database.reading() as connection:
            check_version(connection, database.name)
            try:
                lost = next(foreign(connection, _peppers(environ)), None)
            except StoreError as error:
                pepper = error
            else:
                pepper = (
                    StoreError(lost, remedy="put the line that is missing back into the pepper file") if lost else None
                )
            number = counts(connection)
            return StoreState(
                database.name, pepper, number.waiting, number.untold, struggling(connection), dead(connection)
            )


@contextmanager
def _store(environ: Mapping[str, str], ruleset: RuleSet, config: Path | None) -> Iterator[Store]:
    with _installed():
        from tokenguard.store.store import Store
    policies = policies_for(config, ruleset)
    with Store.open(store_place(environ), peppers=_peppers(environ), ruleset=ruleset, policies=policies) as store:
        yield store


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
