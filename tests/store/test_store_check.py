"""`store check`: a sound store is called sound, and every way to break a promise is named."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DatabaseError

from stores import People, Place
from tokenguard.errors import StoreError
from tokenguard.model.leak import LeakPlace
from tokenguard.model.revocation import Target
from tokenguard.model.secret import Secret
from tokenguard.model.token import Created, NewToken
from tokenguard.store.check import StoreCheck, check, check_database
from tokenguard.store.engine import open_database
from tokenguard.store.pepper import Pepper, Peppers
from tokenguard.store.schema import VERSIONS, migrate
from tokenguard.store.store import Store
from tokenguard.store.tables import tokens

OTHERS = Peppers((Pepper("pep_00000000", bytes(32)),))


def looked_at(store: Store, peppers: Peppers | None = None) -> StoreCheck:
    with store.database.reading() as connection:
        return check(connection, peppers or store.context.peppers)


def revoked_and_live(people: People) -> tuple[Created, Created]:
    user = people.user("dana", plan="SCALE")
    one, other = (people.local.create_token(NewToken("x", family="keebai-api-key", owner=user.id)) for _ in range(2))
    people.local.revoke([Target(id=one.record.id)], leak=LeakPlace("git", path="a"))
    return one, other


def run(store: Store, *statements: str) -> None:
    """As somebody with the database's own tools."""
    with store.database.writing() as connection:
        for statement in statements:
            connection.execute(text(statement))


def without_triggers(store: Store, *statements: str) -> None:
    """What an attacker with the file can do: take the triggers away, change, put them back."""
    if store.database.is_sqlite:
        with store.database.reading() as connection:
            kept = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")).all()
        run(store, *(f"DROP TRIGGER {name}" for name, _ in kept), *statements, *(sql for _, sql in kept))
        return
    off = [f"ALTER TABLE {table} DISABLE TRIGGER USER" for table in ("tokens", "audit")]
    run(store, *off, *statements, *(each.replace("DISABLE", "ENABLE") for each in off))


def test_a_store_that_was_used_is_sound(store: Store, people: People) -> None:
    one, other = revoked_and_live(people)
    people.local.rotate_token(other.record.id)
    kept = people.local.create_token(NewToken("y", family="binboi-access-token", owner=one.record.owner.id))
    people.local.rotate_token(kept.record.id, grace_seconds=60)
    assert kept.token is not None
    people.store.acting(store.anyone()).revoke_leaked([kept.token])
    found = looked_at(store)
    assert found.faults == ()
    assert found.sound
    assert (found.version, found.tokens, found.revoked, found.leaks) == (VERSIONS[-1], 6, 3, 2)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE tokens SET revoked_at = NULL WHERE id = '{}'",
        "UPDATE tokens SET revoked_at = revoked_at + 1 WHERE id = '{}'",
        "UPDATE tokens SET revoked_at = revoked_at - 1, revoked_by = 'x' WHERE id = '{}'",
        "UPDATE tokens SET revoke_reason = 'never' WHERE id = '{}'",
        "UPDATE tokens SET keyed_hash = pepper_id WHERE id = '{}'",
        "UPDATE tokens SET id = 'tok_x' WHERE id = '{}'",
        "DELETE FROM tokens WHERE id = '{}'",
        "DELETE FROM audit WHERE token_id = '{}'",
        "UPDATE audit SET token_id = NULL WHERE token_id = '{}'",
    ],
)
def test_nobody_undoes_a_revocation_by_sql(store: Store, people: People, statement: str) -> None:
    one, _ = revoked_and_live(people)
    before = people.local.token(one.record.id)
    if "keyed_hash" in statement and not store.database.is_sqlite:
        statement = statement.replace("pepper_id", "decode(pepper_id, 'escape')")
    with pytest.raises(DatabaseError), store.database.engine.begin() as connection:
        connection.execute(text(statement.format(one.record.id)))
    assert people.local.token(one.record.id) == before
    assert looked_at(store).sound


def test_nobody_replaces_a_revoked_token(sqlite_place: Place) -> None:
    """REPLACE deletes the old row first."""
    people = People(sqlite_place.open())
    one, _ = revoked_and_live(people)
    with people.store.database.reading() as connection:
        row = connection.execute(select(tokens).where(tokens.c.id == one.record.id)).one()
    replaced = tokens.insert().prefix_with("OR REPLACE").values(dict(row._mapping) | {"revoked_at": None})
    with pytest.raises(DatabaseError), people.store.database.engine.begin() as connection:
        connection.execute(replaced)
    assert people.local.token(one.record.id).revoked_at is not None


