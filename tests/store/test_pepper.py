"""The pepper: kept apart, readable by its owner alone, rotated without forgetting."""

from __future__ import annotations

import copy
import hashlib
import hmac
import os
import pickle  # noqa: TID251 - to show that it cannot be used
import sqlite3
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from stores import PEPPER, People, Place, ruleset
from tokenguard.errors import StoreError
from tokenguard.model.token import NewToken
from tokenguard.store.initialise import initialise
from tokenguard.store.pepper import (
    LOOK_SECONDS,
    Peppers,
    from_text,
    make_pepper_file,
    peppers_for,
    read_pepper_file,
    rotate_pepper_file,
)
from tokenguard.store.store import Store

DIGEST = hashlib.sha256(b"any token").digest()


def test_made_for_its_owner_alone_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "new" / "pepper"
    made = make_pepper_file(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert make_pepper_file(path).candidates(DIGEST) == read_pepper_file(path).candidates(DIGEST)
    assert made.keyed(DIGEST) == read_pepper_file(path).keyed(DIGEST)
    assert [file.name for file in path.parent.iterdir()] == ["pepper"]


def test_several_that_make_it_at_once_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(make_pepper_file, [tmp_path / "pepper"] * 8))
    assert len({each.keyed(DIGEST) for each in made}) == 1


def test_what_is_kept_is_an_hmac_of_the_hash() -> None:
    pepper_id, keyed = from_text(PEPPER).keyed(DIGEST)
    key = hashlib.sha256(PEPPER.encode()).digest()
    assert keyed == hmac.new(key, DIGEST, hashlib.sha256).digest()
    assert pepper_id in from_text(PEPPER).ids
    assert from_text(PEPPER).ids != from_text(PEPPER + "!").ids


def test_a_rotation_keeps_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "pepper"
    followed = make_pepper_file(path)
    before, (before_id, keyed) = followed.ids, followed.keyed(DIGEST)
    after = rotate_pepper_file(path)
    time.sleep(LOOK_SECONDS)  # so long it may go by what it read before
    assert after.ids[:-1] == before
    assert after.keyed(DIGEST)[0] == after.ids[-1] != before_id
    assert keyed in after.candidates(DIGEST)
    assert (followed.ids, followed.keyed(DIGEST)) == (after.ids, after.keyed(DIGEST))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_rotations_at_once_lose_no_pepper(tmp_path: Path) -> None:
    path = tmp_path / "pepper"
    first = make_pepper_file(path)
    with ThreadPoolExecutor(4) as pool:
        made = [peppers.ids[-1] for peppers in pool.map(rotate_pepper_file, [path] * 20)]
    ids = read_pepper_file(path).ids
    assert (len(ids), ids[0]) == (21, first.ids[0])
    assert set(made) <= set(ids)


def test_tokens_of_before_a_rotation_live_on(tmp_path: Path) -> None:
    pepper = tmp_path / "pepper"
    store, _ = initialise(tmp_path / "store.db", peppers=make_pepper_file(pepper), ruleset=ruleset())
    with store:
        old = store.acting(store.local("x")).create_token(NewToken("old"))
    with Store.open(tmp_path / "store.db", peppers=rotate_pepper_file(pepper), ruleset=ruleset()) as store:
        new = store.acting(store.local("x")).create_token(NewToken("new"))
        for created in (old, new):
            assert created.token is not None
            actor = store.authenticate(created.token)
            assert actor is not None
            assert actor.token_id == created.record.id
    with sqlite3.connect(tmp_path / "store.db") as connection:
        ids = {row[0] for row in connection.execute("SELECT pepper_id FROM tokens")}
    connection.close()
    assert ids == set(read_pepper_file(pepper).ids)


def test_a_file_that_lost_peppers_is_not_followed(tmp_path: Path) -> None:
    path = tmp_path / "pepper"
    peppers = make_pepper_file(path)
    whole = peppers.ids
    other = make_pepper_file(tmp_path / "other")
    for damage in (path.unlink, lambda: path.write_text("damaged"), lambda: (tmp_path / "other").replace(path)):
        damage()
        time.sleep(LOOK_SECONDS)  # as above
        assert peppers.ids == whole != other.ids


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "pepper"
    make_pepper_file(path)
    path.chmod(mode)
    with pytest.raises(StoreError, match="chmod 600"):
        read_pepper_file(path)


@pytest.mark.parametrize(
    "content", [b"", b"# only a comment\n", b"pep_00000000 short\n", b"\xff\xfe", b"pep_0 " + b"0" * 64]
)
def test_what_is_no_pepper_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "pepper"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(StoreError, match="not a pepper file"):
        read_pepper_file(path)
    with pytest.raises(StoreError):
        rotate_pepper_file(path)
    assert path.read_bytes() == content


def test_a_pepper_that_is_missing_is_not_made_in_silence(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no pepper file"):
        read_pepper_file(tmp_path / "pepper")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(StoreError):
        read_pepper_file(tmp_path / "pipe")
    assert not (tmp_path / "pepper").exists()


def test_where_it_comes_from(tmp_path: Path) -> None:
    default, other = tmp_path / "default", tmp_path / "other"
    by_default, by_file = make_pepper_file(default), make_pepper_file(other)
    assert peppers_for({}, default).ids == by_default.ids
    assert peppers_for({"TOKENGUARD_PEPPER_FILE": str(other)}, default).ids == by_file.ids
    named = {"TOKENGUARD_PEPPER": PEPPER, "TOKENGUARD_PEPPER_FILE": str(other)}
    assert peppers_for(named, default).ids == from_text(PEPPER).ids
    assert peppers_for({"TOKENGUARD_PEPPER": other.read_text()}, None).ids == by_file.ids
    with pytest.raises(StoreError, match="TOKENGUARD_PEPPER_FILE"):
        peppers_for({}, None)
    with pytest.raises(StoreError, match="too short"):
        peppers_for({"TOKENGUARD_PEPPER": "short"}, default)


def test_it_does_not_show(tmp_path: Path) -> None:
    path = tmp_path / "pepper"
    shown = make_pepper_file(path)
    key = path.read_text().split()[-1]
    assert key not in f"{shown!r} {shown}"
    assert bytes.fromhex(key).decode("latin-1") not in repr(shown)
    for attempt in (pickle.dumps, copy.copy):
        with pytest.raises(TypeError):
            attempt(shown)
    with pytest.raises(StoreError):
        Peppers(())


def test_a_stolen_database_confirms_no_token(place: Place) -> None:
    """Nothing in it can be had from a token without the pepper."""
    people = People(place.open())
    created = people.local.create_token(NewToken("x"))
    assert created.token is not None
    people.actor(created.token)
    people.local.revoke_token(created.record.id)
    people.store.flush_uses()
    value, digest = created.token.reveal(), hashlib.sha256(created.token.reveal()).digest()
    everything = _everything(people.store)
    for known in (value, value.hex().encode(), digest, digest.hex().encode(), value[len(created.record.prefix) :]):
        assert known not in everything
    assert created.record.prefix.encode() in everything


def _everything(store: Store) -> bytes:
    if store.database.path is not None:
        files = sorted(store.database.path.parent.glob("store.db*"))
        return b"".join(file.read_bytes() for file in files)
    from sqlalchemy import select

    from tokenguard.store.tables import metadata

    with store.database.reading() as connection:
        rows = [row for table in metadata.sorted_tables for row in connection.execute(select(table))]
    return b"\n".join(value if isinstance(value, bytes) else str(value).encode() for row in rows for value in row)
