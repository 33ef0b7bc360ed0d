"""Whether the server lives, whether it can serve, and what it has counted."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from tokenguard.config.web_address import is_loopback_name
from tokenguard.server.address import is_loopback
from tokenguard.server.admission import Admission
from tokenguard.server.answers import HealthAnswer, answer
from tokenguard.server.body import header
from tokenguard.server.metrics import MEDIA_TYPE
from tokenguard.server.openapi import exactly

if TYPE_CHECKING:
    from starlette.types import Scope

router = APIRouter(tags=["health"])

_FORWARDED = frozenset({b"forwarded", b"x-forwarded-for", b"x-real-ip", b"via"})
"""What proxies add to a request."""
_PORT = re.compile(r":[0-9]*\Z")


@router.head("/healthz", include_in_schema=False)  # load balancers ask so
@router.get("/healthz", response_model=HealthAnswer)
async def live() -> Response:
    """Say that the process answers. It does not ask the store: restarting helps no store."""
    return answer({"status": "ok"})


@router.head("/readyz", include_in_schema=False)  # load balancers ask so
@router.get("/readyz", response_model=HealthAnswer, responses=exactly(503))
async def ready(request: Request) -> Response:
    """Say whether the store is reachable and of this program's version."""
    admission: Admission = request.app.state.admission
    await run_sync(admission.store.ready, limiter=admission.watching)
    return answer({"status": "ready"})


@router.get(
    "/metrics",
    response_class=Response,
    responses=exactly(401, 429, 503)
    | {200: {"description": "Prometheus' text format.", "content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics(request: Request) -> Response:
    """Give what was counted, to this machine or to whoever has a live token."""
    admission: Admission = request.app.state.admission
    if not _is_from_here(request.scope, proxies=admission.settings.behind_proxy):
        await run_in_threadpool(admission.bearer, request.scope)
    text = await run_sync(admission.metrics.text, limiter=admission.watching)
    return Response(text, media_type=MEDIA_TYPE)


def _is_from_here(scope: Scope, *, proxies: int) -> bool:
    """Whether a program of this machine asks, for itself.

    A proxy that nobody told us of hands on the whole world from this machine's own address; and so does a browser here,
    for a page that had its own name resolved to this machine (DNS rebinding).
    """
    if not proxies and not _FORWARDED.isdisjoint(scope["fields"]):
        return False
    asked = (header(scope, b"host") or b"localhost").decode("latin-1")
    return is_loopback(scope["address"]) and is_loopback_name(_PORT.sub("", asked))
