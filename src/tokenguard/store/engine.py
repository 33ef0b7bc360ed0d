"""How the store speaks to its database: SQLite by a path, PostgreSQL by a URL.

Every error of a database ends here, as StoreError, or UnavailableError where asking again can help. A message of the
database is never passed on: it may hold what was stored.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, QueuePool, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from tokenguard.errors import StoreError, UnavailableError, UsageError

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import DBAPIConnection

BUSY_SECONDS = 5
"""How long a call waits for others that write, or for a connection."""
_STATEMENT_SECONDS = 15
_RETRY_SECONDS = 2
_CONNECTIONS = 10
_MORE_CONNECTIONS = 20
_CACHE_KIB = 32 * 1024
_OLDEST_SQLITE = (3, 35)
"""The first with RETURNING."""

# What SQLite says when waiting, room on the disk or the file's return can help.
_SQLITE_PASSING = frozenset({"SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_FULL", "SQLITE_IOERR", "SQLITE_CANTOPEN"}) | {
    "SQLITE_READONLY",
    "SQLITE_NOMEM",
    "SQLITE_PROTOCOL",
    "SQLITE_INTERRUPT",
}
# Classes of PostgreSQL's SQLSTATE: connection exceptions, resources, operator intervention, system errors, rolled back
# (deadlock, serialisation); then the lock that was not had, and a transaction that is read-only (a standby).
_POSTGRES_PASSING = ("08", "53", "57", "58", "40", "55P03", "25006", "25P03")

_COLLISIONS = frozenset({"40001", "40P01"})
"""PostgreSQL's serialisation failure and deadlock."""


class CollisionError(UnavailableError):
    """Two transactions stood in each other's way, and this one was undone: it can be done again at once."""


class Database:
    """One database: transactions, and single connections of the driver for what must be fast."""

    def __init__(self, engine: Engine, path: Path | None) -> None:
        self.engine = engine
        self.path = path
        """SQLite's file; None: PostgreSQL."""
        self.generation = 0
        """Rises when the file at `path` became another: connections of before are then of no use."""
        self.listeners: list[Callable[[], object]] = []
        """Called after each transaction that wrote, by whoever wrote: they take no time, and raise nothing."""
        self._file = _identity(path)
        self._writing = threading.Lock()

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file of this machine."""
        return self.path is not None

    @property
    def name(self) -> str:
        """The database's name for messages; no password."""
        # A query may hold passwords too.
        return str(self.path) if self.path else self.engine.url.set(query={}).render_as_string(hide_password=True)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that reads.

        Raises:
            UnavailableError: the database cannot be had now.
            StoreError: it is broken.
        """
        self.check_present()
        with self.translated(), self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that writes: kept at its end, dropped on an exception.

        On SQLite it holds the one lock for writing from its first moment, so that what it reads is still so when it
        writes. On PostgreSQL whoever needs that locks rows.

        Raises:
            UnavailableError: the database cannot be had now, or somebody writes for too long.
            StoreError: it is broken.
        """
        self.check_present()
        with self._turn(), self.translated(), self.engine.connect() as connection:
            writer = connection.execution_options(tokenguard_writes=True)
            with writer.begin():
                yield writer
        for listener in self.listeners:
            listener()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        # SQLite lets those who wait poll, and the unlucky one may never get through: one queue is fairer.
        if not self.is_sqlite:
            yield
            return
        if not self._writing.acquire(timeout=2 * BUSY_SECONDS):
            raise UnavailableError(f"{self.name}: busy", retry_after=_RETRY_SECONDS)
        try:
            yield
        finally:
            self._writing.release()

    @contextmanager
    def translated(self) -> Iterator[None]:
        """The database's errors as the store's."""
        try:
            yield
        except (SQLAlchemyError, sqlite3.Error) as error:
            raise self.error_of(error) from None
        except Exception as error:
            # psycopg is loaded only with PostgreSQL; its connections are used directly too.
            if type(error).__module__.partition(".")[0] != "psycopg":
                raise
            raise self.error_of(error) from None

    def error_of(self, error: Exception) -> StoreError:
        """What an error of the database, SQLAlchemy or the driver means; its own text is left out."""
        if isinstance(error, PoolTimeoutError):
            return UnavailableError(f"{self.name}: too many calls at once", retry_after=_RETRY_SECONDS)
        cause = error.orig if isinstance(error, DBAPIError) else error
        name = getattr(cause, "sqlite_errorname", None) or getattr(cause, "sqlstate", None) or type(cause).__name__
        if name in _COLLISIONS:
            return CollisionError(f"{self.name}: busy ({name})", retry_after=_RETRY_SECONDS)
        if _passing(cause, name):
            return UnavailableError(f"{self.name}: does not answer ({name})", retry_after=_RETRY_SECONDS)
        return StoreError(f"{self.name}: the database failed ({name})", remedy="tokenguard store check")

    def check_present(self) -> None:
        """Notice a file that was moved away, deleted or put back: SQLite itself goes on writing to a deleted one.

        Raises:
            UnavailableError: there is no file.
        """
        if self.path is None:
            return
        found = _identity(self.path)
        if found != self._file:
            self._file = found
            self.generation += 1
            self.engine.dispose()
        if found is None:
            raise UnavailableError(f"{self.name}: no such file", retry_after=_RETRY_SECONDS)

    def driver_connection(self) -> DBAPIConnection:
        """A new connection of the driver, without SQLAlchemy, that commits each statement; the caller closes it.

        Raises:
            UnavailableError: the database cannot be had now.
        """
        with self.translated():
            pooled = self.engine.raw_connection()
            pooled.detach()
            connection: Any = pooled.dbapi_connection
            if not self.is_sqlite:
                connection.rollback()
                connection.autocommit = True
            return connection  # type: ignore[no-any-return]

    def close(self) -> None:
        """Let go of all connections."""
        self.engine.dispose()


