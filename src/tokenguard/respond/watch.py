"""An end to an exchange at its deadline, however slowly the other side goes on sending.

Timeouts of sockets count from the last byte: a server that sends one every few seconds would hold us for days.
"""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from contextvars import ContextVar
from threading import Lock, Timer
from typing import TYPE_CHECKING, Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

if TYPE_CHECKING:
    from requests.adapters import HTTPAdapter

_current: ContextVar[Watch | None] = ContextVar("_current", default=None)


class Watch:
    """The time of one exchange; at its end the connection is cut."""

    def __init__(self, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds
        self._timer = Timer(seconds, self._cut)
        self._timer.daemon = True
        self._lock = Lock()
        self._socket: socket.socket | None = None
        self.over = False
        """The deadline has come."""

    def __enter__(self) -> None:
        self._outer = _current.set(self)
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        _current.reset(self._outer)
        with self._lock:
            # Nothing cuts the connection that the next exchange uses.
            self._socket = None

    def left(self) -> float:
        """Seconds that are left, a little more than none."""
        return max(0.01, self._deadline - time.monotonic())

    def over_connection(self, connected: socket.socket) -> None:
        """Watch this socket."""
        with self._lock:
            self._socket = connected
        if self.over:
            self._cut()

    def _cut(self) -> None:
        with self._lock:
            self.over = True
            if self._socket is not None:
                with suppress(OSError):  # it may be closed already
                    # Not SSLSocket's own: it takes the TLS state away from the thread that reads.
                    socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


class _Watched:
    """What a connection of either kind does besides."""

    sock: socket.socket | None
    debuglevel = 0
    """Somebody's `http.client.HTTPConnection.debuglevel = 1` would print our headers."""

    def getresponse(self, *arguments: Any, **options: Any) -> Any:
        watch = _current.get()
        if watch is not None and self.sock is not None:
            watch.over_connection(self.sock)
        return super().getresponse(*arguments, **options)  # type: ignore[misc]


class _Connection(_Watched, HTTPConnection):
    """http."""


class _SecureConnection(_Watched, HTTPSConnection):
    """https."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


_POOLS = {"http": _Pool, "https": _SecurePool}


def watch_connections(adapter: HTTPAdapter) -> None:
    """Have every connection of the adapter, also through a proxy, heed the Watch that it is used under."""
    adapter.poolmanager.pool_classes_by_scheme = _POOLS
    through_proxy = adapter.proxy_manager_for

    def watched(proxy: str, **options: Any) -> Any:
        manager = through_proxy(proxy, **options)
        manager.pool_classes_by_scheme = _POOLS
        return manager

    adapter.proxy_manager_for = watched  # type: ignore[method-assign]
