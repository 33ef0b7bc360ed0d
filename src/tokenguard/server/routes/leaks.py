"""Leaks: handed in by scanners, read and closed by responders."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Path, Query
from pydantic import AfterValidator
from pydantic_core import PydanticCustomError
from starlette.responses import Response

from tokenguard.server.answers import LeakAnswer, LeakMatchesAnswer, LeaksAnswer, answer
from tokenguard.server.body import storable
from tokenguard.server.openapi import problems
from tokenguard.server.payloads import ResolutionPayload
from tokenguard.server.queries import LeaksQuery
from tokenguard.server.route import Bearer, BearerRoute, ReportRoute

router = APIRouter(route_class=BearerRoute, tags=["leaks"])
report_router = APIRouter(route_class=ReportRoute, tags=["leaks"])

LeakId = Annotated[str, Path(max_length=200, description="The leak's id.")]


def _storable(report: dict[str, Any]) -> dict[str, Any]:
    if not storable(report):
        raise PydanticCustomError("unstorable", "a text holds NUL or half a character")
    return report


Report = Annotated[
    dict[str, Any], AfterValidator(_storable), Body(description="A tokenguard report, or `{finding, seen_at, url}`.")
]


@report_router.post("/api/v1/leaks", status_code=202, response_model=LeakMatchesAnswer, responses=problems(body=True))
def report_leaks(caller: Bearer, report: Report) -> Response:
    """Hand in leaks. Records and notifies, never revokes. A report that holds a whole token is refused."""
    return answer({"leaks": caller.service.report_leaks(report)}, 202)


@router.get("/api/v1/leaks", response_model=LeaksAnswer, responses=problems(404))
def list_leaks(caller: Bearer, which: Annotated[LeaksQuery, Query()]) -> Response:
    """List leaks, open ones first."""
    page = caller.service.leaks(state=which.state, token=which.token, cursor=which.cursor, limit=which.limit)
    return answer(page)


@router.get("/api/v1/leaks/{leak_id}", response_model=LeakAnswer, responses=problems(404))
def show_leak(caller: Bearer, leak_id: LeakId) -> Response:
    """Show one leak."""
    return answer(caller.service.leak(leak_id))


@router.post("/api/v1/leaks/{leak_id}/resolve", response_model=LeakAnswer, responses=problems(404, 409, body=True))
def resolve_leak(caller: Bearer, leak_id: LeakId, resolved: ResolutionPayload) -> Response:
    """Close a leak. Seen again, it opens again."""
    return answer(caller.service.resolve_leak(leak_id, resolved.resolution))