def open_database(url: str | Path, *, create: bool = False) -> Database:
    """The database at a path, or at a URL `sqlite:///path`, `postgresql://…`; connects only when asked something.

    `create`: make SQLite's file, readable by its owner alone, when there is none.

    Raises:
        StoreError: no such file, or no such place for it.
        UsageError: a URL of another kind, or the driver is not installed.
    """
    parsed = None if isinstance(url, Path) else _url(url)
    if parsed is not None and parsed.get_backend_name() == "postgresql":
        return Database(_postgres(parsed), None)
    if parsed is not None and parsed.get_backend_name() != "sqlite":
        raise UsageError(f"a store on {parsed.get_backend_name()}", remedy="use SQLite or PostgreSQL")
    path = Path(url) if parsed is None else Path(parsed.database or "")
    return Database(_sqlite(_file(path, create=create)), path.absolute())


def _url(text: str) -> URL | None:
    """None: a path."""
    if "://" not in text:
        return None
    try:
        url = make_url(text)
    except ArgumentError:
        raise UsageError("not a store's URL", remedy="write sqlite:///PATH or postgresql://HOST/NAME") from None
    return url.set(drivername="postgresql") if url.drivername == "postgres" else url


def _file(path: Path, *, create: bool) -> Path:
    path = path.absolute()
    if path.is_dir() or path.name in {"", ":memory:"}:
        raise StoreError(f"{path}: not a file", remedy="name a file for the store")
    if create:
        _make(path)
    elif not path.exists():
        raise StoreError(f"{path}: no token store", remedy="tokenguard store init makes one")
    return path


def _make(path: Path) -> None:
    """An empty file of the owner alone. SQLite gives its journals the same mode."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise StoreError(f"{path}: cannot be made ({error.strerror})") from None


def _identity(path: Path | None) -> tuple[int, int] | None:
    if path is None:
        return None
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _sqlite(path: Path) -> Engine:
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise StoreError(f"SQLite {sqlite3.sqlite_version} is too old", remedy="use a Python with SQLite 3.35 or newer")
    # mode=rw: a file that is gone is not made again, empty.
    uri = f"file:{quote(str(path))}?mode=rw"
    engine = create_engine(
        "sqlite+pysqlite://",
        creator=lambda: _connected(uri),
        poolclass=QueuePool,
        pool_size=_CONNECTIONS,
        max_overflow=_MORE_CONNECTIONS,
        pool_timeout=BUSY_SECONDS,
        hide_parameters=True,
    )
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _connected(uri: str) -> sqlite3.Connection:
    # isolation_level None: the driver begins nothing by itself (it would begin too late).
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=BUSY_SECONDS)
    try:
        for pragma in (
            "journal_mode=WAL",
            # A commit that was acknowledged outlives a loss of power.
            "synchronous=FULL",
            "foreign_keys=ON",
            # INSERT OR REPLACE deletes: its trigger is to fire.
            "recursive_triggers=ON",
            "trusted_schema=OFF",
            f"cache_size=-{_CACHE_KIB}",
        ):
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("tokenguard_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _postgres(url: URL) -> Engine:
    arguments: dict[str, object] = {"application_name": "tokenguard", "connect_timeout": BUSY_SECONDS}
    # Milliseconds after which an answer that does not come is none (Linux; elsewhere without effect).
    arguments["tcp_user_timeout"] = _STATEMENT_SECONDS * 1000
    try:
        engine = create_engine(
            url.set(drivername="postgresql+psycopg"),
            connect_args={name: value for name, value in arguments.items() if name not in url.query},
            pool_size=_CONNECTIONS,
            max_overflow=_MORE_CONNECTIONS,
            pool_timeout=BUSY_SECONDS,
            pool_pre_ping=True,
            hide_parameters=True,
        )
    except ModuleNotFoundError:
        raise UsageError(
            "a store on PostgreSQL needs psycopg", remedy="install tokenguard's extra `postgres`"
        ) from None
    event.listen(engine, "connect", _settle_postgres)
    return engine


def _settle_postgres(connection: Any, _record: object) -> None:
    connection.autocommit = True
    connection.execute(f"SET statement_timeout = '{_STATEMENT_SECONDS}s'")
    connection.execute(f"SET lock_timeout = '{BUSY_SECONDS}s'")
    connection.execute("SET idle_in_transaction_session_timeout = '60s'")
    connection.autocommit = False


def _passing(cause: BaseException | None, name: str) -> bool:
    """Whether asking again can help."""
    if isinstance(cause, sqlite3.Error):
        return any(name == each or name.startswith(each + "_") for each in _SQLITE_PASSING)
    if name.startswith(_POSTGRES_PASSING):
        return True
    # A connection that broke has no SQLSTATE.
    return name in {"OperationalError", "InterfaceError", "ConnectionTimeout", "PoolTimeout"}
