"""`store backup`: a copy of one moment, while the store is written to; private, checked, whole or not at all."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from stores import People, Place
from tokenguard.errors import StoreError, UsageError
from tokenguard.model.audit import AuditFilter
from tokenguard.model.revocation import Target
from tokenguard.model.token import NewToken
from tokenguard.store.backup import back_up
from tokenguard.store.pepper import Pepper, Peppers
from tokenguard.store.store import Store


def test_a_copy_while_it_is_written_to(sqlite_place: Place, tmp_path: Path) -> None:
    people = People(sqlite_place.open())
    store, user = people.store, people.user("dana", plan="SCALE")
    done = Event()

    def write() -> int:
        revoked = 0
        while not done.is_set():
            created = people.local.create_token(NewToken("x", family="binboi-access-token", owner=user.id))
            people.local.revoke([Target(id=created.record.id)])
            revoked += 1
        return revoked

    with ThreadPoolExecutor() as pool:
        writers = [pool.submit(write) for _ in range(2)]
        try:
            found = [back_up(store.database, store.context.peppers, tmp_path / f"{each}.db") for each in range(5)]
        finally:
            done.set()
        assert sum(writer.result() for writer in writers) > 0
    # Later copies hold no less than earlier ones.
    assert [each.revoked for each in found] == sorted(each.revoked for each in found)
    with Store.open(tmp_path / "4.db", peppers=store.context.peppers, ruleset=store.context.ruleset) as copy:
        events = copy.acting(copy.local("tester")).audit(AuditFilter(limit=1000)).events
        assert sum(each.action == "token.revoked" for each in events) == min(found[4].revoked, len(events))
    assert [path.name for path in tmp_path.glob(".tokenguard-backup-*")] == []


def test_a_copy_is_private_and_alone(sqlite_place: Place, tmp_path: Path) -> None:
    store = sqlite_place.open()
    before = os.umask(0)
    try:
        found = back_up(store.database, store.context.peppers, tmp_path / "copies.db")
    finally:
        os.umask(before)
    assert found.sound
    assert stat.S_IMODE((tmp_path / "copies.db").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.glob("copies*")] == ["copies.db"]
    # A file that needs no other beside it: not in WAL mode.
    assert (tmp_path / "copies.db").read_bytes()[18:20] == b"\x01\x01"
    assert not any(each.key in (tmp_path / "copies.db").read_bytes() for each in store.context.peppers._all)


def test_nothing_is_overwritten_or_left_behind(sqlite_place: Place, tmp_path: Path) -> None:
    store = sqlite_place.open()
    target = tmp_path / "there.db"
    target.write_text("mine")
    with pytest.raises(UsageError, match="already"):
        back_up(store.database, store.context.peppers, target)
    assert target.read_text() == "mine"
    (tmp_path / "dangling.db").symlink_to(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="already"):
        back_up(store.database, store.context.peppers, tmp_path / "dangling.db")
    with pytest.raises(StoreError, match="cannot be written"):
        back_up(store.database, store.context.peppers, tmp_path / "no" / "folder.db")
    with pytest.raises(StoreError, match="not sound"):
        back_up(store.database, Peppers((Pepper("pep_00000000", bytes(32)),)), tmp_path / "foreign.db")
    assert sorted(path.name for path in tmp_path.iterdir() if not path.name.startswith("store.db")) == [
        "dangling.db",
        "there.db",
    ]


def test_postgres_has_its_own_tool(postgres_place: Place, tmp_path: Path) -> None:
    store = postgres_place.open()
    with pytest.raises(UsageError, match="pg_dump"):
        back_up(store.database, store.context.peppers, tmp_path / "x.db")
