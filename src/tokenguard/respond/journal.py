"""The journal of revocations: what was intended is written before anything is sent, and closed by its outcome.

An SQLite file in the user's state folder, theirs alone. What a crash, a kill or a silent issuer leaves open is finished
by `tokenguard revoke --resume`. No value of a token is ever in it.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from tokenguard.errors import JournalError
from tokenguard.model.revocation import Outcome
from tokenguard.respond.entry import Entry, entry_of, moment_of, row_of
from tokenguard.respond.intent import Intent

FILE = "revocations.db"
DISMISSED = "dismissed"
"""What stands in the place of an outcome where a person gave up."""

_VERSION = 1
_PATIENCE = 30
"""Seconds that another process may hold the file."""

_TABLE = """
CREATE TABLE IF NOT EXISTS revocations (
    number INTEGER PRIMARY KEY,
    issuer TEXT NOT NULL,
    identity TEXT NOT NULL,
    rule_id TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    prefix TEXT NOT NULL,
    token_sha256 TEXT,
    token_id TEXT,
    place TEXT NOT NULL,
    reason TEXT NOT NULL,
    all_matching INTEGER NOT NULL,
    asked_at INTEGER NOT NULL,
    closed_at INTEGER,
    outcome TEXT,
    note TEXT NOT NULL DEFAULT ''
)
"""
# However many processes intend the death of a token: it stands open once.
_INDEX = """
CREATE UNIQUE INDEX IF NOT EXISTS revocations_open ON revocations (issuer, identity) WHERE closed_at IS NULL
"""
_INSERT = """
INSERT INTO revocations (issuer, identity, rule_id, fingerprint, prefix, token_sha256, token_id, place, reason,
                         all_matching, asked_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (issuer, identity) WHERE closed_at IS NULL
DO UPDATE SET place = excluded.place, reason = excluded.reason, all_matching = excluded.all_matching
"""
_PENDING = """
SELECT number, all_matching, asked_at, place, issuer, rule_id, fingerprint, prefix, reason, note, token_sha256, token_id
FROM revocations WHERE closed_at IS NULL ORDER BY number
"""


@dataclass(frozen=True, slots=True)
class Closing:
    """What became of an entry, to be written down."""

    entry: Entry
    outcome: Outcome
    note: str = ""


class Journal:
    """One journal, opened. For one thread; other processes may have it open at the same time."""

    def __init__(self, path: Path) -> None:
        """Open the journal, made where there is none.

        Raises:
            JournalError: it cannot be read or written, or a newer tokenguard made it.
        """
        self.path = path
        with self._faults():
            _make_private(path)
            # A rollback journal instead of a WAL: homes lie on network file systems, which have no shared memory, and
            # two commits a thousand tokens are no load. EXTRA is FULL, and syncs the folder at the end of a commit too.
            self._database = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None)
            try:
                self._prepare()
            except BaseException:
                self._database.close()
                raise

    def _prepare(self) -> None:
        self._database.execute("PRAGMA journal_mode = DELETE")
        self._database.execute("PRAGMA synchronous = EXTRA")
        with self._transaction():
            (version,) = self._database.execute("PRAGMA user_version").fetchone()
            if version > _VERSION:
                raise JournalError(f"{self.path}: made by a newer tokenguard", remedy="use that one")
            if version < _VERSION:
                self._database.execute(_TABLE)
                self._database.execute(_INDEX)
                self._database.execute(f"PRAGMA user_version = {_VERSION}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def write(self, intents: Sequence[Intent]) -> list[Entry]:
        """Write all of them down, durably and in one step; an entry each, in their order.

        What stands open already, of this process or another, keeps its entry and its time.

        Raises:
            JournalError: none of them is written; nothing may be sent.
        """
        now = _now()
        with self._faults(), self._transaction():
            self._database.executemany(_INSERT, [row_of(intent, now) for intent in intents])
            numbers: dict[tuple[str, str], tuple[int, int]] = {
                (issuer, identity): (number, asked_at)
                for issuer, identity, number, asked_at in self._database.execute(
                    "SELECT issuer, identity, number, asked_at FROM revocations WHERE closed_at IS NULL"
                )
            }
        written = []
        for intent in intents:
            number, asked_at = numbers[intent.issuer, intent.identity]
            written.append(Entry(number, intent, moment_of(asked_at)))
        return written

    def settle(self, closings: Sequence[Closing]) -> None:
        """Close each entry by its outcome. An issuer that was not reached closes nothing: the note says why.

        Raises:
            JournalError: none of these is closed; they will be asked about again.
        """
        now = _now()
        open_still = [each for each in closings if each.outcome is Outcome.UNREACHABLE]
        with self._faults(), self._transaction():
            self._database.executemany(
                "UPDATE revocations SET closed_at = ?, outcome = ?, note = ? WHERE number = ? AND closed_at IS NULL",
                [
                    (now, each.outcome.value, each.note, each.entry.number)
                    for each in closings
                    if each.outcome is not Outcome.UNREACHABLE
                ],
            )
            self._database.executemany(
                "UPDATE revocations SET note = ? WHERE number = ? AND closed_at IS NULL",
                [(each.note, each.entry.number) for each in open_still],
            )

    def dismiss(self, entries: Sequence[Entry], note: str) -> None:
        """Close entries that nobody can finish; `note`: by whom and why, which is kept beside what was intended.

        Raises:
            JournalError: none of them is closed.
        """
        rows = [(_now(), DISMISSED, note, each.number) for each in entries]
        with self._faults(), self._transaction():
            self._database.executemany(
                "UPDATE revocations SET closed_at = ?, outcome = ?, note = ? WHERE number = ? AND closed_at IS NULL",
                rows,
            )

    def pending(self) -> tuple[Entry, ...]:
        """What is intended and not known to be done, the oldest first.

        Raises:
            JournalError: it cannot be read.
        """
        with self._faults():
            return tuple(entry_of(row) for row in self._database.execute(_PENDING))

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        # IMMEDIATE: a transaction that starts to write late is refused at once when another one wrote meanwhile.
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._database.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                self._database.execute("ROLLBACK")
            raise

    @contextlib.contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise JournalError(
                f"the journal of revocations cannot be used ({self.path}: {why})",
                remedy="make room there, make it writable, or move the file away; nothing is revoked without it",
            ) from None


def pending_in(path: Path) -> tuple[Entry, ...]:
    """What is pending in a journal that may not be there; nothing is made.

    Raises:
        JournalError: it is there and cannot be read.
    """
    if not os.path.lexists(path):
        return ()
    with Journal(path) as journal:
        return journal.pending()


def _make_private(path: Path) -> None:
    """The file and its folder, for their owner alone; SQLite gives its own files beside it the same mode."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    descriptor = os.open(path, flags, 0o600)
    try:
        if os.name == "posix" and os.fstat(descriptor).st_mode & 0o077:
            os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)


def _now() -> int:
    return int(datetime.now(UTC).timestamp() * 1_000_000)
