"""A real PostgreSQL for tests: a throw-away cluster on a Unix socket, one a test process, a fresh database a test.

It runs as an ordinary user, since PostgreSQL refuses root. Nothing of it listens on the network or outlives the tests.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import psycopg

REQUIRED = os.environ.get("TOKENGUARD_TEST_POSTGRES") == "required"
"""Whether a missing PostgreSQL fails the tests instead of skipping them. Read before tests get an environment of their
own, which has none of our variables."""

_USERS = ("postgres", "nobody")
_START_SECONDS = 60
# Tests end with the cluster: nothing of it has to outlive a loss of power.
_SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "max_connections": "200",
    "autovacuum": "off",
    "jit": "off",
    "timezone": "Asia/Kathmandu",
}


def program(name: str) -> str | None:
    """The path of one of PostgreSQL's programs, the newest version's; None: not installed."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
    found = [str(folder / name) for folder in folders if (folder / name).exists()]
    return found[0] if found else shutil.which(name)


class Cluster:
    """A running server and its databases."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self._user = _ordinary_user()
        self._numbers = itertools.count(1)
        self._server: subprocess.Popen[bytes] | None = None
        if self._user is not None:
            os.chown(folder, self._user.pw_uid, self._user.pw_gid)
        options = ("-U", "tokenguard", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
        self._run([_needed("initdb"), "-D", str(self.data), *options])
        self.start()

    def start(self) -> None:
        """Start the server; back once it answers."""
        settings = itertools.chain.from_iterable(("-c", f"{name}={value}") for name, value in _SETTINGS.items())
        command = [_needed("postgres"), "-D", str(self.data), "-k", str(self.folder), *settings]
        with (self.folder / "log").open("ab") as log:
            self._server = self._popen(command, log)
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                self._administer("SELECT 1")
            except psycopg.OperationalError:
                if time.monotonic() > deadline or self._server.poll() is not None:
                    raise
                time.sleep(0.05)  # it is starting; there is a deadline
            else:
                return

    def stop(self, how: signal.Signals = signal.SIGQUIT) -> None:
        """Stop the server: at once, unless another of its signals is given."""
        if self._server is not None:
            self._server.send_signal(how)
            self._server.wait(_START_SECONDS)
            self._server = None

    def database(self, template: str = "template1") -> str:
        """The name of a new database, a copy of `template`."""
        name = f"test_{next(self._numbers)}"
        self._administer(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def drop(self, name: str) -> None:
        """Drop a database, whoever is still connected to it."""
        self._administer(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def url(self, name: str) -> str:
        """How a store is told of that database."""
        return f"postgresql://tokenguard@/{name}?host={self.folder}"

    @functools.cached_property
    def templates(self) -> dict[str, str]:
        """Databases to copy, by what they hold."""
        return {}

    def template(self, key: str, fill: Callable[[str], None]) -> str:
        """The name of the database that `fill` fills, given its URL, when it is asked for first."""
        if key not in self.templates:
            name = self.database()
            fill(self.url(name))
            self.templates[key] = name
        return self.templates[key]

    def _administer(self, statement: str) -> None:
        with psycopg.connect(
            host=str(self.folder), user="tokenguard", dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(statement)

    def _run(self, command: list[str]) -> None:
        with (self.folder / "log").open("ab") as log:
            if self._popen(command, log).wait():
                raise RuntimeError(f"{command[0]} failed: {(self.folder / 'log').read_text()}")

    def _popen(self, command: list[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
        # The server's parent is to be the tests: when they die in a hurry, it goes with them.
        if setpriv := shutil.which("setpriv"):
            command = [setpriv, "--pdeathsig", "QUIT", *command]
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            user=self._user and self._user.pw_uid,
            group=self._user and self._user.pw_gid,
            extra_groups=self._user and [],
        )


def _needed(name: str) -> str:
    found = program(name)
    if found is None:
        raise RuntimeError(f"PostgreSQL's {name} is not installed")
    return found


def _ordinary_user() -> pwd.struct_passwd | None:
    """Whom to run it as; None: as whoever runs the tests, who is not root."""
    if os.geteuid() != 0:
        return None
    for name in _USERS:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise RuntimeError("no ordinary user to run PostgreSQL as")


@contextlib.contextmanager
def cluster() -> Iterator[Cluster]:
    """A cluster of its own, for a test that stops it."""
    # Short, and open to the ordinary user: pytest's own folders are neither.
    folder = Path(tempfile.mkdtemp(prefix="tg-pg-", dir="/tmp"))
    running: Cluster | None = None
    try:
        running = Cluster(folder)
        yield running
    finally:
        if running is not None:
            running.stop()
        shutil.rmtree(folder, ignore_errors=True)


@functools.cache
def shared_cluster() -> Cluster | None:
    """The cluster of this test process, started when it is asked for first; None: PostgreSQL is not installed."""
    if program("postgres") is None and not REQUIRED:
        return None
    stack = contextlib.ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(cluster())
