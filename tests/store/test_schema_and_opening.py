"""The tables' versions, making a store, and opening one."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from stores import ADMIN, POSTGRES, People, Place, peppers, ruleset
from tokenguard.errors import RefusedError, StoreError, UsageError
from tokenguard.model.audit import AuditFilter
from tokenguard.model.token import TokenFilter
from tokenguard.store import migrations
from tokenguard.store.engine import open_database
from tokenguard.store.initialise import FirstAdmin, initialise
from tokenguard.store.pepper import from_text
from tokenguard.store.schema import VERSIONS, check_version, migrate, version_of
from tokenguard.store.store import Store
from tokenguard.store.tables import metadata


# Of SQLite's, indexes of expressions are not read back; that they are there, the plans of the lists show.
@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index")
@pytest.mark.filterwarnings("ignore:autogenerate skipping metadata-specified expression-based index")
def test_migrations_make_exactly_the_tables(store: Store) -> None:
    with store.database.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        assert version_of(connection) == VERSIONS[-1]


def test_the_list_of_versions_is_the_scripts() -> None:
    scripts = ScriptDirectory(str(Path(migrations.__file__).parent))
    assert [script.revision for script in reversed(list(scripts.walk_revisions()))] == list(VERSIONS)


def test_a_newer_store_is_not_touched(place: Place) -> None:
    store = place.open()
    with store.database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for attempt in (place.open, store.ready, lambda: migrate(store.database), lambda: _initialise(place.url)):
        with pytest.raises(StoreError, match=r"newer tokenguard.*tokenguard store migrate"):
            attempt()
    with store.database.reading() as connection:
        assert version_of(connection) == "9999"


def test_an_older_store_says_how_to_bring_it_up(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    store = place.open()
    assert migrate(store.database) == ()
    monkeypatch.setattr("tokenguard.store.schema.VERSIONS", (*VERSIONS, "9998"))
    with pytest.raises(StoreError, match="earlier tokenguard; tokenguard store migrate"):
        place.open()


def test_a_database_without_tables_is_no_store_yet(place: Place) -> None:
    if place.kind != POSTGRES:
        place.path.write_bytes(b"")
    else:
        with place.open().database.writing() as connection:
            connection.exec_driver_sql("DROP TABLE alembic_version")
    with pytest.raises(StoreError, match="tokenguard store init"):
        place.open()


def _initialise(url: str) -> None:
    initialise(url, peppers=peppers(), ruleset=ruleset())


def test_a_store_is_made_once(place: Place) -> None:
    with pytest.raises(StoreError, match="there is a store already"):
        _initialise(place.url)
    place.open()


def test_made_whole_with_a_first_admin(tmp_path: Path) -> None:
    path = tmp_path / "new" / "deeper" / "store.db"
    store, created = initialise(
        path, peppers=peppers(), ruleset=ruleset(), admin=FirstAdmin("Root@Example.org", "Root"), by="local:root"
    )
    with store:
        assert created is not None
        assert created.token is not None
        actor = store.authenticate(created.token)
        assert actor is not None
        service = store.acting(actor)
        assert service.whoami().email == "root@example.org"
        assert {role.name for role in service.roles()} == {"admin", "developer", "responder", "scanner", "service"}
        assert {event.actor for event in service.audit(AuditFilter()).events} == {"local:root"}
        assert {user.name for user in service.users()} == {"Root", "local"}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    for file in path.parent.glob("store.db*"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


def test_a_failed_beginning_leaves_nothing_and_can_be_repeated(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with pytest.raises(RefusedError):
        initialise(path, peppers=peppers(), ruleset=ruleset(), admin=FirstAdmin("no address"))
    with pytest.raises(StoreError, match="not a token store yet"):
        Store.open(path, peppers=peppers(), ruleset=ruleset())
    store, created = initialise(path, peppers=peppers(), ruleset=ruleset())
    store.close()
    assert created is None


def test_another_pepper_is_noticed(place: Place) -> None:
    People(place.open()).token(People(place.open()).user())
    with pytest.raises(StoreError, match=r"pepper pep_[0-9a-f]{8} cannot be read"):
        Store.open(place.url, peppers=from_text("another pepper, as long as it should be"), ruleset=ruleset())


@pytest.mark.parametrize(
    ("url", "kind", "message"),
    [
        ("mysql://host/name", UsageError, "mysql"),
        ("no such scheme://x", UsageError, "URL"),
        ("sqlite://", StoreError, "not a file"),
        (":memory:", StoreError, "not a file"),
        ("/", StoreError, "not a file"),
        ("/nowhere/store.db", StoreError, "no token store"),
        ("postgresql://nobody:hunter22@127.0.0.1:1/x", StoreError, "does not answer"),
    ],
)
def test_what_is_no_store(url: str, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message) as error:
        Store.open(url, peppers=peppers(), ruleset=ruleset())
    assert "hunter22" not in str(error.value)


def test_a_path_with_everything_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "a b?c#d%20é"
    folder.mkdir()
    path = folder / "store ? mode=memory.db"
    _initialise(str(path))
    assert path.exists()
    for url in (path, str(path)):
        Store.open(url, peppers=peppers(), ruleset=ruleset()).close()


def test_sqlite_is_set_up_to_outlive_a_loss_of_power(sqlite_place: Place) -> None:
    store = sqlite_place.open()
    connection = store.database.driver_connection()
    wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000, "trusted_schema": 0}
    for pragma, value in wanted.items():
        assert connection.execute(f"PRAGMA {pragma}").fetchone() == (value,)
    connection.close()


def test_a_writing_transaction_holds_the_lock_from_its_beginning(sqlite_place: Place) -> None:
    store = sqlite_place.open()
    with store.database.writing():
        other = open_database(sqlite_place.url)
        driver = other.driver_connection()
        driver.execute("PRAGMA busy_timeout = 0")
        with pytest.raises(Exception, match="locked"):
            driver.execute("BEGIN IMMEDIATE")
        driver.close()
        other.close()


def test_the_look_up_is_by_index_alone(store: Store, place: Place) -> None:
    """However many tokens there are, the database goes straight to one."""
    from tokenguard.store.lookup import _QUERY

    mark = "?" if place.kind != POSTGRES else "%s"
    query = _QUERY.format(f"{mark}, {mark}")
    connection = store.database.driver_connection()
    if place.kind == POSTGRES:
        connection.execute("SET enable_seqscan = off")
        rows = connection.execute(f"EXPLAIN {query}", (b"1", b"2")).fetchall()
        plan = "\n".join(row[0] for row in rows)
        assert "uq_tokens_keyed_hash" in plan
        assert "Seq Scan on tokens" not in plan
    else:
        rows = connection.execute(f"EXPLAIN QUERY PLAN {query}", (b"1", b"2")).fetchall()
        plan = "\n".join(row[3] for row in rows)
        assert "SCAN" not in plan
        assert plan.count("USING INDEX") == 3
    connection.close()


def test_migrations_are_in_the_package() -> None:
    folder = Path(migrations.__file__).parent
    assert (folder / "env.py").exists()
    assert sorted(path.name[:4] for path in (folder / "versions").glob("0*.py")) == list(VERSIONS)


def test_the_admin_is_there(people: People) -> None:
    assert ADMIN in {user.email for user in people.local.users()}
    assert people.local.list_tokens(TokenFilter(owner=ADMIN)).tokens[0].name == "first token"
    with people.store.database.reading() as connection:
        check_version(connection, "x")
    assert sys.version_info >= (3, 11)
