"""The public keys of one forge: in memory, in the store, and fetched anew when a message names one that is not known.

Anybody can name an unknown key, so a fetch happens at most once in a floor of minutes; while it fails, the last known
good keys hold. A forge's budget of calls is never spent per message.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from hashlib import sha256
from typing import TYPE_CHECKING

from tokenguard.config.file import read_bounded
from tokenguard.config.leak_intake import read_secret
from tokenguard.errors import ConfigError, StoreError, UnavailableError
from tokenguard.respond.partner_keys import fetch_keys, parse_keys
from tokenguard.server.logs import LOGGER
from tokenguard.server.problems import Problem, ProblemError
from tokenguard.server.webhooks.signature import public_keys
from tokenguard.store.clock import SECOND
from tokenguard.store.partner_keys import KnownKeys, keep_keys, known_keys

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

    from tokenguard.model.leak_intake import AlertSource, PartnerKey
    from tokenguard.store.store import Store

_STALE_SECONDS = 24 * 3600
"""After which keys are fetched anew although all are known: a forge may have withdrawn one."""
_LONGEST_FLOOR = 3600.0
_RELOAD_SECONDS = 1.0
_MOST_ASKING = 4
"""Requests that may wait for the key service at once: their threads are those of all other calls too."""
_ASKING_SECONDS = 10.0
_BUSY_RETRY = 5
_LONGEST_FILE = 1 << 20
_NEVER = float("-inf")

_log = logging.getLogger(LOGGER)


class KeyRing:
    """One forge's keys. Safe to use from many threads."""

    def __init__(
        self, forge: str, source: AlertSource, store: Store, environ: Mapping[str, str], *, floor_seconds: float
    ) -> None:
        """Reads what stands in files; fetches nothing yet.

        Raises:
            ConfigError: the file of keys, or the token for fetching them, cannot be read.
        """
        self._source = source
        self._store = store
        self._floor = floor_seconds
        # Keys of another place are other keys, also after a change of the configuration.
        self._provider = f"{forge}:{sha256((source.keys_url or '').encode()).hexdigest()[:16]}"
        self._token = read_secret(source.token, environ)
        self._keys = _of_file(source)
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(_MOST_ASKING)
        self._fetched = self._reloaded = _NEVER
        self._next = 0.0
        self._failed = False

    def at_hand(self, key_id: str) -> EllipticCurvePublicKey | None:
        """The key of that id, if that can be said at once; None: `key` knows."""
        found = self._keys.get(key_id)
        if found is not None and self._source.keys_url is not None and self._is_stale():
            self._refresh(self._source.keys_url)
        return found

    def key(self, key_id: str) -> EllipticCurvePublicKey | None:
        """The key of that id; None: the forge has none. May wait for the store, and for the key service.

        Raises:
            ProblemError: 503, what keys there are cannot be found out now.
        """
        if self._source.keys_url is None:
            return self._keys.get(key_id)
        if not self._places.acquire(blocking=False):
            raise _unavailable(_BUSY_RETRY)
        try:
            if not self._lock.acquire(timeout=_ASKING_SECONDS):
                raise _unavailable(_BUSY_RETRY)
            try:
                return self._sought(key_id, self._source.keys_url)
            finally:
                self._lock.release()
        finally:
            self._places.release()

    def _sought(self, key_id: str, url: str) -> EllipticCurvePublicKey | None:
        if key_id not in self._keys:
            self._reload()
        if key_id not in self._keys and time.monotonic() >= self._next:
            self._fetch(url)
        found = self._keys.get(key_id)
        if found is None and self._failed:
            raise _unavailable(self._next - time.monotonic())
        return found

    def _is_stale(self) -> bool:
        return time.monotonic() - self._fetched > _STALE_SECONDS

    def _refresh(self, url: str) -> None:
        """Fetch the keys beside the message, which has its own already and need not wait."""
        if time.monotonic() < self._next or not self._lock.acquire(blocking=False):
            return
        self._next = time.monotonic() + self._floor

        def refresh() -> None:
            try:
                self._reload()
                if self._is_stale():
                    self._fetch(url)
            finally:
                self._lock.release()

        threading.Thread(target=refresh, name="forge keys", daemon=True).start()

    def _reload(self) -> None:
        """What another process of this store has fetched, or this one before it was started again."""
        now = time.monotonic()
        if now - self._reloaded < _RELOAD_SECONDS:
            return
        self._reloaded = now
        kept = self._kept()
        age = (self._store.context.now() - kept.fetched_at) / SECOND
        if kept.keys and now - age > self._fetched:
            self._take(kept.keys, now - age)

    def _kept(self) -> KnownKeys:
        try:
            with self._store.database.reading() as connection:
                return known_keys(connection, self._provider)
        except StoreError:
            # Whoever comes with a good signature hears of it when the store is to be written to.
            return KnownKeys((), 0)

    def _fetch(self, url: str) -> None:
        self._next = time.monotonic() + self._floor
        try:
            keys = _usable(fetch_keys(url, self._token))
        except (UnavailableError, ConfigError) as error:
            self._failed = True
            asked = error.retry_after if isinstance(error, UnavailableError) else 0
            self._next = time.monotonic() + max(self._floor, min(asked, _LONGEST_FLOOR))
            _log.warning("no keys of %s: %s", self._provider.partition(":")[0], error)
            return
        self._take(keys, time.monotonic())
        try:
            with self._store.database.writing() as connection:
                keep_keys(connection, self._provider, keys, self._store.context.now())
        except StoreError:
            # They hold in here; the next start fetches them again.
            return

    def _take(self, keys: tuple[PartnerKey, ...], fetched: float) -> None:
        self._keys = public_keys(keys)
        self._fetched = fetched
        self._next = max(self._next, fetched + self._floor)
        self._failed = False


def _unavailable(seconds: float) -> ProblemError:
    """Not a 401: whether there is such a key is not known, and a leak must not be dropped for that."""
    problem = Problem(
        503,
        "the forge's public keys cannot be had now; send it again",
        headers={"Retry-After": str(max(1, round(seconds)))},
    )
    return ProblemError(problem)


def _usable(keys: tuple[PartnerKey, ...]) -> tuple[PartnerKey, ...]:
    if not public_keys(keys):
        raise UnavailableError("none of the keys is on P-256")
    return keys


def _of_file(source: AlertSource) -> dict[str, EllipticCurvePublicKey]:
    if source.keys_file is None:
        return {}
    name = str(source.keys_file)
    data = read_bounded(source.keys_file, _LONGEST_FILE, name=name, follow=True)
    if data is None:
        raise ConfigError(f"{name}: no such file", remedy="name the file with the forge's public keys")
    try:
        keys = public_keys(parse_keys(data))
    except ValueError as error:
        raise ConfigError(
            f"{name}: {error}", remedy='it is {"public_keys": [{"key_identifier": …, "key": PEM}]}'
        ) from None
    if not keys:
        raise ConfigError(f"{name}: none of its keys is on P-256")
    return keys
