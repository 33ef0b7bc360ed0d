"""The database locked, full, broken or gone: an error that says so without a hang, and it heals by itself."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import event

import postgres
from stores import POSTGRES, People, Place, make
from tokenguard.errors import StoreError, UnavailableError
from tokenguard.model.secret import Secret
from tokenguard.model.token import NewToken
from tokenguard.store import engine
from tokenguard.store.store import Store


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits five seconds for a lock."""
    monkeypatch.setattr(engine, "BUSY_SECONDS", 0.2)


def unavailable(store: Store, token: Secret, *, reads: bool = True) -> None:
    """Every way into the store says: ask again. `reads`: those that only read, too."""
    calls: list[Callable[[], object]] = [lambda: store.acting(store.anyone()).revoke_leaked([token])]
    if reads:
        calls += [lambda: store.authenticate(token), store.ready, lambda: store.local("x")]
    for call in calls:
        started = time.monotonic()
        with pytest.raises(UnavailableError) as error:
            call()
        assert error.value.retry_after >= 1
        assert token.reveal().decode() not in str(error.value)
        assert time.monotonic() - started < 30


@pytest.mark.usefixtures("impatient")
def test_sqlite_locked(sqlite_place: Place) -> None:
    people = People(sqlite_place.open())
    token = people.token(people.user())
    other = sqlite3.connect(sqlite_place.path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    unavailable(people.store, token, reads=False)
    assert people.store.authenticate(token) is not None, "who writes keeps nobody from reading"
    other.execute("ROLLBACK")
    other.close()
    people.token(people.user("after"))


@pytest.mark.usefixtures("impatient")
def test_postgres_locked(postgres_place: Place) -> None:
    people = People(postgres_place.open())
    token = people.token(people.user())
    locker = postgres_place.open().database
    with locker.writing() as connection:
        connection.exec_driver_sql("LOCK TABLE tokens, users, alembic_version IN ACCESS EXCLUSIVE MODE")
        unavailable(people.store, token)
    assert people.store.authenticate(token) is not None
    people.token(people.user("after"))


def test_sqlite_full(sqlite_place: Place) -> None:
    people = People(sqlite_place.open())
    token = people.token(people.user())
    database = people.store.database
    limit = ["PRAGMA max_page_count = 1"]  # as few as there are
    event.listen(database.engine, "checkout", lambda connection, *_: connection.execute(limit[0]))
    made: list[str] = []

    def fill() -> None:
        made.extend(people.local.create_token(NewToken("x" * 150)).record.id for _ in range(10_000))

    with pytest.raises(UnavailableError, match="SQLITE_FULL"):
        fill()
    assert people.store.authenticate(token) is not None
    with database.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM tokens").scalar() == len(made) + 2
    limit[0] = "PRAGMA max_page_count = 1000000"
    people.local.create_token(NewToken("room again"))


def test_sqlite_gone_and_back(sqlite_place: Place, tmp_path: Path) -> None:
    store = sqlite_place.open()
    people = People(store)
    token = people.token(people.user())
    assert store.authenticate(token) is not None
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for path in tmp_path.glob("store.db*"):
        path.rename(elsewhere / path.name)
    for _ in range(2):
        unavailable(store, token)
    assert not sqlite_place.path.exists(), "an empty one was made in its place"
    for path in elsewhere.iterdir():
        path.rename(tmp_path / path.name)
    assert store.authenticate(token) is not None
    people.token(people.user("after"))
    store.ready()


def test_sqlite_replaced_by_another(sqlite_place: Place, tmp_path: Path) -> None:
    """A backup that was put in its place is what counts from then on."""
    store = sqlite_place.open()
    backup = tmp_path / "backup.db"
    shutil.copyfile(sqlite_place.path, backup)
    token = People(store).token(People(store).user())
    assert store.authenticate(token) is not None
    sqlite_place.close()
    store = sqlite_place.open()
    assert store.authenticate(token) is not None
    os.replace(backup, sqlite_place.path)
    assert store.authenticate(token) is None


def test_sqlite_broken(sqlite_place: Place) -> None:
    sqlite_place.path.write_bytes(b"no database at all, but long enough to look at" * 100)
    with pytest.raises(StoreError) as error:
        sqlite_place.open()
    assert not isinstance(error.value, UnavailableError)
    sqlite_place.path.unlink()
    with pytest.raises(StoreError, match="no token store"):
        sqlite_place.open()
    assert not sqlite_place.path.exists()


@pytest.fixture
def own_cluster() -> Iterator[postgres.Cluster]:
    if postgres.program("postgres") is None and not postgres.REQUIRED:
        pytest.skip("PostgreSQL is not installed")
    with postgres.cluster() as own:
        yield own


def test_postgres_gone_and_back(own_cluster: postgres.Cluster) -> None:
    place = Place(POSTGRES, own_cluster.url(own_cluster.database()))
    make(place.url)
    store = place.open()
    people = People(store)
    token = people.token(people.user())
    for how in (signal.SIGINT, signal.SIGQUIT):
        assert store.authenticate(token) is not None
        own_cluster.stop(how)
        for _ in range(2):
            unavailable(store, token)
        own_cluster.start()
        assert store.authenticate(token) is not None, "the first request after it is back"
        people.local.create_token(NewToken("after"))
    place.close()


@pytest.mark.parametrize(
    "state", ["08006", "53100", "53300", "57014", "57P01", "57P03", "55P03", "25006", "40001", "40P01"]
)
def test_what_postgres_says_when_asking_again_can_help(sqlite_place: Place, state: str) -> None:
    database = sqlite_place.open().database
    error = psycopg.errors.lookup(state)("DETAIL: Key (email)=(someone@example.org) is not to be seen")
    told = database.error_of(error)
    assert isinstance(told, UnavailableError)
    assert "someone" not in str(told)
    assert not isinstance(database.error_of(psycopg.errors.lookup("23505")("x")), UnavailableError)


def test_no_parameter_in_an_error(people: People, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(StoreError) as error, people.store.database.writing() as connection:
        connection.exec_driver_sql("INSERT INTO users (id, email, name) VALUES ('usr_1', 'someone@example.org', 'n')")
    told = f"{error.value!r} {error.value} {error.value.__cause__} {caplog.text}"
    assert "someone" not in told
    assert error.value.__suppress_context__
