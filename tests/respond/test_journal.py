"""The journal: private, durable, open until an outcome is known, the same for several processes."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tokenguard.errors import JournalError
from tokenguard.model import Location
from tokenguard.model.revocation import Outcome
from tokenguard.respond.intent import Intent
from tokenguard.respond.journal import FILE, Closing, Journal, pending_in

PLACE = Location("git", "a/caf\udce9.env", 3, 5, 3, 77, "1c" * 20, "2e" * 20, via=("zip:b", "base64"))
INTENT = Intent(
    "store.example:443", "keebai-api-key", "5f" * 16, "kbai_pk_a1b2", "0d" * 32, root="/src/caf\udce9",
    locations=(PLACE,), reason="found in a\nrepository", seen="ticket 4711",
)  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "tokenguard" / FILE


def numbered(number: int) -> Intent:
    return replace(INTENT, token_sha256=f"{number:064x}", fingerprint=f"{number:032x}")


def rows(path: Path, question: str) -> list[tuple[object, ...]]:
    with contextlib.closing(sqlite3.connect(path)) as database:
        return database.execute(question).fetchall()


def test_what_is_written_is_pending_until_it_is_closed(path: Path) -> None:
    with Journal(path) as journal:
        entry, other = journal.write([INTENT, numbered(1)])
        assert [each.intent for each in journal.pending()] == [INTENT, numbered(1)]
        journal.settle([Closing(entry, Outcome.REVOKED)])
        assert [each.intent for each in journal.pending()] == [numbered(1)]
        journal.settle([Closing(other, Outcome.UNREACHABLE, "it timed out")])
    assert [(each.intent, each.note) for each in pending_in(path)] == [(numbered(1), "it timed out")]


@pytest.mark.parametrize("outcome", [outcome for outcome in Outcome if outcome is not Outcome.UNREACHABLE])
def test_every_other_outcome_closes(outcome: Outcome, path: Path) -> None:
    with Journal(path) as journal:
        journal.settle([Closing(journal.write([INTENT])[0], outcome)])
        assert journal.pending() == ()
    assert rows(path, "SELECT outcome, closed_at >= asked_at FROM revocations") == [(outcome.value, 1)]


def test_an_outcome_is_written_once(path: Path) -> None:
    """A second process that asked about the same entry, and is told that the token is dead already, changes nothing."""
    with Journal(path) as one, Journal(path) as two:
        mine, theirs = one.write([INTENT])[0], two.write([INTENT])[0]
        assert mine.number == theirs.number
        assert mine.asked_at == theirs.asked_at
        one.settle([Closing(mine, Outcome.REVOKED)])
        two.settle([Closing(theirs, Outcome.ALREADY_REVOKED)])
        two.settle([Closing(theirs, Outcome.UNREACHABLE, "late")])
        assert one.pending() == ()
    assert rows(path, "SELECT outcome, note FROM revocations") == [("revoked", "")]


def test_the_same_again_after_it_was_closed_is_a_new_entry(path: Path) -> None:
    with Journal(path) as journal:
        journal.settle([Closing(journal.write([INTENT])[0], Outcome.NOT_FOUND)])
        journal.write([INTENT])
        assert len(journal.pending()) == 1


def test_a_newer_place_replaces_an_older_one(path: Path) -> None:
    moved = replace(INTENT, root="/elsewhere", reason="again")
    with Journal(path) as journal:
        journal.write([INTENT])
        journal.write([moved])
        assert [each.intent for each in journal.pending()] == [moved]


def test_it_is_private(path: Path) -> None:
    before = os.umask(0)
    try:
        with Journal(path) as journal:
            journal.write([INTENT])
            journal._database.execute("BEGIN IMMEDIATE")
            journal._database.execute("DELETE FROM revocations")
            modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
            journal._database.execute("ROLLBACK")
    finally:
        os.umask(before)
    assert modes == {FILE: 0o600, f"{FILE}-journal": 0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.chmod(0o644)
    Journal(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_it_is_synced(path: Path) -> None:
    with Journal(path) as journal:
        assert journal._database.execute("PRAGMA synchronous").fetchone() == (3,)
        assert journal._database.execute("PRAGMA journal_mode").fetchone() == ("delete",)


def test_looking_makes_nothing(path: Path) -> None:
    assert pending_in(path) == ()
    assert not path.parent.exists()


def test_a_broken_file_is_one_line(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no database at all, but long enough to be read as one" * 100)
    with pytest.raises(JournalError, match=r"cannot be used .*not a database"):
        Journal(path)


def test_a_link_is_not_followed(path: Path, tmp_path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.symlink_to(tmp_path / "other")
    with pytest.raises(JournalError, match="cannot be used"):
        Journal(path)
    assert not (tmp_path / "other").exists()


def test_a_newer_one_is_refused(path: Path) -> None:
    Journal(path).close()
    rows(path, "PRAGMA user_version = 99")
    with pytest.raises(JournalError, match="newer"):
        Journal(path)


def test_a_place_that_somebody_spoilt_leaves_the_hash(path: Path) -> None:
    with Journal(path) as journal:
        journal.write([INTENT])
        for spoilt in ("[", "{}", '{"root": 1, "locations": [[1]]}'):
            journal._database.execute("UPDATE revocations SET place = ?", (spoilt,))
            (entry,) = journal.pending()
            assert (entry.intent.token_sha256, entry.intent.locations) == (INTENT.token_sha256, ())


WRITER = """
import os, signal, sys
from pathlib import Path
from tokenguard.respond.intent import Intent
from tokenguard.respond.journal import Journal
path, name, many = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
with Journal(path) as journal:
    for number in range(many):
        journal.write([Intent("store", "rule", f"{name}-{number}"), Intent("store", "rule", "everybody's")])
    if name == "killed":
        journal._database.execute("BEGIN IMMEDIATE")
        journal._database.execute("UPDATE revocations SET outcome = 'revoked', closed_at = 1")
        os.kill(os.getpid(), signal.SIGKILL)
