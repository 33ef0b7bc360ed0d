"""The one way in which tokenguard speaks HTTP: to one host, within bounds, and without letting go of a token.

A call ends at its deadline and an answer at its size; redirects are not followed; plain http goes to this machine only
(`tokenguard.config.web_address`). What an answer means is for the callers.

From the environment come proxies for https (`HTTPS_PROXY`, `NO_PROXY`: a proxy sees the host, TLS hides the rest) and a
CA bundle (`REQUESTS_CA_BUNDLE`, `CURL_CA_BUNDLE`). Not `.netrc`, which would replace the Authorization header, and no
proxy for plain http, which would show the token to it. Certificates are always verified.
"""

from __future__ import annotations

import os
import random
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass

import requests
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies
from urllib3.exceptions import HTTPError

from tokenguard import __version__
from tokenguard.config.web_address import web_address
from tokenguard.errors import ConfigError, UnavailableError
from tokenguard.respond.watch import Watch, watch_connections

_IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})
"""RFC 9110, 9.2.2."""
_PASSING = frozenset({429, 502, 503, 504})
"""Statuses after which asking again is worth it."""
_FIELD = re.compile(rb"[!-~\x80-\xff]+(?: [!-~\x80-\xff]+)*")
"""A header's value (RFC 9110, 5.5), a little stricter."""
_CHUNK = 1 << 16
_chance = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for an answer, in seconds, how often to ask, and how much of an answer to take."""

    connect: float = 10.0
    read: float = 30.0
    """Without a byte."""
    total: float = 90.0
    """For a call with all its repetitions and pauses."""
    attempts: int = 4
    first_pause: float = 0.25
    """Doubled each time; what is waited is drawn between nothing and that ("full jitter")."""
    longest_pause: float = 60.0
    """A server that asks for more (Retry-After) is not asked again."""
    size: int = 16 << 20
    """Bytes of an answer's body."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A whole answer."""

    status: int
    headers: Mapping[str, str]
    """Names without regard to case."""
    body: bytes
    attempts: int = 1
    """How often was asked: after more than one, an earlier request may have had its effect."""

    @property
    def retry_after(self) -> int:
        """Seconds after which the server says to ask again; 1 where it says nothing."""
        return max(1, round(_retry_after(self.headers) or 0))


class Http:
    """Calls to one origin. Connections are kept open between calls; not for several threads at once.

    Raises ConfigError where the URL is none that a token may be sent to.
    """

    def __init__(self, url: str, *, patience: Patience | None = None) -> None:
        try:
            self.address = web_address(url)
        except ValueError as error:
            raise ConfigError(f"the server's address: {error}") from None
        self._patience = patience or Patience()
        # No Session: it reads .netrc, keeps cookies, and swallows the body of a redirect whatever its size.
        self._adapter = HTTPAdapter(pool_connections=1, pool_maxsize=1, max_retries=0)
        watch_connections(self._adapter)

    def close(self) -> None:
        """Let go of the connections."""
        self._adapter.close()

    def ask(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, bytes] | None = None,
        body: bytes | None = None,
        repeatable: bool | None = None,
    ) -> HttpAnswer:
        """The answer to one call, whatever its status, except a redirect.

        `path` is appended to the address; whoever builds it has encoded it, and it holds no token. `repeatable`: asking
        twice has the effect of asking once; None: as the method says. Only such a call is repeated, after 429, 502,
        503, 504 and failures of the connection.

        Raises:
            UnavailableError: no whole answer within the bounds, or a redirect. It may have had its effect.
            ConfigError: a header with characters that none has, or a CA bundle that is not there. Nothing was sent.
        """
        prepared = self._prepare(method, path, headers or {}, body)
        again = method in _IDEMPOTENT if repeatable is None else repeatable
        deadline = time.monotonic() + self._patience.total
        attempts = self._patience.attempts if again else 1
        for attempt in range(1, attempts + 1):
            answer, failure = self._attempt(prepared, deadline, attempt)
            pause = self._pause(answer, attempt)
            last = attempt == attempts or time.monotonic() + pause >= deadline or pause > self._patience.longest_pause
            if answer is not None and (last or answer.status not in _PASSING):
                return self._unmoved(answer)
            if failure is not None and (last or not failure.passing):
                raise UnavailableError(f"{self.address.name}: {failure.text}", remedy=failure.remedy)
            # Backoff, or what the server asked for: it is not to be pressed.
            time.sleep(pause)
        raise AssertionError  # the last round returns or raises

    def _prepare(
        self, method: str, path: str, headers: Mapping[str, bytes], body: bytes | None
    ) -> requests.PreparedRequest:
        always: dict[str, str | bytes] = {
            "Accept": "application/json",
            # An answer that unpacks to gigabytes is then no answer at all.
            "Accept-Encoding": "identity",
            "User-Agent": f"tokenguard/{__version__}",
        }
        # Before the library looks, whose exception shows the header and would hang on to ours as its context.
        if all(_FIELD.fullmatch(value) for value in headers.values()):
            return requests.Request(method, f"{self.address}{path}", always | dict(headers), data=body).prepare()
        raise ConfigError(f"{self.address.name}: the token has characters that cannot be sent")

    def _attempt(
        self, prepared: requests.PreparedRequest, deadline: float, attempt: int
    ) -> tuple[HttpAnswer | None, _Failure | None]:
        """One exchange: a whole answer, or why there is none."""
        watch = Watch(max(0.01, deadline - time.monotonic()))
        try:
            with watch:
                return self._exchange(prepared, watch, attempt), None
        except (requests.RequestException, HTTPError, OSError, ValueError) as error:
            # Only its kind: its text and what it hangs on to show URL, proxy and headers.
            failure = _failure_of(error)
        if watch.over:
            failure = _Failure(f"no whole answer within {self._patience.total:g} s", passing=False)
        return None, failure

    def _exchange(self, prepared: requests.PreparedRequest, watch: Watch, attempt: int) -> HttpAnswer:
        url = str(prepared.url)
        response = self._adapter.send(
            prepared,
            stream=True,
            timeout=(min(self._patience.connect, watch.left()), min(self._patience.read, watch.left())),
            verify=_authorities(),
            proxies=get_environ_proxies(url) if self.address.encrypted else {},
        )
        try:
            return HttpAnswer(response.status_code, response.headers, self._body(response), attempt)
        finally:
            # A connection with the rest of an answer in it is not used again; one that is read to the end is.
            response.close()

    def _body(self, response: requests.Response) -> bytes:
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise _Unacceptable("the answer is compressed, which was not asked for")
        body = bytearray()
        while chunk := response.raw.read(_CHUNK, decode_content=False):
            body += chunk
            if len(body) > self._patience.size:
                raise _Unacceptable(f"the answer is larger than {self._patience.size} bytes")
        _check_length(response, len(body))
        return bytes(body)

    def _pause(self, answer: HttpAnswer | None, attempt: int) -> float:
        """Seconds to wait before the next attempt: never less than the server asks for."""
        bound = min(self._patience.longest_pause, self._patience.first_pause * 2 ** (attempt - 1))
        asked = _retry_after(answer.headers) if answer is not None else None
        return (asked or 0.0) + _chance.uniform(0.0, bound)

    def _unmoved(self, answer: HttpAnswer) -> HttpAnswer:
        """The answer, unless it sends us elsewhere."""
        if not 300 <= answer.status < 400:
            return answer
        target = _host_of(answer.headers.get("Location", ""))
        where = f"to {target}" if target and target != self.address.name else "to another page of its own"
        raise UnavailableError(
            f"{self.address.name}: redirects {where}, which is not followed with a token",
            remedy="correct the URL if that is where the API is",
        )


