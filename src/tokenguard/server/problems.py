"""Whatever goes wrong, as `application/problem+json` (RFC 9457): one shape for every status, and never the input.

`error` repeats code and message in the shape that clients of the documented providers' APIs read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from starlette.responses import Response

from tokenguard.errors import RefusedError, StoreError, UnavailableError

MEDIA_TYPE = "application/problem+json"

_STATUS_OF_CODE = {
    "VALIDATION": 422,
    "SCOPE_NOT_HELD": 422,
    "INSUFFICIENT_SCOPE": 403,
    "TOKEN_LIMIT_REACHED": 403,
    "UNAUTHORIZED": 401,
    "NOT_FOUND": 404,
    "CONFLICT": 409,
    "RATE_LIMITED": 429,
    "PAYLOAD_TOO_LARGE": 413,
    "UNAVAILABLE": 503,
}
_CODE_OF_STATUS = {
    400: "BAD_REQUEST",
    401: "UNAUTHORIZED",
    403: "INSUFFICIENT_SCOPE",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    408: "REQUEST_TIMEOUT",
    409: "CONFLICT",
    413: "PAYLOAD_TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
    422: "VALIDATION",
    429: "RATE_LIMITED",
    431: "HEADERS_TOO_LARGE",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}
_UNAVAILABLE_RETRY = 5
"""Seconds after which to ask a store again that did not say when."""
_NAMED = 5
"""How many faults a detail spells out; the pointers name all of them."""


@dataclass(frozen=True)
class Problem:
    """One answer that is no success. `extra` are further members of its body."""

    status: int
    detail: str
    code: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def phrase(self) -> str:
        """The status in words."""
        return HTTPStatus(self.status).phrase

    def body(self) -> bytes:
        """The document."""
        code = self.code or _CODE_OF_STATUS.get(self.status, "ERROR")
        error: dict[str, Any] = {"code": code, "message": self.detail}
        if "required" in self.extra:
            error["details"] = {key: self.extra[key] for key in ("required", "missing")}
        document = {
            "type": "about:blank",
            "title": self.phrase,
            "status": self.status,
            "detail": self.detail,
            "code": code,
            **self.extra,
            "error": error,
        }
        return json.dumps(document).encode()

    def response(self) -> Response:
        """The answer."""
        return Response(self.body(), self.status, dict(self.headers), MEDIA_TYPE)


class ProblemError(Exception):
    """Ends a request with that problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.code or problem.status)
        self.problem = problem


_REALM = 'Bearer realm="tokenguard"'
_UNAUTHORIZED = "a valid token is needed: Authorization: Bearer"
MISSING = Problem(401, _UNAUTHORIZED, headers={"WWW-Authenticate": _REALM})
# RFC 6750, section 3.1: an error only where a credential was sent.
INVALID = Problem(401, _UNAUTHORIZED, headers={"WWW-Authenticate": f'{_REALM}, error="invalid_token"'})
FAULT = Problem(500, "a fault of ours; the log knows more")


def invalid(detail: str, *pointers: str) -> ProblemError:
    """A 422. `pointers` are JSON pointers into the body, or names of parameters."""
    return ProblemError(Problem(422, detail, extra={"pointers": list(pointers)}))


def too_large(limit: int) -> ProblemError:
    """A 413."""
    return ProblemError(Problem(413, f"the body is larger than {limit} bytes"))


def wrong_type(expected: str) -> ProblemError:
    """A 415."""
    return ProblemError(Problem(415, f"the body has to be {expected}"))


def rate_limited(seconds: float) -> ProblemError:
    """A 429. `seconds` until there is room again."""
    wait = max(1, int(-(-seconds // 1)))
    problem = Problem(429, f"too many requests; try again in {wait} seconds", headers={"Retry-After": str(wait)})
    return ProblemError(problem)


def refused(error: RefusedError) -> Problem:
    """What the store's refusal is over HTTP."""
    status = _STATUS_OF_CODE.get(error.code, 422)
    if status == 401:
        # The token died between being looked up and being used: the answer is that for any dead one.
        return INVALID
    extra: dict[str, Any] = {}
    headers = {}
    if error.required:
        extra = {"required": list(error.required), "missing": list(error.missing)}
    elif error.missing:
        extra = {"missing": list(error.missing)}
    if status == 422 or error.pointers:
        extra["pointers"] = list(error.pointers)
    if error.code == "INSUFFICIENT_SCOPE":
        scope = " ".join(error.required)
        headers["WWW-Authenticate"] = f'{_REALM}, error="insufficient_scope", scope="{scope}"'
    return Problem(status, str(error), error.code, extra, headers)


def unavailable(error: StoreError) -> Problem:
    """A 503. What exactly is wrong with the store is for the log, not for the caller."""
    wait = error.retry_after if isinstance(error, UnavailableError) else _UNAVAILABLE_RETRY
    return Problem(503, "the store does not answer now; ask again", headers={"Retry-After": str(max(1, wait))})


def faulty(faults: Iterable[Mapping[str, Any]]) -> Problem:
    """A 422 out of pydantic's list of faults: where and what is expected, not what was given."""
    found = [(_pointer(fault), _expected(fault)) for fault in faults]
    named = "; ".join(f"{pointer or 'the body'}: {text}" for pointer, text in found[:_NAMED])
    more = f"; and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return Problem(422, named + more, extra={"pointers": list(dict.fromkeys(pointer for pointer, _ in found))})


def _pointer(fault: Mapping[str, Any]) -> str:
    where, *path = fault["loc"]
    if fault["type"] == "extra_forbidden":
        # The key itself was given by the caller, and could be a token in the wrong place.
        path = path[:-1]
    if where == "body":
        return "".join(f"/{part}" for part in path)
    return str(path[0]) if path else str(where)


def _expected(fault: Mapping[str, Any]) -> str:
    if fault["type"] == "extra_forbidden":
        return "a key that is not known here"
    # Everything pydantic says beside `input` and `ctx` comes from the schema, but for errors raised by a function.
    return "not valid" if fault["type"] in {"value_error", "assertion_error"} else str(fault["msg"])


def problem_of(error: ProblemError | RefusedError | StoreError) -> Problem:
    """The problem that an error of ours is over HTTP."""
    if isinstance(error, ProblemError):
        return error.problem
    return refused(error) if isinstance(error, RefusedError) else unavailable(error)
