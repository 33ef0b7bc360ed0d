"""A real HTTP server on loopback that answers as a test says, also wrongly: half, too much, too late, elsewhere."""

from __future__ import annotations

import json
import ssl
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True)
class Asked:
    """One request, as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes
    connection: int
    """The client's port: the same for requests on one connection."""

    @property
    def bearer(self) -> str:
        return self.headers.get("authorization", "").removeprefix("Bearer ")

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """One answer, and how it goes wrong."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    wait: float = 0.0
    """Seconds before anything is sent."""
    sent: int | None = None
    """Only so many bytes of the body, then the connection ends."""
    drip: float = 0.0
    """Seconds between single bytes."""
    reset: bool = False
    """Nothing at all: the connection ends."""


def reply(value: object, status: int = 200, **more: Any) -> Reply:
    """JSON."""
    return Reply(status, json.dumps(value).encode(), **more)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *where: Any) -> None:
        """A client that goes away is what these tests are about; anything else is a fault of theirs."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(*where)


class Web:
    """The server; `asked` is everything that came in, `answer` says what goes out."""

    def __init__(self, answer: Callable[[Asked], Reply]) -> None:
        self.answer = answer
        self.asked: list[Asked] = []
        self.closing = threading.Event()
        self._server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"web": self}))
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def secure(self, context: ssl.SSLContext) -> None:
        """Speak TLS from now on."""
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"https://127.0.0.1:{self.port}"

    @contextmanager
    def running(self) -> Iterator[Web]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield self
        finally:
            self.closing.set()
            self._server.shutdown()
            thread.join()
            self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    # Otherwise Nagle and delayed acknowledgements make each answer 40 ms late.
    disable_nagle_algorithm = True
    web: Web

    def log_message(self, *_: object) -> None:
        """Nothing on standard error."""

    def __getattr__(self, name: str) -> Callable[[], None]:
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.command, self.path, headers, body, self.client_address[1])
        self.web.asked.append(asked)
        self._send(self.web.answer(asked))

    def _send(self, answer: Reply) -> None:
        self.close_connection = answer.reset or answer.sent is not None
        if self.web.closing.wait(answer.wait) or answer.reset:
            return
        self.send_response(answer.status)
        headers = {"Content-Length": str(len(answer.body)), "Content-Type": "application/json"} | answer.headers
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        body = answer.body if answer.sent is None else answer.body[: answer.sent]
        try:
            self._write(body, answer.drip)
        except OSError:
            self.close_connection = True  # the client has had enough

    def _write(self, body: bytes, drip: float) -> None:
        if not drip:
            self.wfile.write(body)
            return
        for byte in body:
            self.wfile.write(bytes([byte]))
            if self.web.closing.wait(drip):
                return


@contextmanager
def serving(answer: Callable[[Asked], Reply]) -> Iterator[Web]:
    """A server for the length of a test."""
    with Web(answer).running() as web:
        yield web


def in_turn(*replies: Reply) -> Callable[[Asked], Reply]:
    """Each of these once, then the last one again and again."""
    left = list(replies)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]
