"""SQLite's file held by another program, exclusively: who asks for tokens waits, and nobody else does."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

from server.serving import Api, serving

_HOLD = """
import sqlite3, sys
held = sqlite3.connect(sys.argv[1], isolation_level=None)
held.execute("PRAGMA locking_mode = EXCLUSIVE")
held.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
held.execute("ROLLBACK")
"""


_THREADS = 50
"""More requests than a server has threads for them."""


@contextmanager
def held(path: Path) -> Iterator[None]:
    """A program of its own that lets nobody else in: locks of one process are no obstacle to itself."""
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == b"held\n"
        yield
        program.communicate(b"")


def introspected(api: Api, token: str) -> int:
    return api.ask("POST", "/oauth/introspect", data={"token": token}).status_code


def test_whoever_watches_is_answered_while_every_thread_waits(tmp_path: Path) -> None:
    with serving(tmp_path / "store.db", tmp_path) as api, ThreadPoolExecutor(_THREADS) as pool:
        with closing(sqlite3.connect(tmp_path / "store.db", isolation_level=None)) as writer:
            writer.execute("BEGIN IMMEDIATE")
            waiting = [pool.submit(api.mint) for _ in range(_THREADS)]
            time.sleep(1)  # until they have reached the server: none of them is answered that could say so
            for path in ("/healthz", "/readyz", "/metrics"):
                assert api.ask("GET", path, token=None).status_code == 200
            assert not any(each.done() for each in waiting)
            writer.execute("ROLLBACK")
        assert len({each.result() for each in waiting}) == _THREADS


def test_health_is_answered_while_an_introspection_waits(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with serving(path, tmp_path) as api:
        _, token = api.mint()
        assert [introspected(api, token) for _ in range(3)] == [200] * 3
        # Put back from a copy: the server has to open the file anew, which is when it can be kept out.
        copy = tmp_path / "copy.db"
        api.store.flush_uses()
        with closing(sqlite3.connect(path)) as other:
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copy(path, copy)
        with held(copy):
            copy.replace(path)
            answered = 0
            with ThreadPoolExecutor(1) as pool:
                waiting = pool.submit(introspected, api, token)
                while not waiting.done():
                    assert api.ask("GET", "/healthz", token=None).status_code == 200
                    answered += not waiting.done()
            assert waiting.result() == 503
            assert answered > 5
        assert introspected(api, token) == 200
