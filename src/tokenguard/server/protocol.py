"""uvicorn's HTTP/1.1 with bounds: how long a request's head may be, how long it may take, and JSON for what is no HTTP.

uvicorn and its parser take a head of any size at any pace.
"""

from __future__ import annotations

from asyncio import TimerHandle
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tokenguard.server.problems import MEDIA_TYPE, Problem

LONGEST_HEAD = 64 * 1024
"""Bytes of a head that arrives in pieces; one piece may be that much larger."""
HEAD_SECONDS = 15.0
BODY_SECONDS = 120.0
_LINGER_SECONDS = 5
"""How long to read on after a refusal: closed at once, the connection would be reset before the answer is read."""

_FAREWELL_SECONDS = 2

_HEAD, _BODY, _NOTHING = "head", "body", ""
"""What is awaited from the other side."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection. While something is awaited from the other side, and only then, a timer runs."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._awaited: str = _HEAD
        self._head = 0
        self._refused = False
        self._timer: TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """The first head may take no longer than any other."""
        super().connection_made(transport)
        self._start()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is left to wait for."""
        self._stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse, and count as long as the head is not whole."""
        if self._refused:
            return
        super().data_received(data)
        if self._awaited and not self._is_over():
            self._await_more(len(data))

    def _await_more(self, received: int) -> None:
        if self._timer is None:
            self._start()
        if self._awaited is _HEAD:
            self._head += received
            if self._head > LONGEST_HEAD:
                self._refuse(Problem(431, f"the head is larger than {LONGEST_HEAD} bytes"))

    def on_message_begin(self) -> None:
        """A head begins."""
        self._awaited, self._head = _HEAD, 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field of the head. What follows a chunked body (a trailer) is dropped.

        uvicorn would add it to the head: an X-Forwarded-For that no proxy has looked at would count, and there is no
        end to how many there may be.
        """
        if self._awaited is _HEAD:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """It is whole."""
        self._stop()
        self._awaited = _BODY
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """So is the body."""
        if self._timer is not None:
            self._stop()
        self._awaited = _NOTHING
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """An answer is out, and may have been the last one."""
        super().on_response_complete()
        self._close_soon()

    def shutdown(self) -> None:
        """The server is to end: as soon as this connection has nothing to do."""
        super().shutdown()
        self._close_soon()

    def _close_soon(self) -> None:
        """TLS waits half a minute for a farewell that most clients do not send: the server would end no sooner."""
        if self.scheme == "https" and self.transport.is_closing():
            self.loop.call_later(_FAREWELL_SECONDS, self.transport.abort)

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP, as every other problem."""
        del msg
        self._refuse(Problem(400, "not a request of HTTP/1.1"))

    def _start(self) -> None:
        seconds = HEAD_SECONDS if self._awaited is _HEAD else BODY_SECONDS
        self._timer = self.loop.call_later(seconds, self._too_slow)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_slow(self) -> None:
        self._timer = None
        if self._is_over():
            return
        if self._awaited is _BODY and self.cycle.response_started:
            self.transport.close()
            return
        self._refuse(Problem(408, f"the {self._awaited} did not arrive in time"))

    def _is_over(self) -> bool:
        return self._refused or self.transport.is_closing()

    def _refuse(self, problem: Problem) -> None:
        """Answer in the application's stead; whatever it is still waiting for does not come."""
        self._refused = True
        cycle: Any = self.cycle  # None before the first request
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()
        body = problem.body()
        head = (
            f"HTTP/1.1 {problem.status} {problem.phrase}\r\nContent-Type: {MEDIA_TYPE}\r\n"
            f"Content-Length: {len(body)}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self._stop()
        self._timer = self.loop.call_later(_LINGER_SECONDS, self.transport.close)