def test_a_trigger_that_is_gone(store: Store) -> None:
    if store.database.is_sqlite:
        run(store, "DROP TRIGGER tokens_revoked")
    else:
        run(store, "ALTER TABLE tokens DISABLE TRIGGER tokens_revoked")
    assert looked_at(store).faults == ("triggers are missing: tokens_revoked",)


def test_a_revocation_that_was_undone_or_hidden(store: Store, people: People) -> None:
    one, other = revoked_and_live(people)
    without_triggers(
        store,
        "UPDATE tokens SET revoked_at = CASE WHEN revoked_at IS NULL THEN 5 END WHERE family = 'keebai-api-key'",
    )
    assert looked_at(store).faults == (
        f"1 token revoked without an event in the audit: {other.record.id}",
        f"1 token live again after their revocation: {one.record.id}",
    )


def test_many_faults_are_counted_and_some_named(store: Store, people: People) -> None:
    user = people.user("dana", plan="SCALE")
    for _ in range(7):
        people.local.create_token(NewToken("x", family="binboi-access-token", owner=user.id))
    without_triggers(store, "UPDATE tokens SET revoked_at = 5")
    (fault,) = looked_at(store).faults
    # The seven, and the first admin's.
    assert fault.startswith("8 tokens revoked without an event")
    assert fault.endswith(", …")
    assert fault.count("tok_") == 5


def test_tokens_of_another_pepper(store: Store) -> None:
    (fault,) = looked_at(store, OTHERS).faults
    assert fault.startswith("1 token under a pepper that cannot be read: tok_")
    with store.database.reading() as connection:
        assert check(connection, None).sound


def test_rows_that_point_to_nothing(sqlite_place: Place) -> None:
    people = People(sqlite_place.open())
    revoked_and_live(people)
    with closing(sqlite3.connect(sqlite_place.path)) as connection:
        # Its own default: foreign keys are not looked at.
        connection.execute("DELETE FROM leaks")
        connection.commit()
    assert looked_at(people.store).faults == ("1 rows of sightings name a row of leaks that is not there",)


def test_a_damaged_file(sqlite_place: Place) -> None:
    people = People(sqlite_place.open())
    revoked_and_live(people)
    sqlite_place.close()
    with closing(sqlite3.connect(sqlite_place.path)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'ix_tokens_owner'").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    with sqlite_place.path.open("rb+") as file:
        file.seek((page - 1) * size + size // 2)
        file.write(b"\xff" * (size // 2))
    database = open_database(sqlite_place.path)
    found = check_database(database, None)
    database.close()
    assert not found.sound
    assert all(fault.startswith("SQLite: ") for fault in found.faults)


def test_no_store_at_all(tmp_path: Path) -> None:
    database = open_database(tmp_path / "empty.db", create=True)
    with database.reading() as connection:
        assert check(connection, None).faults == ("the database has no tables of a store",)
    migrate(database)
    with database.reading() as connection:
        assert check(connection, None).sound
    with database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with database.reading() as connection:
        assert check(connection, None).faults == ("the database has the tables of version 9999",)
    database.close()
    (tmp_path / "junk.db").write_bytes(b"no database " * 1000)
    junk = open_database(tmp_path / "junk.db")
    with pytest.raises(StoreError), junk.reading() as connection:
        check(connection, None)
    with pytest.raises(StoreError, match=r"\(SQLITE_NOTADB\); put a backup in its place"):
        check_database(junk, None)
    junk.close()


def test_a_stolen_database_alone_confirms_no_known_token(sqlite_place: Place) -> None:
    """The thief knows a token, and has every byte of the file, but not the pepper."""
    people = People(sqlite_place.open())
    one, other = revoked_and_live(people)
    assert one.token is not None
    assert other.token is not None
    people.acting(people.user("ci", role="scanner"), "leaks:report").report_leaks(
        {"finding": {"rule_id": "keebai-api-key", "token_sha256": other.token.sha256(), "fingerprint": "0" * 32}}
    )
    people.store.authenticate(other.token, address="192.0.2.1")
    people.store.flush_uses()
    stolen = b"".join(path.read_bytes() for path in sqlite_place.path.parent.glob("store.db*"))
    for token in (one.token, other.token):
        assert token.reveal() not in stolen
        for trace in (token.sha256(), token.fingerprint("keebai-api-key", 256)):
            assert trace.encode() not in stolen
            assert bytes.fromhex(trace) not in stolen
    thief = Store.open(sqlite_place.url, peppers=Peppers((Pepper(people.store.context.peppers.ids[-1], bytes(32)),)),
                       ruleset=people.store.context.ruleset)  # fmt: skip
    with thief:
        assert thief.authenticate(other.token) is None
        assert thief.authenticate(Secret(one.token.reveal())) is None
    assert people.store.authenticate(other.token) is not None
