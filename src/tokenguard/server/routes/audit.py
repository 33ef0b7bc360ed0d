"""What was done, by whom, from where."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from tokenguard.server.answers import AuditAnswer, answer
from tokenguard.server.openapi import problems
from tokenguard.server.queries import AuditQuery
from tokenguard.server.route import Bearer, BearerRoute

router = APIRouter(route_class=BearerRoute, tags=["audit"])


@router.get("/api/v1/audit", response_model=AuditAnswer, responses=problems())
def list_events(caller: Bearer, which: Annotated[AuditQuery, Query()]) -> Response:
    """List events, newest first."""
    return answer(caller.service.audit(which.value()))
