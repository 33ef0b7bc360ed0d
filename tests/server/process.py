"""`tokenguard serve` as a process of its own, as an operator starts it."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import requests

COMMAND = (sys.executable, "-m", "tokenguard")
_PATIENCE = 30


@dataclass
class Served:
    """A running `tokenguard serve`."""

    url: str
    process: subprocess.Popen[bytes]
    log_file: Path

    def ask(self, method: str, path: str, token: str | None = None, **more: Any) -> requests.Response:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return requests.request(method, self.url + path, headers=headers, timeout=_PATIENCE, **more)

    def log(self) -> list[dict[str, Any]]:
        """The log so far: every line of it has to be an object."""
        return [json.loads(line) for line in self.log_file.read_text().splitlines()]

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Its exit code."""
        self.process.send_signal(how)
        return self.process.wait(_PATIENCE)


def run(*arguments: str | Path, environ: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """A command that ends by itself."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=_PATIENCE,
        env=os.environ | (environ or {}),
    )


def make_store(folder: Path) -> tuple[dict[str, str], str]:
    """A store as an operator makes it: the environment that names it, and the admin's token."""
    environ = {
        "TOKENGUARD_STORE_URL": str(folder / "store.db"),
        "TOKENGUARD_PEPPER_FILE": str(folder / "pepper"),
    }
    made = run("store", "init", environ=environ)
    assert made.returncode == 0, made.stderr
    return environ, made.stdout.strip()


@contextmanager
def served(environ: dict[str, str], folder: Path, *options: str | Path, before: Sequence[str] = ()) -> Iterator[Served]:
    """The server on a free port, until the end of the block. `before`: a program that starts it."""
    log_file = folder / "server.log"
    with log_file.open("ab") as log:
        process = subprocess.Popen(
            [*before, *COMMAND, "serve", "--port", "0", *map(str, options)],
            stdout=subprocess.PIPE,
            stderr=log,
            env=os.environ | environ,
        )
    try:
        assert process.stdout is not None
        line = _line(process.stdout, log_file)
        found = re.fullmatch(r"listening on (https?://\S+)\n", line)
        assert found, line + log_file.read_text()
        yield Served(found[1], process, log_file)
    finally:
        process.kill()
        process.wait(_PATIENCE)
        if process.stdout is not None:
            process.stdout.close()


def _line(stream: IO[bytes], log_file: Path) -> str:
    line = b""
    until = time.monotonic() + _PATIENCE
    while not line.endswith(b"\n"):
        assert time.monotonic() < until, log_file.read_text()
        if select.select([stream], [], [], 1)[0]:
            data = os.read(stream.fileno(), 1)
            if not data:
                break
            line += data
    return line.decode()
