"""The OpenAPI document's parts that are the same everywhere: problems, headers, what the API is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi.openapi.utils import get_openapi

from tokenguard import __version__
from tokenguard.server.problems import MEDIA_TYPE

if TYPE_CHECKING:
    from fastapi import FastAPI

_DESCRIPTION = (
    "Mints, lists, rotates and revokes API tokens, takes reports of leaked ones, and says whether a token lives. "
    "Times are RFC 3339 in UTC. Every error is `application/problem+json` (RFC 9457)."
)
_TEXTS = {
    400: "It is not what is expected; to send it again is of no use.",
    401: "No live token was given. The answer is the same whatever is wrong with it.",
    403: "The token's rights do not suffice, or a limit is reached; `code` says which.",
    404: "There is nothing of that name that the caller may see.",
    408: "The body did not arrive in time.",
    409: "It is in the way of what there is.",
    413: "The body is too large.",
    415: "The body is of another type.",
    422: "What was given is not valid; `pointers` say what of it.",
    429: "Too many requests.",
    503: "The store does not answer now.",
}
_RETRY = {429, 503}
_CHALLENGE = {401}
_PROBLEM = {
    "title": "Problem",
    "description": "What went wrong (RFC 9457). `error` repeats code and message.",
    "type": "object",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "required": {"type": "array", "items": {"type": "string"}, "description": "Permissions that the call needs."},
        "missing": {"type": "array", "items": {"type": "string"}, "description": "Those that the caller lacks."},
        "pointers": {"type": "array", "items": {"type": "string"}, "description": "JSON pointers, or parameters."},
        "error": {
            "type": "object",
            "properties": {
                "code": {"type": "string"},
                "message": {"type": "string"},
                "details": {"type": "object"},
            },
            "required": ["code", "message"],
        },
    },
    "required": ["type", "title", "status", "detail", "code", "error"],
}

Responses = dict[int | str, dict[str, Any]]

_OF_BODY = (408, 413, 415)


def problems(*statuses: int, bearer: bool = True, body: bool = False) -> Responses:
    """The problems that a call can end in: `statuses`, and those of every such call."""
    common = (401, 403, 422, 429, 503) if bearer else (422, 429, 503)
    every = sorted({*common, *statuses, *(_OF_BODY if body else ())})
    return exactly(*every)


def exactly(*statuses: int) -> Responses:
    """The problems of these statuses and no others."""
    return {status: _problem(status) for status in statuses}


def _problem(status: int) -> dict[str, Any]:
    said: dict[str, Any] = {
        "description": _TEXTS[status],
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    if status in _RETRY:
        said["headers"] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
    if status in _CHALLENGE:
        said["headers"] = {"WWW-Authenticate": {"description": "RFC 6750.", "schema": {"type": "string"}}}
    return said


def document(app: FastAPI) -> dict[str, Any]:
    """The whole document."""
    found = get_openapi(
        title="tokenguard", version=__version__, description=_DESCRIPTION, routes=app.routes, openapi_version="3.1.0"
    )
    schemas = found.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problem"] = _PROBLEM
    return found
