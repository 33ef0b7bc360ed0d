"""OAuth's two calls for tokens, with forms for bodies: introspection (RFC 7662), revocation (RFC 7009)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from tokenguard.model.secret import Secret
from tokenguard.server.admission import Admission
from tokenguard.server.authentication import token_sent
from tokenguard.server.body import FORM_TYPE
from tokenguard.server.introspection import IntrospectionCall, read_form
from tokenguard.server.openapi import problems
from tokenguard.server.problems import invalid

router = APIRouter(tags=["oauth"])

_TOKEN = {"type": "string", "description": "The whole token."}
_HASH = {"type": "string", "pattern": "^([0-9A-Fa-f]{64})?$", "description": "Its SHA-256 instead."}
_HINT = {"type": "string", "description": "Not needed."}
_ACTIVE = {
    "type": "object",
    "properties": {
        "active": {"type": "boolean"},
        "scope": {"type": "string", "description": "What it may now, space-separated."},
        "username": {"type": "string"},
        "sub": {"type": "string"},
        "client_id": {"type": "string", "description": "The token's id."},
        "token_type": {"type": "string"},
        "exp": {"type": "integer"},
        "iat": {"type": "integer"},
    },
    "required": ["active"],
}


def _form(properties: dict[str, Any], alternatives: list[str]) -> dict[str, Any]:
    needed = [{"required": [name]} for name in alternatives]
    schema = {"type": "object", "properties": properties, "anyOf": needed, "additionalProperties": {"type": "string"}}
    return {"requestBody": {"required": True, "content": {FORM_TYPE: {"schema": schema}}}}


@router.post(
    "/oauth/introspect",
    openapi_extra=_form({"token": _TOKEN, "token_sha256": _HASH, "token_type_hint": _HINT}, ["token", "token_sha256"])
    | {"security": [{"token": []}]},
    response_class=Response,
    responses=problems(body=True)
    | {200: {"description": "What is known of it.", "content": {"application/json": {"schema": _ACTIVE}}}},
)
async def introspect(request: Request) -> Response:
    """Say whether a token lives. Of one that does not, nothing else is said."""
    call = IntrospectionCall(request.app.state.admission)
    return Response(await call.answer(request.scope, request.receive), media_type="application/json")


@router.post(
    "/oauth/revoke",
    openapi_extra=_form({"token": _TOKEN, "token_type_hint": _HINT}, ["token"]),
    response_class=Response,
    responses=problems(bearer=False, body=True) | {200: {"description": "It is dead, or never was one."}},
)
async def revoke_by_form(request: Request) -> Response:
    """Revoke a token by its whole value. Holding it is the right to kill it: no credential is needed."""
    admission: Admission = request.app.state.admission
    form = await read_form(request.scope, request.receive)
    token = form.get("token")
    if not token:
        raise invalid("token is missing", "token")
    await run_in_threadpool(_revoke, admission, request, token_sent(token))
    return Response()


def _revoke(admission: Admission, request: Request, token: Secret) -> None:
    admission.stranger(request.scope).service.revoke_leaked((token,))
