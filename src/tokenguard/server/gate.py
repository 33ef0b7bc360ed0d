"""What every request passes, in and out: its id, its log line, its count, the headers that all answers carry.

One pure ASGI layer instead of several: each costs every request, and the wrapping kind copies bodies.
"""

from __future__ import annotations

import logging
import secrets
from itertools import count
from time import perf_counter
from typing import TYPE_CHECKING

from tokenguard.server.address import client_address
from tokenguard.server.body import DisconnectedError
from tokenguard.server.logs import LOGGER
from tokenguard.server.problems import FAULT

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from tokenguard.server.logs import AccessLog
    from tokenguard.server.metrics import Metrics

UNMATCHED = "unmatched"
"""The route of a path that there is not; the path itself must not become a label."""

_NOSNIFF = (b"x-content-type-options", b"nosniff")
# A new token is in an answer once: nothing between here and who asked may keep it.
_HEADERS = [(b"cache-control", b"no-store"), _NOSNIFF]
GONE = 499
"""The status that is logged, as other servers do, where whoever asked went away before the answer."""
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_log = logging.getLogger(LOGGER)


class Gate:
    """Stands around the whole application. `direct` are the calls that need no router.

    It notes in the scope what everything behind it asks for: `address`, and `fields`, the headers by name.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        metrics: Metrics,
        access: AccessLog | None,
        proxies: int,
        direct: dict[tuple[str, str], ASGIApp],
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._access = access
        self._proxies = proxies
        self._direct = direct
        self._ids = count(1)
        self._run = secrets.token_hex(4)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, whatever happens."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = perf_counter()
        status = GONE
        request_id = f"{self._run}-{next(self._ids)}"
        scope["fields"] = dict(scope["headers"])
        scope["address"] = address = client_address(scope, self._proxies)

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                said = message["headers"]
                # Style and script say themselves how long they can be kept.
                more = [_NOSNIFF] if any(name == b"cache-control" for name, _ in said) else _HEADERS
                message["headers"] = [*said, *more, (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            await self._direct.get((scope["method"], scope["path"]), self._app)(scope, receive, answer)
        except DisconnectedError:
            pass
        except Exception:  # noqa: BLE001 - the last one to know
            _log.exception("a fault of ours", extra={"fields": {"request_id": request_id}})
            if status == GONE:
                await FAULT.response()(scope, receive, answer)
        finally:
            self._note(scope, status, perf_counter() - started, address, request_id)

    def _note(self, scope: Scope, status: int, seconds: float, address: str, request_id: str) -> None:
        path, method = scope["path"], scope["method"]
        route = path if (method, path) in self._direct else getattr(scope.get("route"), "path", UNMATCHED)
        self._metrics.request(method if method in _METHODS else "OTHER", route, status, seconds)
        if self._access is not None:
            self._access.note(method, path, status, seconds, address=address, request_id=request_id)
