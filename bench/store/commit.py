"""A bare FastAPI endpoint that writes one row, on the disk when it answers: what an alert cannot do without.

    python -m bench.store.commit DATABASE

Prints its URL when it is ready, and ends with SIGTERM. One worker; no signature, no look-up, no audit.
"""

from __future__ import annotations

import socket
import sqlite3
import sys

import uvicorn
from fastapi import FastAPI


def main() -> None:
    """Serve."""
    app = FastAPI()
    connection = sqlite3.connect(sys.argv[1], isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE done (at INTEGER PRIMARY KEY)")

    @app.post("/")
    def commit() -> list[dict[str, str]]:
        connection.execute("INSERT INTO done DEFAULT VALUES")
        return [{"token_hash": "0", "token_type": "bench", "label": "true_positive"}]

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(2048)
        print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
        config = uvicorn.Config(app, log_level="warning", access_log=False)
        uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
