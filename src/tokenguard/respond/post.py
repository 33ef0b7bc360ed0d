"""One POST to a receiver of notifications: to an address that was checked, within bounds, without following anything.

Neither a proxy nor `.netrc` of the environment counts, and what is answered is not read beyond its status: a receiver
that could show us pages of our own network would have something to gain.
"""

from __future__ import annotations

import http.client
import os
import socket
import ssl
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from time import time
from urllib.parse import urlsplit

from requests.utils import DEFAULT_CA_BUNDLE_PATH

from tokenguard import __version__
from tokenguard.errors import UnavailableError
from tokenguard.model.notification import Network
from tokenguard.respond.public_address import Address, Resolve, permitted, resolve
from tokenguard.respond.sender import NotDeliveredError
from tokenguard.respond.watch import Watch

CONNECT_SECONDS = 5.0
TOTAL_SECONDS = 20.0
"""For an attempt, however slowly the other side answers; far below the lease of a delivery."""
_DISTRUST = "its certificate is not trusted"


@dataclass(frozen=True, slots=True)
class Wire:
    """How receivers are reached."""

    allowed: Sequence[Network] = ()
    resolver: Resolve = resolve
    seconds: float = TOTAL_SECONDS


def post(url: str, body: bytes, headers: Mapping[str, str], wire: Wire) -> None:
    """Send it, once.

    Raises:
        NotDeliveredError: it was not taken; or nobody knows, which is the same.
    """
    split = urlsplit(url)
    host, encrypted = split.hostname or "", split.scheme == "https"
    port = split.port or (443 if encrypted else 80)
    try:
        addresses = permitted(host, port, wire.allowed, wire.resolver)
    except UnavailableError as error:
        raise NotDeliveredError(str(error)) from None
    watch = Watch(wire.seconds)
    try:
        with watch, _connected(addresses, port, watch) as connected, closing(connected.dup()) as handle:
            # The deadline cuts the connection by a handle of its own: the other one becomes TLS's.
            watch.over_connection(handle)
            _send(split.netloc, _secured(connected, host) if encrypted else connected, split.path or "/", body, headers)
    except ssl.SSLCertVerificationError:
        raise NotDeliveredError(_DISTRUST) from None
    except (OSError, http.client.HTTPException) as error:
        slow = watch.over or isinstance(error, TimeoutError)
        raise NotDeliveredError("does not answer in time" if slow else "cannot be reached, or breaks off") from None


def trust() -> ssl.SSLContext:
    """Whose certificates are trusted: those that the environment names, else those that `certifi` knows."""
    named = next((path for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE") if (path := os.environ.get(name))), None)
    path = named or DEFAULT_CA_BUNDLE_PATH
    try:
        folder = os.path.isdir(path)
        return ssl.create_default_context(cafile=None if folder else path, capath=path if folder else None)
    except OSError:
        raise NotDeliveredError("REQUESTS_CA_BUNDLE: cannot be read") from None


def _connected(addresses: Sequence[Address], port: int, watch: Watch) -> socket.socket:
    """A connection to the first of these addresses that takes it."""
    failure: OSError = ConnectionError()
    for address in addresses:
        try:
            connected = socket.create_connection((str(address), port), min(CONNECT_SECONDS, watch.left()))
        except OSError as error:
            failure = error
        else:
            connected.settimeout(watch.left())
            return connected
    raise failure


def _secured(connected: socket.socket, host: str) -> ssl.SSLSocket:
    # The certificate is that of the name, whatever address it had.
    return trust().wrap_socket(connected, server_hostname=host)


def _send(host: str, connected: socket.socket, path: str, body: bytes, headers: Mapping[str, str]) -> None:
    connection = http.client.HTTPConnection(host)
    connection.sock = connected
    with closing(connection):
        always = {"Host": host, "User-Agent": f"tokenguard/{__version__}", "Connection": "close"}
        connection.request("POST", path, body, {**always, **headers})
        with connection.getresponse() as answer:
            status, asked = answer.status, answer.headers.get("Retry-After", "")
    if 300 <= status < 400:
        raise NotDeliveredError(f"redirects (status {status}), which is not followed")
    if not 200 <= status < 300:
        raise NotDeliveredError(f"answered with status {status}", _seconds(asked))


def _seconds(retry_after: str) -> float:
    """Of a Retry-After header (RFC 9110, 10.2.3)."""
    if retry_after.isascii() and retry_after.isdecimal() and len(retry_after) < 10:
        return float(retry_after)
    try:
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - time())
    except (ValueError, OverflowError):
        return 0.0
