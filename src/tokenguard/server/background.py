"""What a server does beside answering: sends what is to be told, and sweeps its store once a day."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING

from tokenguard.errors import StoreError
from tokenguard.respond.relay import Relay, lanes
from tokenguard.store.lifecycle import tend
from tokenguard.store.sweep import sweep

if TYPE_CHECKING:
    from tokenguard.server.metrics import Metrics
    from tokenguard.store.store import Store

_FIRST_SECONDS = 60.0
"""After a start: a server that is restarted every night sweeps all the same."""
_EVERY_SECONDS = 24 * 3600.0
_AGAIN_SECONDS = 600.0

_log = logging.getLogger("tokenguard.sweep")


class Background:
    """The threads beside the requests. Several servers on one store share the work."""

    def __init__(
        self, store: Store, environ: Mapping[str, str], metrics: Metrics, *, first_seconds: float = _FIRST_SECONDS
    ) -> None:
        """Read the channels' secrets.

        Raises:
            ConfigError: one is missing, or cannot be one.
        """
        self._store = store
        ways = lanes(store.context.policies.notifications, environ)
        self._relay = Relay(store.database, store.context, ways, metrics.delivery)
        self._first = first_seconds
        self._closed = threading.Event()
        self._sweeper = threading.Thread(target=self._sweep_daily, name="tokenguard-sweep", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._relay.start()
        self._sweeper.start()

    def close(self) -> None:
        """Stop, before the store is closed."""
        self._closed.set()
        self._relay.close()
        self._sweeper.join()

    def _sweep_daily(self) -> None:
        pause = self._first
        while not self._closed.wait(pause):
            try:
                done = tend(self._store.database, self._store.context)
                with self._store.database.writing() as connection:
                    done |= sweep(connection, self._store.context)
            except StoreError as error:
                _log.warning("the store is not swept yet: %s", error.message)
                pause = _AGAIN_SECONDS
            else:
                _log.info("swept: %s", ", ".join(f"{number} {kind}" for kind, number in done.items()))
                pause = _EVERY_SECONDS