"""


SPOILT = {
    "asked_at": ("soon", 1 << 62, -(1 << 62), b"\0"),
    "place": ("[" * 100_000, 5, '{"root": 5, "locations": [[1, 2, 3, 4, 5, 6, 7, 8, [9]]]}'),
    "prefix": (b"\xff", 5),
    "token_sha256": (b"\xff", 5),
    "token_id": (b"\xff", 5),
    "reason": (b"\xff", 5),
    "note": (b"\xff", 5),
}


@pytest.mark.parametrize("column", SPOILT)
def test_a_row_that_somebody_spoilt_spoils_no_other(path: Path, column: str) -> None:
    for value in SPOILT[column]:
        path.unlink(missing_ok=True)
        with Journal(path) as journal:
            journal.write([INTENT, numbered(1)])
        with contextlib.closing(sqlite3.connect(path)) as database, database:
            database.execute(f"UPDATE revocations SET {column} = ? WHERE number = 1", (value,))  # noqa: S608 - our own names
        spoilt, other = pending_in(path)
        assert other.intent == numbered(1)
        texts = (spoilt.intent.prefix, spoilt.intent.reason, spoilt.note, spoilt.intent.token_sha256 or "")
        assert all(isinstance(text, str) for text in texts)
        assert all(isinstance(place.path, str) for place in spoilt.intent.locations)


def test_several_processes_lose_nothing(path: Path) -> None:
    names = ("one", "two", "three")
    running = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), name, "25"]) for name in names]
    assert [each.wait(120) for each in running] == [0, 0, 0]
    fingerprints = [entry.intent.fingerprint for entry in pending_in(path)]
    assert sorted(fingerprints) == sorted([f"{name}-{n}" for name in names for n in range(25)] + ["everybody's"])


def test_a_kill_in_the_middle_of_a_change_leaves_all_open(path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", WRITER, str(path), "killed", "3"], check=False, timeout=120)
    assert done.returncode == -signal.SIGKILL
    assert len(pending_in(path)) == 4


def test_a_full_disk_is_an_error_before_anything_is_sent(path: Path) -> None:
    with Journal(path) as journal:
        pages = journal._database.execute("PRAGMA page_count").fetchone()[0]
        journal._database.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(JournalError, match="full"):
            journal.write([numbered(number) for number in range(1000)])
        assert journal.pending() == ()
