"""`tokenguard store …`, from making one to its backup, as an operator runs it."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import plant
from cli.program import CLEAN, INCOMPLETE, USAGE, Ended, run

_TOKEN = re.compile(r"tgd_[0-9A-Za-z]{8}_[0-9A-Za-z]{38}")


def store(*arguments: str | Path, cwd: Path, **environ: str) -> Ended:
    return run("store", *arguments, cwd=cwd, environ=environ)


def folder(home: Path) -> Path:
    return home / ".local" / "share" / "tokenguard"


def test_init_prints_the_admins_token_alone_and_once(home: Path, tmp_path: Path) -> None:
    made = store("init", "--admin", "Ada@Example.org", "--name", "Ada", cwd=tmp_path)
    assert made.code == CLEAN
    token = made.out.removesuffix("\n")
    assert _TOKEN.fullmatch(token)
    assert token[:13] not in made.err
    assert "ada@example.org" in made.err
    for name in ("store.db", "pepper"):
        path = folder(home) / name
        assert str(path) in made.err
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert token.encode() not in path.read_bytes()
    assert stat.S_IMODE(folder(home).stat().st_mode) == 0o700
    listed = run("user", "list", "--json", cwd=tmp_path).report["users"]
    assert {(each["email"], each["role"]) for each in listed} == {
        ("ada@example.org", "admin"),
        ("local@localhost", "admin"),
    }

    again = store("init", cwd=tmp_path)
    assert (again.code, again.out) == (INCOMPLETE, "")
    assert "there is a store already" in again.message


def test_init_in_json(tmp_path: Path) -> None:
    made = store("init", "--json", cwd=tmp_path)
    assert _TOKEN.fullmatch(made.report["token"])
    assert made.report["record"]["owner"]["email"] == "admin@localhost"
    assert made.report["token"] not in made.err


def test_init_elsewhere(home: Path, tmp_path: Path) -> None:
    config = tmp_path / "tokenguard.server.yaml"
    config.write_text("product_scopes: [messages:send]\ndefault_family: keebai-api-key\n")
    places = {
        "TOKENGUARD_STORE_URL": f"sqlite:///{tmp_path}/a.db",
        "TOKENGUARD_PEPPER_FILE": str(tmp_path / "keys" / "pepper"),
    }
    made = store("init", "--config", config, cwd=tmp_path, **places)
    assert made.code == CLEAN, made.err
    assert _TOKEN.fullmatch(made.out.strip())
    assert (tmp_path / "a.db").exists()
    assert (tmp_path / "keys" / "pepper").exists()
    assert not folder(home).exists()
    assert store("check", cwd=tmp_path, **places).code == CLEAN
    wrong = store("init", "--admin", "nobody", cwd=tmp_path, TOKENGUARD_STORE_URL=str(tmp_path / "b.db"))
    assert (wrong.code, wrong.out) == (USAGE, "")


def test_a_token_that_cannot_be_written_is_told_of(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "tokenguard", "store", "init"],
            cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == INCOMPLETE
    assert "could not be written" in done.stderr
    assert _TOKEN.search(done.stderr) is None


def test_check_names_what_is_wrong(home: Path, tmp_path: Path) -> None:
    store("init", cwd=tmp_path)
    sound = store("check", cwd=tmp_path)
    assert (sound.code, sound.err) == (CLEAN, "")
    assert sound.out.endswith("1 token, 0 of them revoked, 0 leaks, 2 users, 3 events: sound\n")
    with closing(sqlite3.connect(folder(home) / "store.db")) as connection:
        connection.execute("DROP TRIGGER tokens_revoked")
    broken = store("check", cwd=tmp_path)
    assert broken.code == INCOMPLETE
    assert broken.out.endswith("NOT SOUND\n")
    assert broken.message == "triggers are missing: tokens_revoked"
    document = store("check", "--json", cwd=tmp_path).report
    assert (document["sound"], document["faults"]) == (False, ["triggers are missing: tokens_revoked"])


def test_backup_is_a_store_and_needs_the_pepper(home: Path, tmp_path: Path) -> None:
    raw = store("init", cwd=tmp_path).out.strip()
    copied = store("backup", tmp_path / "b.db", cwd=tmp_path)
    assert copied.code == CLEAN
    assert "sound" in copied.out
    assert f"keep a copy of {folder(home) / 'pepper'}, apart from this file" in copied.err
    assert store("check", cwd=tmp_path, TOKENGUARD_STORE_URL=str(tmp_path / "b.db")).code == CLEAN
    assert raw.encode() not in (tmp_path / "b.db").read_bytes()

    again = store("backup", tmp_path / "b.db", cwd=tmp_path)
    assert (again.code, again.out) == (USAGE, "")
    (folder(home) / "pepper").rename(tmp_path / "elsewhere")
    lost = store("backup", tmp_path / "c.db", cwd=tmp_path)
    assert (lost.code, lost.out) == (INCOMPLETE, "")
    assert "pepper" in lost.message
    assert not (tmp_path / "c.db").exists()
    assert "pepper" in store("check", cwd=tmp_path).message


def test_migrate_and_sweep(tmp_path: Path) -> None:
    for command in ("migrate", "sweep", "check"):
        nothing = store(command, cwd=tmp_path)
        assert (nothing.code, nothing.out) == (INCOMPLETE, "")
    store("init", cwd=tmp_path)
    assert store("migrate", cwd=tmp_path).out.endswith(": up to date\n")
    assert store("migrate", "--json", cwd=tmp_path).report["applied"] == []
    assert store("sweep", "--json", cwd=tmp_path).report["forgotten"] == {
        "requests": 0, "counts": 0, "messages": 0, "uses": 0, "alerts": 0
    }  # fmt: skip
    assert store("sweep", cwd=tmp_path).code == CLEAN
    assert store("sweep", "--json", cwd=tmp_path).report["tokens"] == {
        "shortened": 0, "expiring": 0, "idle": 0, "revoked": 0
    }  # fmt: skip


def test_migrate_makes_no_store_of_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    done = store("migrate", cwd=tmp_path, TOKENGUARD_STORE_URL=str(tmp_path / "empty.db"))
    assert done.code == INCOMPLETE
    assert "not a token store yet" in done.message


def test_what_is_missing_is_one_line(tmp_path: Path) -> None:
    """Without the extra: what a plain installation has."""
    (tmp_path / "sqlalchemy.py").write_text("raise ModuleNotFoundError('no sqlalchemy', name='sqlalchemy')\n")
    for command in (["init"], ["check"], ["migrate"], ["sweep"], ["backup", "x.db"]):
        done = subprocess.run(
            [sys.executable, "-m", "tokenguard", "store", *command],
            cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (USAGE, "")
        assert done.stderr.count("\n") == 1
        assert "extra `store`" in done.stderr
    for arguments in (("--help",), ("init", "--help")):
        assert store(*arguments, cwd=tmp_path, PYTHONPATH=str(tmp_path)).code == CLEAN


def test_a_password_is_not_shown(tmp_path: Path) -> None:
    secret = plant.token("keebai-api-key")
    url = f"postgresql://ada:{secret}@127.0.0.1:1/tokens"
    for command in (["check"], ["migrate"], ["backup", "x"], ["sweep"], ["init"]):
        done = store(*command, cwd=tmp_path, TOKENGUARD_STORE_URL=url)
        assert done.code == INCOMPLETE, json.dumps(done.err)
        assert secret[:13] not in done.out + done.err


def test_a_pepper_is_rotated_and_no_token_lost(home: Path, tmp_path: Path) -> None:
    old = run("token", "create", "old", cwd=tmp_path).out.strip()
    rotated = store("rotate-pepper", cwd=tmp_path)
    pepper = folder(home) / "pepper"
    assert rotated.code == CLEAN
    assert re.fullmatch(rf"{re.escape(str(pepper))}: pep_[0-9a-f]{{8}} keys new tokens; .*\n", rotated.out)
    assert store("rotate-pepper", "--json", cwd=tmp_path).report["pepper"] == str(pepper)
    new = run("token", "create", "new", cwd=tmp_path).out.strip()
    for token in (old, new):
        assert run("token", "verify", cwd=tmp_path, stdin=token.encode()).code == CLEAN
    assert store("check", cwd=tmp_path).code == CLEAN
    refused = store("rotate-pepper", cwd=tmp_path, TOKENGUARD_PEPPER="x" * 40)
    assert refused.code == USAGE
    assert "in a file" in refused.message
