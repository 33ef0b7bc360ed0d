"""A consistent copy of the store while it is written to, checked before it counts as one.

The copy holds no pepper, and is of no use without it: the two are kept apart, so that no thief finds both.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from contextlib import closing, suppress
from pathlib import Path

from tokenguard.errors import StoreError, UsageError
from tokenguard.store.check import StoreCheck, check_database
from tokenguard.store.engine import Database, open_database
from tokenguard.store.pepper import Peppers


def back_up(database: Database, peppers: Peppers, target: Path) -> StoreCheck:
    """Copy the store to a new file that its owner alone can read; what the check of the copy found.

    `peppers` are asked for because a copy whose pepper is lost confirms no token and can never be used again. The file
    appears whole, or not at all.

    Raises:
        UsageError: the file is there already; the store is on PostgreSQL.
        StoreError: it cannot be written, or the copy is not sound.
        UnavailableError: the store cannot be read now.
    """
    if not database.is_sqlite:
        raise UsageError("a store on PostgreSQL is not copied file by file", remedy="back it up with pg_dump")
    if os.path.lexists(target):
        raise _exists(target)
    temporary = _new_file(target)
    try:
        _copy(database, temporary)
        found = _checked(temporary, peppers)
        if not found.sound:
            raise StoreError(f"the copy is not sound: {found.faults[0]}", remedy="tokenguard store check")
        _keep(temporary, target)
    finally:
        for suffix in ("", "-wal", "-shm", "-journal"):
            with suppress(FileNotFoundError):
                os.unlink(f"{temporary}{suffix}")
    return found


def _exists(target: Path) -> UsageError:
    return UsageError(f"{target}: is there already", remedy="name a new file")


def _new_file(target: Path) -> Path:
    """An empty file beside the target: mkstemp makes it 0600."""
    try:
        handle, name = tempfile.mkstemp(dir=target.absolute().parent, prefix=".tokenguard-backup-")
    except OSError as error:
        raise StoreError(f"{target}: cannot be written ({error.strerror})") from None
    os.close(handle)
    return Path(name)


def _copy(database: Database, target: Path) -> None:
    """In one step, so that all pages are of one moment; in WAL mode nobody who writes waits for it."""
    with database.reading() as connection, closing(sqlite3.connect(target, isolation_level=None)) as copy:
        source = connection.connection.driver_connection
        if not isinstance(source, sqlite3.Connection):
            raise TypeError
        source.backup(copy)


def _checked(path: Path, peppers: Peppers) -> StoreCheck:
    copy = open_database(path)
    try:
        return check_database(copy, peppers)
    finally:
        copy.close()


def _keep(temporary: Path, target: Path) -> None:
    try:
        with closing(sqlite3.connect(temporary, isolation_level=None)) as copy:
            # One file, nothing beside it: a copy is carried about.
            copy.execute("PRAGMA journal_mode=DELETE")
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        # A link, not a rename: that would replace a file which somebody else made meanwhile.
        os.link(temporary, target)
    except FileExistsError:
        raise _exists(target) from None
    except OSError as error:
        raise StoreError(f"{target}: cannot be written ({error.strerror})") from None
