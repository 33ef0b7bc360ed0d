"""What a request carries, read strictly: bytes within a limit, then JSON, a form or a query; nothing is guessed.

What `json` lets pass is refused: double keys, NaN, numbers without end, half surrogates, NUL (which PostgreSQL cannot
store), nesting without end. No message holds what was given.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import parse_qsl

from tokenguard.server.problems import Problem, ProblemError, invalid, too_large, wrong_type

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import Receive, Scope

JSON_TYPE = "application/json"
FORM_TYPE = "application/x-www-form-urlencoded"

_DEEPEST = 32
_LONGEST_NUMBER = 40
_MOST_FIELDS = 50
_UNFIT = re.compile("[\0\ud800-\udfff]")


class DisconnectedError(Exception):
    """Whoever asked is gone: there is nobody to answer."""


def header(scope: Scope, name: bytes) -> bytes | None:
    """The value of a header (lower case), the first of them; None: there is none."""
    return next((value for key, value in scope["headers"] if key == name), None)


def require_type(scope: Scope, expected: str) -> None:
    """Raise a 415 unless the body says that it is `expected`, in UTF-8."""
    given, *parameters = (header(scope, b"content-type") or b"").decode("latin-1").lower().split(";")
    if given.strip() != expected:
        raise wrong_type(expected)
    for parameter in parameters:
        key, _, value = parameter.strip().partition("=")
        if key == "charset" and value.strip('"') not in {"utf-8", "utf8", "us-ascii"}:
            raise wrong_type(f"{expected} in UTF-8")


async def read_body(scope: Scope, receive: Receive, limit: int, seconds: float) -> bytes:
    """The whole body.

    Raises:
        ProblemError: 413 above `limit` bytes, 408 when it takes longer than `seconds` to arrive.
        DisconnectedError: it broke off.
    """
    length = header(scope, b"content-length")
    if length is not None and (not length.isdigit() or len(length) > 18 or int(length) > limit):
        raise too_large(limit)
    message = await _next(receive, seconds)
    body: bytes = message.get("body", b"")
    if not message.get("more_body"):
        # Nearly every body comes in one piece.
        if len(body) > limit:
            raise too_large(limit)
        return body
    return await _rest(body, receive, limit, seconds)


async def _rest(body: bytes, receive: Receive, limit: int, seconds: float) -> bytes:
    parts, size, more = [body], len(body), True
    until = asyncio.get_running_loop().time() + seconds
    while more:
        if size > limit:
            raise too_large(limit)
        message = await _next(receive, until - asyncio.get_running_loop().time())
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        more = message.get("more_body", False)
    if size > limit:
        raise too_large(limit)
    return b"".join(parts)


async def _next(receive: Receive, seconds: float) -> Any:
    try:
        async with asyncio.timeout(seconds):
            message = await receive()
    except TimeoutError:
        raise ProblemError(Problem(408, "the body did not arrive in time", headers={"Connection": "close"})) from None
    if message["type"] == "http.disconnect":
        raise DisconnectedError
    return message


def parse_json(body: bytes) -> Any:
    """The JSON value.

    Raises:
        ProblemError: 422; where it is no JSON, or JSON that two readers could read differently.
    """
    try:
        value = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_float,
            parse_constant=_constant,
        )
    except UnicodeDecodeError:
        raise invalid("the body is not UTF-8", "") from None
    except RecursionError:
        raise invalid(f"the body is nested deeper than {_DEEPEST} levels", "") from None
    except ValueError:
        raise invalid("the body is not JSON", "") from None
    _require_fit(value)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise invalid("an object holds the same key twice", "")
    return found


def _integer(text: str) -> int:
    if len(text) > _LONGEST_NUMBER:
        raise invalid("a number is too long", "")
    return int(text)


def _float(text: str) -> float:
    if len(text) > _LONGEST_NUMBER or not math.isfinite(number := float(text)):
        raise invalid("a number is too long or too large", "")
    return number


def _constant(_: str) -> NoReturn:
    raise invalid("NaN and Infinity are no JSON", "")


def _require_fit(value: Any) -> None:
    """Walk everything, without recursion: depth is what it looks for."""
    level: list[Any] = [value]
    for _ in range(_DEEPEST):
        texts = [each for each in level if isinstance(each, str)]
        require_texts(texts)
        level = [inner for each in level for inner in _inside(each)]
        if not level:
            return
    raise invalid(f"the body is nested deeper than {_DEEPEST} levels", "")


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return (*value, *value.values())
    return value if isinstance(value, list) else ()


def require_texts(texts: Iterable[str]) -> None:
    """Raise a 422 where a text holds what no store can keep."""
    if any(_UNFIT.search(text) for text in texts):
        raise invalid("a text holds NUL or half a character", "")


def parse_form(body: bytes) -> dict[str, str]:
    """The fields of a form, each given once (RFC 6749, 3.2: parameters must not be repeated).

    Raises:
        ProblemError: 422.
    """
    return _fields(body, "the form")


def parse_query(query: bytes) -> dict[str, str]:
    """The parameters of a URL, each given once.

    Raises:
        ProblemError: 422.
    """
    return _fields(query, "the query") if query else {}


def _fields(data: bytes, what: str) -> dict[str, str]:
    try:
        # ASCII by the standard; unquoting gives UTF-8.
        pairs = parse_qsl(data.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except UnicodeDecodeError:
        raise invalid(f"{what} is not UTF-8") from None
    except ValueError:
        raise invalid(f"{what} has more than {_MOST_FIELDS} fields") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise invalid(f"{what} gives a field twice")
    require_texts(fields)
    require_texts(fields.values())
    return fields
