"""A client that asks a server as fast as it answers: whether tokens live, one after the other on each connection.

    python -m bench.store.load URL --requests N --tokens N [--connections N] [--seed N]

It speaks HTTP/1.1 over plain sockets, because a client library would be slower than what is measured. Every answer has
to be 200 and say that the token lives. Time runs from the first request, over connections that are open already.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import selectors
import socket
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

from bench.store.made import CALLER, token

_DIFFERENT = 20_000
"""Requests made beforehand; more are the same again."""
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
_LIVES = re.compile(rb'"active": ?true')


class BadAnswerError(Exception):
    """The server did not answer as it should."""


class _Connection:
    """One connection with at most one request under way."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""

    def ask(self, request: bytes) -> None:
        self.socket.sendall(request)

    def answered(self) -> bool:
        """Take what has come; whether it is a whole answer.

        Raises:
            BadAnswerError: it is another one than was hoped for.
        """
        data = self.socket.recv(65536)
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not data:
            raise BadAnswerError("the server closed a connection")
        length = _LENGTH.search(head + b"\r\n") if found else None
        if length is None or len(body) < int(length[1]):
            return False
        if not head.startswith(b"HTTP/1.1 200 ") or not _LIVES.search(body):
            raise BadAnswerError(head.partition(b"\r\n")[0].decode("ascii", "replace"))
        self._received = b""
        return True


def ask(address: tuple[str, int], requests: Sequence[bytes], count: int, connections: int) -> float:
    """Send `count` requests; the seconds that it took.

    Raises:
        BadAnswerError: one of the answers was none.
    """
    with selectors.DefaultSelector() as selector:
        opened = [_Connection(address) for _ in range(min(connections, count))]
        for connection in opened:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
        started = time.perf_counter()
        for number, connection in enumerate(opened):
            connection.ask(requests[number % len(requests)])
        sent, answers = len(opened), 0
        while answers < count:
            for key, _ in selector.select():
                if key.data.answered():
                    answers += 1
                    if sent < count:
                        key.data.ask(requests[sent % len(requests)])
                        sent += 1
        seconds = time.perf_counter() - started
        for connection in opened:
            connection.socket.close()
    return seconds


def requests_for(host: str, seed: int, tokens: int) -> list[bytes]:
    """One for each of many tokens, in no order."""
    draw = random.Random(seed)  # noqa: S311 - an order, no secret
    caller = token(seed, CALLER).reveal()
    numbers = draw.sample(range(tokens), min(tokens, _DIFFERENT))
    return [_request(host, caller, b"token=" + token(seed, number).reveal()) for number in numbers]


def _request(host: str, caller: bytes, body: bytes) -> bytes:
    return (
        b"POST /oauth/introspect HTTP/1.1\r\nHost: %b\r\nAuthorization: Bearer %b\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%b"
    ) % (host.encode(), caller, len(body), body)


def main() -> None:
    """Ask, and print how it went."""
    parser = argparse.ArgumentParser(prog="python -m bench.store.load")
    parser.add_argument("url")
    parser.add_argument("--requests", type=int, required=True)
    parser.add_argument("--tokens", type=int, required=True)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    url = urlsplit(wanted.url)
    address = (url.hostname or "", url.port or 80)
    requests = requests_for(url.netloc, wanted.seed, wanted.tokens)
    ask(address, requests, max(1, wanted.requests // 10), wanted.connections)
    seconds = ask(address, requests, wanted.requests, wanted.connections)
    print(json.dumps({"count": wanted.requests, "complete": True, "seconds": seconds}))


if __name__ == "__main__":
    main()
