"""SQLite's file held by another program, exclusively: who asks for tokens waits, and nobody else does."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
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
