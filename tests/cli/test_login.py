"""`tokenguard login`, `whoami`, `logout` against the real server, with a real terminal where one is asked on."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import plant
from cli.program import CLEAN, COMMAND, INCOMPLETE, USAGE, Ended, run
from cli.served import ADMIN, Served, served

DEVELOPER = "dev@example.org"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("server")) as running:
        running.service.create_user(email=DEVELOPER, name="Dev Eloper", role="developer")
        yield running


@pytest.fixture
def file(home: Path) -> Path:
    return home / ".config" / "tokenguard" / "login.json"


def login(server: Served, folder: Path, token: str, *options: str, environ: dict[str, str] | None = None) -> Ended:
    return run(
        "login", "--server", server.url, "--token", "-", *options, cwd=folder, stdin=token.encode(), environ=environ
    )


def test_login_from_standard_input(server: Served, tmp_path: Path, file: Path) -> None:
    ended = login(server, tmp_path, server.admin + "\n")
    assert (ended.code, ended.err) == (CLEAN, "")
    assert f"logged in at {server.url} as Ada Admin <{ADMIN}>" in ended.out
    assert server.admin[:12] in ended.out
    assert server.admin[13:] not in ended.out
    assert str(file) in ended.out
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert json.loads(file.read_text())["servers"] == {server.url: {"token": server.admin}}
    who = run("whoami", cwd=tmp_path)
    assert (who.code, who.err) == (CLEAN, "")
    for text in (ADMIN, "Ada Admin", "admin", "security.respond", server.admin[:12], server.url, str(file)):
        assert text in who.out
    assert server.admin[13:] not in who.out


def test_what_the_server_refuses_is_not_kept(server: Served, tmp_path: Path, file: Path) -> None:
    token = plant.token(plant.TOKENGUARD)
    ended = login(server, tmp_path, token)
    assert (ended.code, ended.out) == (USAGE, "")
    assert "nothing was saved" in ended.err
    assert token[13:] not in ended.err
    assert not file.exists()


def test_an_earlier_login_outlives_a_refused_one(server: Served, tmp_path: Path, file: Path) -> None:
    login(server, tmp_path, server.admin)
    before = file.read_bytes()
    assert login(server, tmp_path, plant.token(plant.TOKENGUARD)).code == USAGE
    assert file.read_bytes() == before


def test_a_server_that_is_not_there(tmp_path: Path, file: Path) -> None:
    ended = run("login", "--server", "http://127.0.0.1:9", "--token", "-", cwd=tmp_path, stdin=b"some-token")
    assert (ended.code, ended.out) == (INCOMPLETE, "")
    assert "nothing was saved" in ended.err
    assert not file.exists()


@pytest.mark.parametrize("url", ["http://tokens.example.org", "https://user:p4ss@tokens.example.org", "tokens"])
def test_a_token_is_not_sent_just_anywhere(url: str, tmp_path: Path) -> None:
    ended = run("login", "--server", url, "--token", "-", cwd=tmp_path, stdin=b"some-token")
    assert (ended.code, ended.out) == (USAGE, "")
    assert "p4ss" not in ended.err


def test_without_a_server_it_says_so(tmp_path: Path) -> None:
    ended = run("login", "--token", "-", cwd=tmp_path, stdin=b"some-token")
    assert ended.code == USAGE
    assert ended.message == "which server?; name it: --server URL; the embedded store needs no login"


def test_without_a_terminal_an_empty_pipe_is_no_token(server: Served, tmp_path: Path) -> None:
    ended = run("login", "--server", server.url, cwd=tmp_path)
    assert (ended.code, ended.message) == (USAGE, "standard input: there is no token")


def on_a_terminal(arguments: list[str], typed: str, folder: Path) -> tuple[int, str]:
    """Run on a terminal of its own and type when it asks; exit code and all that the terminal showed."""
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(folder)
        os.execvp(COMMAND[0], [*COMMAND, *arguments])  # noqa: S606 - the program itself
    shown, asked, until = b"", False, time.monotonic() + 60
    while time.monotonic() < until:
        if not select.select([terminal], [], [], 1)[0]:
            continue
        try:
            data = os.read(terminal, 4096)
        except OSError:  # the other end was closed
            break
        if not data:
            break
        shown += data
        if not asked and b": " in shown:
            asked = True
            time.sleep(0.2)  # until the echo is off
            os.write(terminal, typed.encode() + b"\n")
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), shown.decode()


def test_the_prompt_hides_what_is_typed(server: Served, tmp_path: Path, file: Path) -> None:
    code, shown = on_a_terminal(["login", "--server", server.url], server.admin, tmp_path)
    assert code == CLEAN, shown
    assert f"Token for {server.url}: " in shown
    assert "logged in" in shown
    assert server.admin[13:] not in shown
    assert server.admin in file.read_text()


def test_the_prompt_of_verify_hides_too(server: Served, tmp_path: Path) -> None:
    login(server, tmp_path, server.admin)
    code, shown = on_a_terminal(["token", "verify"], server.admin, tmp_path)
    assert code == CLEAN, shown
    assert "active" in shown
    assert server.admin[13:] not in shown


def test_a_typed_token_stands_in_the_history_and_is_told_so(server: Served, tmp_path: Path, home: Path) -> None:
    token = server.token_of(DEVELOPER)
    command = ("login", "--server", server.url, "--token", token)
    not_yet = run(*command, cwd=tmp_path, environ={"SHELL": "/bin/bash"})
    assert not_yet.code == CLEAN
    assert f"`tokenguard login --token {token[:12]}…`" in not_yet.message
    assert "history of bash" in not_yet.message
    (home / ".zsh_history").write_text(f": 1763719200:0;ls\n: 1763719260:0;tokenguard {' '.join(command)}\n")
    (home / ".bash_history").write_text(f"echo {plant.token(plant.TOKENGUARD)}\n")
    ended = run(*command, cwd=tmp_path)
    assert ended.code == CLEAN
    assert f"now stands in {home}/.zsh_history:2" in ended.message
    assert ".bash_history" not in ended.message
    assert token[13:] not in ended.message + ended.out


def test_a_variable_that_hides_the_login_is_told(server: Served, tmp_path: Path, file: Path) -> None:
    stale = server.token_of(DEVELOPER)
    environ = {"TOKENGUARD_TOKEN": stale}
    ended = login(server, tmp_path, server.admin, environ=environ)
    assert ended.code == CLEAN
    assert ended.message.startswith(f"TOKENGUARD_TOKEN is set, to another token ({stale[:12]}…), and hides this login")
    who = run("whoami", cwd=tmp_path, environ=environ)
    assert who.code == CLEAN
    assert DEVELOPER in who.out
    assert re.search(r"token from +TOKENGUARD_TOKEN", who.out)
    assert who.message == f"{file}: says another token ({server.admin[:12]}…), which does not count"
    shown = run("whoami", "--json", cwd=tmp_path, environ=environ).report
    assert (shown["email"], shown["token_from"], shown["server"]["from"]) == (DEVELOPER, "TOKENGUARD_TOKEN", str(file))
    assert shown["hidden"] == [{"what": "token", "where": str(file), "value": f"{server.admin[:12]}…"}]
    same = login(server, tmp_path, server.admin, environ={"TOKENGUARD_TOKEN": server.admin})
    assert same.err == ""


def test_a_server_variable_that_hides_the_login_is_told(server: Served, tmp_path: Path) -> None:
    environ = {"TOKENGUARD_SERVER": "https://other.example.org"}
    ended = login(server, tmp_path, server.admin, environ=environ)
    assert ended.code == CLEAN
    assert ended.message.startswith("TOKENGUARD_SERVER is set, to https://other.example.org, and hides this login")
    # And the token that was kept for one server is not taken to another.
    refused = run("whoami", cwd=tmp_path, environ=environ)
    assert (refused.code, refused.out) == (USAGE, "")
    assert "not logged in at https://other.example.org" in refused.message


def test_a_flag_wins(server: Served, tmp_path: Path) -> None:
    login(server, tmp_path, server.admin)
    token = server.token_of(DEVELOPER)
    who = run("whoami", "--token", "-", cwd=tmp_path, stdin=token.encode(), environ={"TOKENGUARD_TOKEN": server.admin})
    assert DEVELOPER in who.out
    assert re.search(r"token from +--token", who.out)


def test_ci_needs_no_file(server: Served, tmp_path: Path, home: Path) -> None:
    environ = {"TOKENGUARD_SERVER": server.url, "TOKENGUARD_TOKEN": server.admin}
    who = run("whoami", cwd=tmp_path, environ=environ)
    assert (who.code, who.err) == (CLEAN, "")
    assert "from TOKENGUARD_SERVER" in who.out
    assert not (home / ".config").exists()


def test_logout(server: Served, tmp_path: Path, file: Path) -> None:
    login(server, tmp_path, server.admin)
    ended = run("logout", cwd=tmp_path)
    assert ended.code == CLEAN
    assert server.admin[:12] in ended.out
    assert server.admin not in file.read_text()
    again = run("logout", cwd=tmp_path)
    assert (again.code, again.message) == (USAGE, "no login is kept")
    # The token itself lives.
    assert login(server, tmp_path, server.admin).code == CLEAN
    ended = run("logout", "--json", "--server", server.url, cwd=tmp_path, environ={"TOKENGUARD_TOKEN": "x"})
    assert ended.report == {"server": server.url, "token": f"{server.admin[:12]}…"}
    assert "TOKENGUARD_TOKEN is set" in ended.message


def test_a_revoked_login_is_refused_everywhere(server: Served, tmp_path: Path) -> None:
    token = server.token_of(DEVELOPER, "developer.manage_tokens")
    login(server, tmp_path, token)
    assert run("token", "revoke", token[:12], "--yes", cwd=tmp_path).code == CLEAN
    for command in (("whoami",), ("token", "list"), ("token", "create", "a")):
        ended = run(*command, cwd=tmp_path)
        assert (ended.code, ended.out) == (USAGE, "")
        assert "not accepted" in ended.message


def test_whoami_on_the_embedded_store(tmp_path: Path) -> None:
    assert "there is no token store yet" in run("whoami", cwd=tmp_path).message
    run("token", "create", "a", cwd=tmp_path)
    stray = plant.token(plant.TOKENGUARD)
    who = run("whoami", cwd=tmp_path, environ={"TOKENGUARD_TOKEN": stray})
    assert who.code == CLEAN
    assert "embedded" in who.out
    assert who.message == (f"TOKENGUARD_TOKEN: says a token ({stray[:12]}…), which the embedded store does not ask for")
    assert run("whoami", "--json", cwd=tmp_path).report["auth_mode"] == "local"


def test_no_traceback_and_no_process_list_shows_the_token(server: Served, tmp_path: Path) -> None:
    """What is piped stays out of argument lists: `ps` of another user sees none."""
    process = subprocess.Popen(
        [*COMMAND, "login", "--server", server.url, "--token", "-"],
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    command_line = Path(f"/proc/{process.pid}/cmdline").read_bytes()
    out, _ = process.communicate(server.admin.encode())
    assert server.admin.encode() not in command_line + out


def test_a_server_under_another_path_is_said(server: Served, tmp_path: Path, file: Path) -> None:
    address = f"{server.url}/some/path"
    ended = run("login", "--server", address, "--token", "-", cwd=tmp_path, stdin=server.admin.encode())
    assert (ended.code, file.exists()) == (USAGE, False)
    assert f"{address}: no token store is at this address; is its path right?" in ended.err
    listed = run(
        "token", "list", cwd=tmp_path, environ={"TOKENGUARD_SERVER": address, "TOKENGUARD_TOKEN": server.admin}
    )
    assert (listed.code, listed.message) == (USAGE, f"there is nothing here (at {address})")


def test_nothing_that_is_asked_for_is_left_out_on_the_way(server: Served, tmp_path: Path) -> None:
    environ = {"TOKENGUARD_SERVER": server.url, "TOKENGUARD_TOKEN": server.admin}
    ended = run("token", "create", "a", "--expires-in", "99999d", cwd=tmp_path, environ=environ)
    assert (ended.code, ended.out) == (USAGE, "")
    assert ended.message.startswith("--expires-in: ")
