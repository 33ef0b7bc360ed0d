"""Revocations: of many targets at once, and of whole tokens by whoever holds them."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from tokenguard.server.answers import RevocationsAnswer, answer
from tokenguard.server.openapi import problems
from tokenguard.server.payloads import LeakedPayload, RevocationsPayload
from tokenguard.server.route import Bearer, BearerRoute, OpenRoute, Stranger

router = APIRouter(route_class=BearerRoute, tags=["revocations"])
stranger_router = APIRouter(route_class=OpenRoute, tags=["revocations"])


@router.post("/api/v1/revocations", response_model=RevocationsAnswer, responses=problems(body=True))
def revoke(caller: Bearer, asked: RevocationsPayload) -> Response:
    """Revoke up to 1,000 targets: a result for each, in their order."""
    results = caller.service.revoke(
        asked.values(),
        reason=asked.reason,
        leak=asked.leak.value() if asked.leak else None,
        all_matching=asked.all_matching,
        dry_run=asked.dry_run,
    )
    if not asked.dry_run:
        for result in results:
            caller.metrics.revoked(result.outcome.value)
    return answer({"results": results})


@stranger_router.post(
    "/api/v1/revocations/leaked",
    status_code=202,
    response_class=Response,
    responses=problems(bearer=False, body=True)
    | {202: {"description": "Taken. The same for known and unknown tokens."}},
)
def revoke_leaked(caller: Stranger, leaked: LeakedPayload) -> Response:
    """Revoke tokens by their whole value. Holding a token is the right to kill it: no credential is needed."""
    caller.service.revoke_leaked(leaked.values())
    return Response(status_code=202)
