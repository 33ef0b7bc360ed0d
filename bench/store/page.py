"""What a page of the dashboard costs the server, from the request as it was parsed to the last byte of the answer.

    python -m bench.store.page URL PEPPER_FILE PAGE --repetitions N [--seed N]

PAGE is a path, with `{token}` and `{leak}` for the ids of the first ones. The application is called in this process,
without a socket: what a client or the network takes would hide the difference. Told is the time of the median request,
as if all had taken so long, on the processor: a busy machine would hide it too. Every answer must be a page.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from pathlib import Path
from statistics import median

from bench.store.leaked import leak_id
from bench.store.made import CALLER, opened, token, token_id
from tokenguard.server.app import Application, build
from tokenguard.server.settings import ServerSettings

_WARM_UP = 20


def main() -> None:
    """Ask for the page again and again, and print how long it took."""
    parser = argparse.ArgumentParser(prog="python -m bench.store.page")
    parser.add_argument("url")
    parser.add_argument("pepper_file", type=Path)
    parser.add_argument("page")
    parser.add_argument("--repetitions", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    path, _, query = wanted.page.format(token=token_id(0), leak=leak_id(0)).partition("?")
    with opened(wanted.url, wanted.pepper_file) as store:
        actor = store.authenticate(token(wanted.seed, CALLER))
        if actor is None:
            raise LookupError("the store has no such caller")
        cookie = store.sessions.open(actor).reveal()
        app = build(store, ServerSettings(rate_limits=False, access_log=False))
        sizes, seconds = asyncio.run(_asked(app, path, query.encode(), cookie, wanted.repetitions))
    complete = len(sizes) == wanted.repetitions and min(sizes) > 0
    print(json.dumps({"count": max(sizes), "complete": complete, "seconds": median(seconds) * wanted.repetitions}))


async def _asked(
    app: Application, path: str, query: bytes, cookie: bytes, repetitions: int
) -> tuple[list[int], list[float]]:
    """Bytes of each page, 0 where the answer was none, and the seconds that each took."""
    for _ in range(_WARM_UP):
        await _page(app, path, query, cookie)
    sizes, seconds = [], []
    for _ in range(repetitions):
        started = time.process_time()
        sizes.append(await _page(app, path, query, cookie))
        seconds.append(time.process_time() - started)
    return sizes, seconds


async def _page(app: Application, path: str, query: bytes, cookie: bytes) -> int:
    status, size = 0, 0
    headers = [(b"host", b"127.0.0.1"), (b"accept", b"text/html"), (b"cookie", b"tokenguard=" + cookie)]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 1),
    }

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, object]) -> None:
        nonlocal status, size
        if message["type"] == "http.response.start":
            status = int(str(message["status"]))
        elif isinstance(body := message.get("body"), bytes):
            size += len(body)

    await app(scope, receive, send)  # type: ignore[arg-type] # plain dicts are what servers send
    return size if status == 200 else 0


if __name__ == "__main__":
    main()
