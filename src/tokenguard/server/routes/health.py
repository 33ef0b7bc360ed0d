"""Whether the server lives, whether it can serve, and what it has counted."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from tokenguard.server.address import is_loopback
from tokenguard.server.admission import Admission
from tokenguard.server.answers import HealthAnswer, answer
from tokenguard.server.metrics import MEDIA_TYPE
from tokenguard.server.openapi import exactly

router = APIRouter(tags=["health"])

_FORWARDED = frozenset({b"forwarded", b"x-forwarded-for", b"x-real-ip", b"via"})
"""What proxies add to a request."""


@router.get("/healthz", response_model=HealthAnswer)
async def live() -> Response:
    """Say that the process answers. It does not ask the store: restarting helps no store."""
    return answer({"status": "ok"})


@router.get("/readyz", response_model=HealthAnswer, responses=exactly(503))
def ready(request: Request) -> Response:
    """Say whether the store is reachable and of this program's version."""
    admission: Admission = request.app.state.admission
    admission.store.ready()
    return answer({"status": "ready"})


@router.get(
    "/metrics",
    response_class=Response,
    responses=exactly(401, 429, 503)
    | {200: {"description": "Prometheus' text format.", "content": {"text/plain": {"schema": {"type": "string"}}}}},
)
def metrics(request: Request) -> Response:
    """Give what was counted, to this machine or to whoever has a live token."""
    admission: Admission = request.app.state.admission
    # A proxy that nobody told us of hands on the whole world from this machine's own address.
    handed_on = not admission.settings.behind_proxy and not _FORWARDED.isdisjoint(request.scope["fields"])
    if handed_on or not is_loopback(request.scope["address"]):
        admission.bearer(request.scope)
    return Response(admission.metrics.text(), media_type=MEDIA_TYPE)
