"""A token typed where it does not belong, in every place of the commands around the store: shown and kept nowhere."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

import plant
from cli.program import CLEAN, COMMAND, USAGE, Ended, assert_hidden, run

PLACES = [
    "token TOKEN",
    "token create TOKEN",
    "token create a --family TOKEN",
    "token create a --scope TOKEN",
    "token create a --expires-in TOKEN",
    "token create a --owner TOKEN",
    "token create a --rules TOKEN",
    "token create a --server TOKEN",
    "token create a --server https://TOKEN@tokens.example.org",
    "token list TOKEN",
    "token list --owner TOKEN",
    "token list --status TOKEN",
    "token list --family TOKEN",
    "token list --stale TOKEN",
    "token show TOKEN",
    "token show xTOKEN",
    "token history TOKEN",
    "token verify TOKEN",
    "token verify --hash TOKEN",
    "token rotate TOKEN",
    "token rotate tgd_00000000 --grace TOKEN",
    "token revoke TOKEN tgd_00000000 --yes",
    "token revoke tgd_00000000 --reason TOKEN --yes",
    "user create TOKEN --name a --role developer",
    "user create a@example.org --name TOKEN --role TOKEN",
    "user change TOKEN --name a",
    "user change local@localhost --plan TOKEN",
    "role create TOKEN",
    "role create a --permission TOKEN",
    "role change TOKEN --name a",
    "role delete TOKEN",
    "whoami TOKEN",
    "whoami --server TOKEN",
    "whoami --token TOKEN",
    "login TOKEN",
    "login --server http://127.0.0.1:9/TOKEN --token TOKEN",
    "login --server TOKEN",
    "logout TOKEN",
    "logout --server http://127.0.0.1:9/TOKEN",
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store in it."""
    folder = tmp_path_factory.mktemp("store")
    done = subprocess.run(
        [*COMMAND, "token", "create", "the first"], env=environ(folder), cwd=folder, capture_output=True, check=False
    )
    assert done.returncode == CLEAN, done.stderr
    return folder


def environ(folder: Path) -> dict[str, str]:
    return os.environ | {"TOKENGUARD_STORE_URL": str(folder / "s.db"), "TOKENGUARD_PEPPER_FILE": str(folder / "p")}


@pytest.mark.parametrize("arguments", PLACES)
def test_it_is_never_echoed_nor_kept(made: Path, arguments: str, home: Path) -> None:
    token = plant.token(plant.RULES[len(arguments) % len(plant.RULES)])
    words = [word.replace("TOKEN", token) for word in arguments.split()]
    ended = run(*words, cwd=made, environ=environ(made))
    # What was minted is printed on purpose.
    out = "" if words[:2] == ["token", "create"] and ended.code == CLEAN else ended.out
    assert_hidden(token, Ended(ended.code, out, ended.err))
    for folder in (made, home):
        kept = b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())
        assert token.encode() not in kept
    # One that lacks its last character is no token, and an error message would give nearly all of it away.
    ended = run(*(word.replace("TOKEN", token[:-1]) for word in arguments.split()), cwd=made, environ=environ(made))
    assert_hidden(token[:-1], Ended(ended.code, "", ended.err))


def test_what_is_no_text_at_all_is_refused(made: Path) -> None:
    for arguments in ((b"token", b"create", b"caf\xe9"), (b"token", b"show", b"\xff"), (b"role", b"create", b"\xff")):
        done = subprocess.run([*COMMAND, *arguments], cwd=made, env=environ(made), capture_output=True, check=False)
        assert done.returncode == USAGE, done
        assert b"internal" not in done.stderr
        assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("name", ["", " ", "x" * 201])
def test_names_that_are_none(made: Path, name: str) -> None:
    ended = run("token", "create", name, cwd=made, environ=environ(made))
    assert (ended.code, ended.out) == (USAGE, "")
