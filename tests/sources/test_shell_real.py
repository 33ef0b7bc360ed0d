"""Histories written by the programs themselves, where they are installed: typed on a terminal, read back."""

from __future__ import annotations

import ctypes.util
import fcntl
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import pytest

import plant
from tokenguard.sources.shell import Entry, History, blob, entries_at, find_histories

LIMIT = 30.0
"""Seconds for one program on a busy machine."""

Typing = Callable[..., None]


def needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


@pytest.fixture
def typed(home: Path) -> Typing:
    """`typed(argv, *keys)`: run the program on a terminal of its own, in the private home, and type."""

    def run(argv: Iterable[str], *keys: str, **environ: str) -> None:
        environment = {"HOME": str(home), "PATH": os.environ["PATH"], "TERM": "xterm", "LC_ALL": "C.UTF-8", **environ}
        _typed(tuple(argv), keys, environment)

    return run


def _typed(argv: tuple[str, ...], keys: tuple[str, ...], environ: Mapping[str, str]) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        argv,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=dict(environ),
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - no threads here
    )
    os.close(theirs)
    deadline = time.monotonic() + LIMIT
    try:
        _quiet(ours, deadline, first=5)
        for line in keys:
            os.write(ours, line.encode())
            _quiet(ours, deadline)
        while process.poll() is None and time.monotonic() < deadline:
            _quiet(ours, deadline)
        assert process.poll() is not None, f"{argv[0]} did not end"
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        os.close(ours)


def _quiet(terminal: int, deadline: float, *, first: float = 0.3) -> None:
    """Read what the program says until it has said nothing for a while."""
    wait = first
    while time.monotonic() < deadline and select.select([terminal], [], [], wait)[0]:
        wait = 0.2
        try:
            os.read(terminal, 1 << 16)
        except OSError:  # the program has closed its side
            time.sleep(0.05)
            return


def only(home: Path, kind: str) -> History:
    (history,) = (entry for entry in find_histories(home, {}) if isinstance(entry, History) and entry.kind == kind)
    return history


def at(history: History, token: str) -> dict[int, Entry]:
    """The entries of the lines on which the decoded history has the token."""
    reader = blob(history).open()
    buffer = bytearray(1 << 20)
    data = bytes(buffer[: reader.readinto(memoryview(buffer)) or 0])
    reader.close()
    numbers = [number for number, line in enumerate(data.split(b"\n"), 1) if token.encode() in line]
    assert numbers, "the token is not in the history"
    return entries_at(history, numbers)


def recent(entry: Entry) -> bool:
    """Whether the entry was made during this test."""
    assert entry.time is not None
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", entry.time)
    # fish dates what was typed in its first second a second later, so that it is not taken for an older session's.
    earliest, latest = (
        time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds)) for seconds in (-10 * LIMIT, 2)
    )
    return earliest <= entry.time <= latest


@pytest.fixture
def token() -> str:
    return plant.token(plant.BINBOI_ACCESS)


@needs("bash")
@pytest.mark.parametrize("option", ["-s lithist", "-u lithist", "-u cmdhist"])
def test_bash(home: Path, token: str, option: str) -> None:
    script = f"""shopt {option}
A=1 printf '%s' 'ž {token}' >/dev/null
for i in 1 2
do true {token}
done
printf '%s' 'two
{token}
three' >/dev/null
history -a
"""
    environ = {"HOME": str(home), "PATH": os.environ["PATH"], "HISTFILE": str(home / ".bash_history")}
    subprocess.run(
        ["bash", "--norc", "-i"],
        input=script.encode(),
        env={**environ, "HISTTIMEFORMAT": "%F"},
        capture_output=True,
        check=True,
        start_new_session=True,
        timeout=LIMIT,
    )
    found = at(only(home, "bash"), token)
    commands = [entry.command for entry in found.values()]
    if option == "-u cmdhist":
        # Each line is a command of its own then, with a time of its own; the pasted token is no command.
        assert commands[:2] == ["printf", "true"]
        assert None in commands[2:]
    else:
        assert commands == ["printf", "for", "printf"]
    assert all(recent(entry) for entry in found.values())