def _authorities() -> str | bool:
    """Whose certificates are trusted: the file or folder that the user names, else those that `certifi` knows.

    Raises ConfigError where there is no such file: the library's own complaint does not reach the user.
    """
    for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        if path := os.environ.get(variable):
            if not os.path.exists(path):
                raise ConfigError(f"{variable}: there is no {path}", remedy="correct or unset the variable")
            return path
    return True


def _check_length(response: requests.Response, length: int) -> None:
    """Raise unless the whole body has come.

    A head that breaks off passes for a whole one in http.client, and so does a body without a stated length: a
    connection that ends early would then say that a token is revoked.
    """
    stated = response.headers.get("Content-Length", "")
    chunked = "chunked" in response.headers.get("Transfer-Encoding", "").lower()
    bodiless = response.status_code in {204, 304} or response.request.method == "HEAD"
    if not bodiless and not chunked and stated != str(length):
        raise requests.ConnectionError


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why there is no answer; `passing`: it may be otherwise a moment later."""

    text: str
    remedy: str = ""
    passing: bool = True


class _Unacceptable(ValueError):  # noqa: N818 - never leaves this module
    """An answer that is not taken, however often it is sent."""


def _failure_of(error: Exception) -> _Failure:
    kinds: tuple[tuple[type[Exception], _Failure], ...] = (
        (
            requests.exceptions.SSLError,
            _Failure(
                "its certificate is not trusted", "have its CA in REQUESTS_CA_BUNDLE if it is your own", passing=False
            ),
        ),
        (requests.exceptions.ProxyError, _Failure("the proxy does not let us through", "look at HTTPS_PROXY")),
        (requests.exceptions.ConnectTimeout, _Failure("cannot be reached: no connection in time")),
        (requests.Timeout, _Failure("does not answer in time")),
        (requests.ConnectionError, _Failure("cannot be reached, or breaks off")),
        (HTTPError, _Failure("breaks off")),
        (_Unacceptable, _Failure(str(error) if isinstance(error, _Unacceptable) else "", passing=False)),
    )
    found = (failure for kind, failure in kinds if isinstance(error, kind))
    return next(found, _Failure(f"cannot be asked ({type(error).__name__})", passing=False))


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds of a Retry-After header (RFC 9110, 10.2.3), None where it says nothing that can be read."""
    text = headers.get("Retry-After", "").strip()
    if text.isdecimal() and text.isascii() and len(text) < 10:
        return float(text)
    if not text:
        return None
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def _host_of(location: str) -> str:
    """Host and port of a redirect's target, fit for a message; empty where it has none."""
    from urllib.parse import urlsplit

    try:
        split = urlsplit(location)
        host, port = split.hostname or "", split.port
    except ValueError:
        return "another host"
    shown = "".join(each for each in host[:100] if each.isascii() and (each.isalnum() or each in ".-:"))
    return f"{shown}:{port}" if shown and port else shown
