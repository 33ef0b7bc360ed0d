"""Leaked tokens from forges. What the calls do is in `tokenguard.server.webhooks`; here is what they look like."""

from __future__ import annotations

from typing import Any, TypeVar

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from tokenguard.server.body import JSON_TYPE, read_body
from tokenguard.server.openapi import exactly
from tokenguard.server.problems import Problem, ProblemError
from tokenguard.server.webhooks.intake import Intake

GITHUB_PATH = "/webhooks/github/secret-scanning"

router = APIRouter(tags=["webhooks"])

T = TypeVar("T")

_TOKEN = {"type": "string", "description": "The whole token."}
_TEXT = {"type": "string"}


def _listing(**properties: Any) -> dict[str, Any]:
    entry = {"type": "object", "properties": {"token": _TOKEN, "type": _TEXT, **properties}, "required": ["token"]}
    schema = {"type": "array", "items": entry}
    return {"requestBody": {"required": True, "content": {JSON_TYPE: {"schema": schema}}}}


def _headers(*names: str) -> dict[str, Any]:
    return {"parameters": [{"name": name, "in": "header", "required": True, "schema": _TEXT} for name in names]}


_ALERT = exactly(400, 401, 404, 408, 413, 422, 429, 503)
_FEEDBACK = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "token_hash": {"type": "string", "description": "SHA-256 of the token."},
            "token_type": _TEXT,
            "label": {"enum": ["true_positive", "false_positive"]},
        },
    },
}
_TYPES = {"type": "object", "properties": {"types": {"type": "array", "items": _TEXT}}, "required": ["types"]}


@router.post(
    GITHUB_PATH,
    openapi_extra=_listing(url=_TEXT, source=_TEXT)
    | _headers("Github-Public-Key-Identifier", "Github-Public-Key-Signature"),
    response_class=Response,
    responses=_ALERT | {200: {"description": "What each token is.", "content": {JSON_TYPE: {"schema": _FEEDBACK}}}},
)
async def github_alert(request: Request) -> Response:
    """Take in an alert of GitHub's secret scanning: signed by GitHub, its tokens are revoked or told of."""
    return await _opened(_intake(request).github).answer(request.scope, request.receive)


@router.post(
    "/webhooks/gitlab/partner",
    openapi_extra=_listing(url=_TEXT) | _headers("Gitlab-Public-Key-Identifier", "Gitlab-Public-Key-Signature"),
    status_code=204,
    response_class=Response,
    responses=_ALERT | {204: {"description": "Worked off."}},
)
async def gitlab_alert(request: Request) -> Response:
    """Take in an alert of GitLab.com: signed by GitLab, its tokens are revoked or told of."""
    return await _opened(_intake(request).gitlab).answer(request.scope, request.receive)


@router.get(
    "/webhooks/gitlab/v1/revocable_token_types",
    openapi_extra=_headers("Authorization"),
    response_class=Response,
    responses=exactly(401, 404, 429, 503)
    | {200: {"description": "The types.", "content": {JSON_TYPE: {"schema": _TYPES}}}},
)
async def revocable_token_types(request: Request) -> Response:
    """Say to one's own GitLab which types of tokens are revoked here."""
    receiver = _opened(_intake(request).receiver)
    return await run_in_threadpool(receiver.types, request.scope)


@router.post(
    "/webhooks/gitlab/v1/revoke_tokens",
    openapi_extra=_listing(location=_TEXT) | _headers("Authorization"),
    status_code=204,
    response_class=Response,
    responses=exactly(400, 401, 404, 408, 413, 429, 503) | {204: {"description": "They are revoked, or were none."}},
)
async def revoke_tokens(request: Request) -> Response:
    """Revoke what one's own GitLab has found, as its family's policy says."""
    receiver = _opened(_intake(request).receiver)
    await run_in_threadpool(receiver.admit, request.scope)
    body = await read_body(request.scope, request.receive, request.app.state.admission.settings.report_limit)
    return await run_in_threadpool(receiver.revoke, request.scope, body)


def _intake(request: Request) -> Intake:
    found: Intake = request.app.state.intake
    return found


def _opened(door: T | None) -> T:
    if door is None:
        raise ProblemError(Problem(404, "this server takes none from there"))
    return door