@needs("zsh")
@pytest.mark.parametrize("extended", [True, False])
def test_zsh(home: Path, typed: Typing, token: str, extended: bool) -> None:  # noqa: FBT001 - a test's parameter
    option = "setopt EXTENDED_HISTORY" if extended else "unsetopt EXTENDED_HISTORY"
    (home / ".zshrc").write_text(f"HISTFILE=~/.zsh_history\nSAVEHIST=100\nHISTSIZE=100\n{option}\n")
    typed(
        ("zsh", "-d", "-i"),
        f"true 'žluťoučký kůň à' {token}\n",
        f"true 'two\n{token}\nthree'\n",
        f"false {token} \\\\\n",
        f"sudo -n {token}\n",
        "exit\n",
    )
    history = only(home, "zsh")
    found = at(history, token)
    assert [entry.command for entry in found.values()] == ["true", "true", "false", None]
    assert all(recent(entry) if extended else entry.time is None for entry in found.values())
    reader = blob(history).open()
    buffer = bytearray(4096)
    count = reader.readinto(memoryview(buffer))
    reader.close()
    assert f"'žluťoučký kůň à' {token}".encode() in buffer[:count]
    assert "žluťoučký kůň à".encode() not in history.path.read_bytes()


@needs("fish")
def test_fish(home: Path, typed: Typing, token: str) -> None:
    (home / ".config/fish").mkdir(parents=True)
    (home / ".config/fish/config.fish").write_text("set -g fish_greeting\n")
    (home / token).touch()
    typed(("fish",), f"true ž {token}\n", f"cat ~/{token}\n", "exit\n", XDG_DATA_HOME=str(home / ".local/share"))
    found = at(only(home, "fish"), token)
    assert {entry.command for entry in found.values()} == {"true", "cat"}
    assert all(recent(entry) for entry in found.values())


def test_python(home: Path, token: str) -> None:
    pytest.importorskip("readline")
    script = "import readline, sys; readline.add_history(sys.stdin.read()); readline.write_history_file(sys.argv[1])"
    path = home / ".python_history"
    subprocess.run([sys.executable, "-c", script, str(path)], input=f"x = '{token}'".encode(), check=True)
    assert set(at(only(home, "python"), token).values()) == {Entry(None, "python")}


@needs("sqlite3")
def test_sqlite(home: Path, typed: Typing, token: str) -> None:
    path = home / ".sqlite_history"
    typed(("sqlite3",), f"select '{token}'\n", ";\n", ".quit\n", SQLITE_HISTORY=str(path))
    if not path.exists():
        pytest.skip("this sqlite3 has no line editing")
    assert set(at(only(home, "sqlite"), token).values()) == {Entry(None, "sqlite3")}


@needs("node")
def test_node(home: Path, typed: Typing, token: str) -> None:
    typed(("node",), f"x = '{token}'\n", ".exit\n")
    assert set(at(only(home, "node"), token).values()) == {Entry(None, "node")}


@needs("less")
def test_less(home: Path, typed: Typing, token: str) -> None:
    text = home / "text"
    text.write_text(f"{token}\n" * 100)
    typed(("less", str(text)), f"/{token}\n", "q", XDG_STATE_HOME="", XDG_DATA_HOME="")
    assert set(at(only(home, "less"), token).values()) == {Entry(None, "less")}


