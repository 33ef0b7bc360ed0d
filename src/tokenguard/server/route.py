"""FastAPI's route with our way in: admission first, then a strictly read body, and problems for answers.

FastAPI would read and parse the body before it asks who is there, take JSON that two readers read differently, and
repeat the input in its 422.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, Security
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from tokenguard.server.admission import Admission, Caller
from tokenguard.server.body import JSON_TYPE, parse_json, parse_query, read_body, require_type
from tokenguard.store.actor import Permission

if TYPE_CHECKING:
    from starlette.types import Receive, Scope


class ReadRequest(Request):
    """A request whose body is there, and has been parsed."""

    def __init__(self, scope: Scope, receive: Receive, body: bytes, value: Any) -> None:
        super().__init__(scope, receive)
        self._bytes = body
        self._parsed = value

    async def body(self) -> bytes:
        """The body."""
        return self._bytes

    async def json(self) -> Any:
        """Its value."""
        return self._parsed


class OpenRoute(APIRoute):
    """A call that needs no credential: holding what it takes is the right to it."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler of a request, for FastAPI."""
        handle = super().get_route_handler()

        async def handler(request: Request) -> Response:
            admission: Admission = request.app.state.admission
            request.state.caller = await run_in_threadpool(self.admit, admission, request.scope)
            parse_query(request.scope["query_string"])
            if self.body_field is not None:
                request = await self._read(request, admission)
            return await handle(request)

        return handler

    def admit(self, admission: Admission, scope: Scope) -> Caller:
        """Whoever asks, or a ProblemError."""
        return admission.stranger(scope)

    def body_limit(self, admission: Admission) -> int:
        """Bytes that the body may have."""
        return admission.settings.body_limit

    async def _read(self, request: Request, admission: Admission) -> Request:
        scope, receive = request.scope, request.receive
        body = await read_body(scope, receive, self.body_limit(admission))
        if not body:
            # Whether that will do is for the model of the body to say.
            return ReadRequest(scope, receive, b"", None)
        require_type(scope, JSON_TYPE)
        value = parse_json(body) if len(body) < _SMALL else await run_in_threadpool(parse_json, body)
        return ReadRequest(scope, receive, body, value)


_SMALL = 16 * 1024
"""Bytes of JSON that are parsed without leaving the event loop."""


class BearerRoute(OpenRoute):
    """A call that needs a live token."""

    def admit(self, admission: Admission, scope: Scope) -> Caller:
        """Whoever holds it."""
        return admission.bearer(scope)


class ReportRoute(BearerRoute):
    """The same for reports, which are large: nobody else's are read."""

    def admit(self, admission: Admission, scope: Scope) -> Caller:
        """Whoever may report leaks."""
        return admission.bearer(scope, Permission.REPORT_LEAKS)

    def body_limit(self, admission: Admission) -> int:
        """Bytes that the report may have."""
        return admission.settings.report_limit


_bearer = HTTPBearer(scheme_name="token", bearerFormat="opaque", auto_error=False)


async def _bearing(request: Request, _: Annotated[object, Security(_bearer)]) -> Caller:
    """The security scheme is for the document: BearerRoute has looked already."""
    return _coming(request)


def _coming(request: Request) -> Caller:
    caller: Caller = request.state.caller
    return caller


async def _stranger(request: Request) -> Caller:
    return _coming(request)


Bearer = Annotated[Caller, Depends(_bearing)]
"""What a call on a BearerRoute takes."""
Stranger = Annotated[Caller, Depends(_stranger)]
"""What a call on an OpenRoute takes."""
