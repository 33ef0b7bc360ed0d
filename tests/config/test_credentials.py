"""Which server and token count, where they came from, what they hide; and the login file itself."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

import plant
from tokenguard.config.credentials import (
    Given,
    Logins,
    access,
    login_file,
    read_logins,
    token_of,
    write_logins,
)
from tokenguard.errors import ConfigError, OutputError, UsageError
from tokenguard.model.secret import Secret

HERE, THERE = "https://tokens.example.org", "https://other.example.org:8443/base"


def fresh() -> Secret:
    return Secret(plant.token(plant.TOKENGUARD).encode())


@pytest.fixture
def file(home: Path) -> Path:
    found = login_file(os.environ)
    assert found == home / ".config" / "tokenguard" / "login.json"
    return found


def test_what_is_written_is_what_is_read(file: Path) -> None:
    here, there = fresh(), fresh()
    assert read_logins(file) == Logins()
    write_logins(file, Logins().adding(HERE, here).adding(THERE, there))
    assert read_logins(file) == Logins(THERE, {HERE: here, THERE: there})
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert [each.name for each in file.parent.iterdir()] == ["login.json"]
    write_logins(file, read_logins(file).without(THERE))
    assert read_logins(file) == Logins(None, {HERE: here})


def test_a_flag_then_a_variable_then_the_file(file: Path) -> None:
    flag, variable, saved = fresh(), fresh(), fresh()
    write_logins(file, Logins().adding(HERE, saved))
    environ = {"TOKENGUARD_TOKEN": variable.reveal().decode() + "\n"}
    said = access(server_flag=None, token_flag=flag, configured=None, environ=environ, file=file)
    assert said.server == Given(HERE, str(file))
    assert said.token == Given(flag, "--token")
    assert said.hidden_tokens == (Given(variable, "TOKENGUARD_TOKEN"), Given(saved, str(file)))
    said = access(server_flag=None, token_flag=None, configured=None, environ=environ, file=file)
    assert said.token == Given(variable, "TOKENGUARD_TOKEN")
    said = access(server_flag=None, token_flag=None, configured=None, environ={}, file=file)
    assert (said.token, said.hidden_tokens) == (Given(saved, str(file)), ())


def test_the_same_token_twice_hides_nothing(file: Path) -> None:
    saved = fresh()
    write_logins(file, Logins().adding(HERE, saved))
    environ = {"TOKENGUARD_TOKEN": saved.reveal().decode()}
    said = access(server_flag=HERE + "/", token_flag=None, configured=None, environ=environ, file=file)
    assert (said.hidden_tokens, said.hidden_servers) == ((), ())


def test_a_token_of_the_file_belongs_to_its_server(file: Path) -> None:
    write_logins(file, Logins().adding(HERE, fresh()))
    said = access(server_flag=THERE, token_flag=None, configured=None, environ={}, file=file)
    assert said.token is None
    assert said.server == Given(THERE, "--server")
    assert said.hidden_servers == (Given(HERE, str(file)),)
    configured = Given(THERE, "TOKENGUARD_SERVER")
    assert access(server_flag=None, token_flag=None, configured=configured, environ={}, file=file).token is None


def test_nothing_said_is_the_embedded_store(file: Path) -> None:
    said = access(server_flag=None, token_flag=None, configured=None, environ={}, file=file)
    assert (said.server, said.token) == (None, None)
    assert access(server_flag=None, token_flag=None, configured=None, environ={}, file=None).server is None


@pytest.mark.parametrize(
    "url", ["http://tokens.example.org", "https://u:p4ss@h.example", "ftp://h", "h", "https://h?x=1"]
)
def test_no_token_is_sent_just_anywhere(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        access(server_flag=url, token_flag=None, configured=None, environ={}, file=None)
    assert str(caught.value).startswith("--server: ")
    assert "p4ss" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "a b", "a\r\nX: y", "é", "a" * 5000, "a\0b"])
def test_what_cannot_be_a_token_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        token_of(text, "standard input")
    assert str(caught.value).startswith("standard input: ")
    assert len(str(caught.value)) < 100


def test_no_repr_shows_a_token(file: Path) -> None:
    saved, variable = fresh(), fresh()
    logins = Logins().adding(HERE, saved)
    write_logins(file, logins)
    environ = {"TOKENGUARD_TOKEN": variable.reveal().decode()}
    said = access(server_flag=None, token_flag=fresh(), configured=None, environ=environ, file=file)
    assert "tgd_" not in repr(said) + repr(logins) + str(said)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"servers": []}',
        '{"servers": {"https://h": "TOKEN"}}',
        '{"servers": {"https://h": {"token": 1}}}',
        '{"servers": {"https://h": {"token": "TOKEN x"}}}',
        '{"servers": {}, "current": "https://h"}',
        "[" * 100_000,
    ],
)
def test_a_file_that_is_none_is_said_to_be(file: Path, text: str, fresh_token: Callable[[str], str]) -> None:
    token = fresh_token(plant.TOKENGUARD)
    file.parent.mkdir(parents=True)
    file.touch(0o600)
    file.write_text(text.replace("TOKEN", token))
    with pytest.raises(ConfigError) as caught:
        read_logins(file)
    assert str(caught.value) == f"{file}: not a login file; remove it and log in again: tokenguard login"
    assert caught.value.__cause__ is None


def test_a_file_that_others_may_read_is_refused(file: Path) -> None:
    write_logins(file, Logins().adding(HERE, fresh()))
    file.chmod(0o640)
    with pytest.raises(ConfigError, match="others may read the tokens in it; chmod 600 it"):
        read_logins(file)


@pytest.mark.usefixtures("ordinary_user")
def test_a_folder_that_cannot_be_written(file: Path) -> None:
    write_logins(file, Logins().adding(HERE, fresh()))
    before = file.read_bytes()
    file.parent.chmod(0o500)
    try:
        with pytest.raises(OutputError, match="cannot be written"):
            write_logins(file, Logins())
    finally:
        file.parent.chmod(0o700)
    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]