@needs("vim")
def test_vim(home: Path, token: str) -> None:
    long = f"let x = '{'x' * 700} {token}'"
    commands = (f"call histadd(':', '!curl {token}')", f'call histadd(":", "{long}")', f"let @a = '{token}'")
    arguments = [argument for command in (*commands, "wviminfo ~/.viminfo") for argument in ("-c", command)]
    subprocess.run(
        ["vim", "-u", "NONE", "--cmd", "set nocompatible viminfo='20,<50", "-es", *arguments, "-c", "qa!"],
        env={"HOME": str(home), "PATH": os.environ["PATH"], "TERM": "dumb"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=LIMIT,
        check=False,
    )
    found = at(only(home, "viminfo"), token)
    assert len(found) >= 5
    assert {entry.command for entry in found.values()} == {"vim"}
    assert all(recent(entry) for entry in found.values())


@needs("nvim")
def test_nvim(home: Path, token: str) -> None:
    subprocess.run(
        ["nvim", "--headless", "-u", "NONE", "-c", f"call histadd(':', '!curl {token}')", "-c", "wshada!", "-c", "qa!"],
        env={"HOME": str(home), "PATH": os.environ["PATH"], "TERM": "dumb"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=LIMIT,
        check=True,
    )
    assert set(at(only(home, "shada"), token).values()) == {Entry(None, "nvim")}


@pytest.mark.skipif(ctypes.util.find_library("edit") is None, reason="libedit is not installed")
@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_libedit(home: Path, token: str, locale: str) -> None:
    """The library behind psql and mysql on macOS, and behind mariadb on Debian."""
    script = """
import ctypes, ctypes.util, locale, sys
locale.setlocale(locale.LC_ALL, sys.argv[1])
library = ctypes.CDLL(ctypes.util.find_library("edit"))
library.using_history()
for line in sys.stdin.buffer.read().split(b"\\0"):
    library.add_history(line)
sys.exit(library.write_history(sys.argv[2].encode()))
"""
    texts = (f"select 'žluť \\à'\t'{token}';", f"select\n'{token}'")
    path = home / ".psql_history"
    subprocess.run(
        [sys.executable, "-c", script, locale, str(path)], input="\0".join(texts).encode(), check=True, timeout=LIMIT
    )
    assert path.read_bytes().startswith(b"_HiStOrY_V2_\n")
    history = only(home, "psql")
    assert at(history, token) == {2: Entry(None, "psql"), 3: Entry(None, "psql")}
    reader = blob(history).open()
    buffer = bytearray(4096)
    count = reader.readinto(memoryview(buffer))
    reader.close()
    assert bytes(buffer[:count]).decode() == "_HiStOrY_V2_\n" + "".join(
        text.replace("\n", " ") + "\n" for text in texts
    )


def _postgresql() -> Path | None:
    return next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)


@pytest.fixture
def server() -> Iterator[Path]:
    """The socket folder of a real PostgreSQL server, which refuses to run as root."""
    programs = _postgresql()
    if programs is None:
        pytest.skip("PostgreSQL's server is not installed")
    user = 65534 if os.geteuid() == 0 else os.geteuid()
    folder = Path(tempfile.mkdtemp())
    os.chown(folder, user, -1)

    def run(program: str, *arguments: str) -> None:
        argv = [str(programs / program), "-D", str(folder / "data"), *arguments]
        subprocess.run(argv, user=user, cwd=folder, check=True, stdout=subprocess.DEVNULL, timeout=2 * LIMIT)

    try:
        run("initdb", "-U", "u", "-A", "trust", "--no-sync")
        run("pg_ctl", "-w", "-o", f"-k {folder} -c listen_addresses=", "-l", str(folder / "log"), "start")
        yield folder
        run("pg_ctl", "-w", "-m", "fast", "stop")
    finally:
        shutil.rmtree(folder)


@needs("psql")
def test_psql(home: Path, typed: Typing, token: str, server: Path) -> None:
    argv = ("psql", "-X", "-h", str(server), "-U", "u", "postgres")
    typed(argv, f"select 1,\n'{token}';\n", "\\q\n", PAGER="cat")
    assert set(at(only(home, "psql"), token).values()) == {Entry(None, "psql")}
