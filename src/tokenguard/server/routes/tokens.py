"""Tokens: list, mint, look at, rotate, revoke."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Path, Query
from starlette.responses import Response

from tokenguard.server.answers import CreatedAnswer, ReplayedAnswer, TokenAnswer, TokensAnswer, answer
from tokenguard.server.openapi import problems
from tokenguard.server.payloads import NewTokenPayload, RotationPayload
from tokenguard.server.queries import TokensQuery
from tokenguard.server.route import Bearer, BearerRoute

router = APIRouter(route_class=BearerRoute, tags=["tokens"])

TokenId = Annotated[str, Path(max_length=200, description="The token's id.")]
IdempotencyKey = Annotated[
    str | None,
    Header(pattern=r"^[\x21-\x7e]{1,200}$", description="The same key again answers with the first one's record."),
]


@router.get("/api/v1/tokens", response_model=TokensAnswer, responses=problems())
def list_tokens(caller: Bearer, which: Annotated[TokensQuery, Query()]) -> Response:
    """List one's own tokens; with security.respond also others'."""
    return answer(caller.service.list_tokens(which.value()))


@router.post(
    "/api/v1/tokens",
    status_code=201,
    response_model=CreatedAnswer,
    responses=problems(409, body=True)
    | {200: {"model": ReplayedAnswer, "description": "The Idempotency-Key was used before."}},
)
def create_token(caller: Bearer, new: NewTokenPayload, idempotency_key: IdempotencyKey = None) -> Response:
    """Mint a token. The whole of it is in this answer, and in no other."""
    created = caller.service.create_token(new.value(), idempotency_key=idempotency_key)
    if created.token is None:
        return answer(created)
    caller.metrics.created(created.record.family)
    return answer(created, 201)


@router.get("/api/v1/tokens/{token_id}", response_model=TokenAnswer, responses=problems(404))
def show_token(caller: Bearer, token_id: TokenId) -> Response:
    """Show one token's record."""
    return answer(caller.service.token(token_id))


@router.delete("/api/v1/tokens/{token_id}", status_code=204, responses=problems(404))
def revoke_token(caller: Bearer, token_id: TokenId) -> Response:
    """Revoke a token, for good. Done again, it changes nothing."""
    caller.service.revoke_token(token_id)
    caller.metrics.revoked("revoked")
    return Response(status_code=204)


@router.post(
    "/api/v1/tokens/{token_id}/rotate",
    status_code=201,
    response_model=CreatedAnswer,
    responses=problems(404, 409, body=True)
    | {200: {"model": ReplayedAnswer, "description": "The Idempotency-Key was used before."}},
)
def rotate_token(
    caller: Bearer,
    token_id: TokenId,
    rotation: RotationPayload | None = None,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Mint the successor. The old token lives for the grace; rotating a rotated one revokes both."""
    grace = rotation.grace_seconds if rotation else 0
    created = caller.service.rotate_token(token_id, grace_seconds=grace, idempotency_key=idempotency_key)
    if created.token is None:
        return answer(created)
    caller.metrics.created(created.record.family)
    return answer(created, 201)
