"""A bare FastAPI endpoint that returns a constant, as fast as FastAPI and uvicorn are by themselves.

    python -m bench.store.constant

Prints its URL when it is ready, and ends with SIGTERM. One worker, the same event loop and parser as tokenguard's.
"""

from __future__ import annotations

import socket

import uvicorn
from fastapi import FastAPI

ANSWER: dict[str, str | bool] = {
    "active": True,
    "scope": "messages:send",
    "client_id": "tok_0",
    "token_type": "Bearer",
    "sub": "usr_0",
}


def main() -> None:
    """Serve."""
    app = FastAPI()

    @app.post("/oauth/introspect")
    async def constant() -> dict[str, str | bool]:
        return ANSWER

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(2048)
        print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
        config = uvicorn.Config(app, log_level="warning", access_log=False)
        uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
