"""Runs the application: one uvicorn worker on a socket of ours, until it is told to stop.

A process on an address that others reach, without TLS and without a proxy that has it, is refused: tokens would cross
the network in the clear.
"""

from __future__ import annotations

import gc
import signal
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

import uvicorn

from tokenguard.errors import ConfigError, OperationError
from tokenguard.server.address import is_loopback
from tokenguard.server.app import build
from tokenguard.server.logs import Scrubber, logging_to
from tokenguard.server.protocol import BoundedProtocol

if TYPE_CHECKING:
    from typing import TextIO

    from tokenguard.server.settings import ServerSettings
    from tokenguard.store.store import Store

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_BACKLOG = 2048


class Server(uvicorn.Server):
    """uvicorn's, that says when it is ready, and ends in order where the other raises the signal again."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        if self.started:
            self._ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The first signal asks running requests to finish, a second one waits for none."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {each: signal.signal(each, self.handle_exit) for each in _SIGNALS}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop."""
        del sig, frame
        self.force_exit = self.should_exit
        self.should_exit = True


def serve(store: Store, settings: ServerSettings, log: TextIO, ready: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; closes the store. `ready` is given the URL once connections are taken.

    Raises:
        ConfigError: the address is public and nothing says that it is safe; a certificate cannot be used.
        OperationError: the address cannot be had.
    """
    check_exposure(settings)
    check_certificate(settings)
    with bound(settings) as listening, logging_to(log, Scrubber(store.context.ruleset)):
        url = _url(settings, listening)
        server = Server(configuration(store, settings, log.write), lambda: ready(url))
        _collect_seldom()
        server.run(sockets=[listening])


def _collect_seldom() -> None:
    """A bulk revocation makes a hundred thousand values: looking for cycles every 700 is a fifth of its time.

    What was loaded so far lives as long as the process, and is never looked at again.
    """
    if threading.current_thread() is threading.main_thread():  # else the process is not ours
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000)


def configuration(store: Store, settings: ServerSettings, write_log: Callable[[str], object]) -> uvicorn.Config:
    """How uvicorn runs the application."""
    return uvicorn.Config(
        build(store, settings, write_log),
        http=BoundedProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        # X-Forwarded-For is ours to read: --behind-proxy says how many of its addresses are true.
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=settings.shutdown_seconds,
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
        backlog=_BACKLOG,
    )


def check_exposure(settings: ServerSettings) -> None:
    """ConfigError where tokens would cross a network in the clear."""
    if settings.tls_certificate or settings.behind_proxy or settings.host == "localhost" or is_loopback(settings.host):
        return
    raise ConfigError(
        f"{settings.host} can be reached by others, and there is no TLS",
        remedy="give --tls-cert and --tls-key, or --behind-proxy 1 where a proxy has it",
    )


def check_certificate(settings: ServerSettings) -> None:
    """ConfigError where the certificate and its key do not fit, or cannot be read."""
    if bool(settings.tls_certificate) != bool(settings.tls_key):
        raise ConfigError("TLS needs both", remedy="give --tls-cert and --tls-key")
    if settings.tls_certificate is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
            settings.tls_certificate, settings.tls_key, _no_password
        )
    except (OSError, ValueError) as error:
        what = getattr(error, "strerror", None) or "not a certificate with its key"
        raise ConfigError(
            f"{settings.tls_certificate}: {what}", remedy="PEM files, the key without a password"
        ) from None


def _no_password() -> str:
    # OpenSSL would ask on the terminal.
    raise ValueError("the key has a password")


@contextmanager
def bound(settings: ServerSettings) -> Iterator[socket.socket]:
    """A socket that is bound to the address, and says with port 0 which one it has.

    Raises:
        OperationError: the address is taken, or none of this machine's.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
    except OSError as error:
        raise _not_had(settings, error) from None
    with listening:
        try:
            # Else a restart would wait for the last run's connections to be forgotten.
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
        except OSError as error:
            raise _not_had(settings, error) from None
        yield listening


def _not_had(settings: ServerSettings, error: OSError) -> OperationError:
    return OperationError(
        f"{settings.host}:{settings.port}: {error.strerror}", remedy="choose another --host or --port"
    )


def _url(settings: ServerSettings, listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    scheme = "https" if settings.tls_certificate else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
