"""The application: every call of the API over one store, and what holds for all of them."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from tokenguard.errors import RefusedError, StoreError
from tokenguard.server.admission import Admission
from tokenguard.server.background import Background
from tokenguard.server.body import DisconnectedError
from tokenguard.server.dashboard.dashboard import Dashboard
from tokenguard.server.dashboard.problem_page import problem_page, wants_page
from tokenguard.server.gate import GONE, Gate
from tokenguard.server.introspection import IntrospectionCall
from tokenguard.server.limits import Limits
from tokenguard.server.logs import AccessLog, Scrubber
from tokenguard.server.metrics import Metrics
from tokenguard.server.openapi import document
from tokenguard.server.problems import FAULT, Problem, ProblemError, faulty, problem_of
from tokenguard.server.routes import audit, health, identity, leaks, oauth, revocations, roles, tokens, users, webhooks
from tokenguard.server.settings import ServerSettings
from tokenguard.server.webhooks.intake import Intake, intake

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from tokenguard.store.store import Store

_ROUTERS = (
    identity.router,
    tokens.router,
    revocations.router,
    revocations.stranger_router,
    oauth.router,
    leaks.report_router,
    leaks.router,
    users.router,
    roles.router,
    audit.router,
    webhooks.router,
    health.router,
)


class Application(FastAPI):
    """FastAPI behind the gate, which is the first to see a request: a middleware would stand behind several others."""

    gate: Gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Through the gate."""
        await self.gate(scope, receive, send)

    async def behind(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What is behind it."""
        await super().__call__(scope, receive, send)


def build(store: Store, settings: ServerSettings, write_log: Callable[[str], object] | None = None) -> Application:
    """The application over an open store, which it closes when it is shut down.

    `write_log` takes the lines of the access log; by default they go to standard error.
    """
    scrubber = Scrubber(store.context.ruleset)
    metrics = Metrics(store.database)
    admission = Admission(store, settings, Limits(store, settings), metrics, scrubber)
    app = Application(
        title="tokenguard",
        openapi_url="/openapi.json",
        # Their pages load scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        # A redirect would be built from the Host header, which anybody writes.
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
        lifespan=_living(store, Background(store, os.environ, metrics)),
    )
    app.state.admission = admission
    app.state.intake = doors = intake(admission)
    for router in _ROUTERS:
        app.include_router(router)
    app.state.dashboard = Dashboard(admission)
    app.router.routes.extend(app.state.dashboard.routes())
    _handle_errors(app)
    app.openapi = _documented(app)  # type: ignore[method-assign] # FastAPI's own way
    app.gate = Gate(
        app.behind,
        metrics=metrics,
        access=AccessLog(write_log or sys.stderr.write, scrubber) if settings.access_log else None,
        proxies=settings.behind_proxy,
        direct=_direct(admission, doors),
    )
    return app


def _direct(admission: Admission, doors: Intake) -> dict[tuple[str, str], ASGIApp]:
    calls: dict[tuple[str, str], ASGIApp] = {("POST", "/oauth/introspect"): IntrospectionCall(admission)}
    if doors.github is not None:
        calls["POST", webhooks.GITHUB_PATH] = doors.github
    return calls


def _living(store: Store, background: Background) -> Any:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        background.start()
        yield
        await run_in_threadpool(background.close)
        # Writes down what is still to be noted: when tokens were last used.
        await run_in_threadpool(store.close)

    return lifespan


def _documented(app: FastAPI) -> Callable[[], dict[str, Any]]:
    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = document(app)
        return app.openapi_schema

    return openapi


def _handle_errors(app: FastAPI) -> None:
    app.add_exception_handler(ProblemError, _ours)
    app.add_exception_handler(RefusedError, _ours)
    app.add_exception_handler(StoreError, _ours)
    app.add_exception_handler(RequestValidationError, _not_valid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(DisconnectedError, _gone)
    # Starlette raises the error again after this answer: the gate logs it.
    app.add_exception_handler(Exception, _fault)


def _answer(request: Request, problem: Problem) -> Response:
    """A page for a person, the document for a program."""
    if wants_page(request.scope):
        return problem_page(request.app.state.dashboard.pages, problem)
    return problem.response()


async def _ours(request: Request, error: Exception) -> Response:
    if not isinstance(error, (ProblemError, RefusedError, StoreError)):
        raise error
    return _answer(request, problem_of(error))


async def _not_valid(_: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    return faulty(error.errors()).response()


async def _gone(_: Request, error: Exception) -> Response:
    """For the log alone: there is nobody to read it."""
    del error
    return Response(status_code=GONE)


async def _fault(request: Request, error: Exception) -> Response:
    del error
    return _answer(request, FAULT)


async def _http(request: Request, error: Exception) -> Response:
    """What Starlette answers by itself: a path or method that there is not."""
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code != 405:
        return _answer(request, Problem(error.status_code, "there is nothing here"))
    allowed = ", ".join(sorted(_methods(request)))
    return _answer(request, Problem(405, f"this path takes {allowed}", headers={"Allow": allowed}))


def _methods(request: Request) -> set[str]:
    """Every method of the path; Starlette names those of its first route alone (RFC 9110, 15.5.6)."""
    found: set[str] = set()
    for route in request.app.routes:
        for method in ("GET", "HEAD", "POST", "PATCH", "DELETE"):
            if route.matches({**request.scope, "method": method})[0] is Match.FULL:
                found.add(method)
    return found
