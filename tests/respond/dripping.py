"""A server that gives one byte after the other, for ever: each comes well within a timeout of the socket."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_PAUSE = 0.05
"""Seconds."""


@contextmanager
def dripping(drop: bytes) -> Iterator[int]:
    """Its port on loopback. It takes one connection, and ends when the other side does."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip() -> None:
            taken, _ = listening.accept()
            with taken:
                try:
                    while True:
                        taken.sendall(drop)
                        time.sleep(_PAUSE)  # a server that never ends
                except OSError:
                    return

        thread = threading.Thread(target=drip)
        thread.start()
        yield listening.getsockname()[1]
        thread.join(5)
        assert not thread.is_alive(), "whoever gave up has hung up, too"
