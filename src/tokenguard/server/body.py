"""What a request carries, read strictly: bytes within a limit, then JSON, a form or a query; nothing is guessed.

What `json` lets pass is refused: double keys, NaN, numbers and nesting without end. No message holds what was given.
"""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import parse_qsl

from tokenguard.server.problems import Problem, ProblemError, invalid, too_large, wrong_type

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from starlette.types import Receive, Scope

JSON_TYPE = "application/json"
FORM_TYPE = "application/x-www-form-urlencoded"

MOST_VALUES = 3_000_000
"""In a body: so many empty lists, of two bytes each, take 200 MB of memory."""
_DEEPEST = 32
_LONGEST_NUMBER = 40
_LONGEST_LENGTH = 18
_MOST_FIELDS = 50
_UNFIT = re.compile("[\0\ud800-\udfff]")


class DisconnectedError(Exception):
    """Whoever asked is gone: there is nobody to answer."""


def header(scope: Scope, name: bytes) -> bytes | None:
    """The value of a header (lower case), the last of them; None: there is none."""
    found: bytes | None = scope["fields"].get(name)
    return found


def require_type(scope: Scope, expected: str) -> None:
    """Raise a 415 unless the body says that it is `expected`, in UTF-8."""
    said = (header(scope, b"content-type") or b"").decode("latin-1").lower()
    if said == expected:
        return
    given, *parameters = said.split(";")
    if given.strip() != expected:
        raise wrong_type(expected)
    for parameter in parameters:
        key, _, value = parameter.strip().partition("=")
        if key == "charset" and value.strip('"') not in {"utf-8", "utf8", "us-ascii"}:
            raise wrong_type(f"{expected} in UTF-8")


async def read_body(scope: Scope, receive: Receive, limit: int, count: Callable[[int], None] = lambda _: None) -> bytes:
    """The whole body. How long it may take to arrive is for the connection to say (`protocol`).

    `count` is told of each part's bytes as they come, and may raise.

    Raises:
        ProblemError: 413 above `limit` bytes.
        DisconnectedError: it broke off.
    """
    length = header(scope, b"content-length")
    if length is not None and (not length.isdigit() or len(length) > _LONGEST_LENGTH or int(length) > limit):
        raise too_large(limit)
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise DisconnectedError
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
        count(len(parts[-1]))
        size += len(parts[-1])
        if size > limit:
            raise too_large(limit)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def parse_json(body: bytes) -> Any:
    """The JSON value.

    Raises:
        ProblemError: 422; where it is no JSON, or JSON that two readers could read differently. 413; where it has more
            values than anything that is taken here.
    """
    # What begins a value, or stands between two: a few more where they stand in texts.
    if len(body) > MOST_VALUES and sum(map(body.count, (b",", b"[", b"{"))) > MOST_VALUES:
        raise ProblemError(Problem(413, f"the body has more than {MOST_VALUES} values"))
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
    if not _is_shallow(value):
        raise invalid(f"the body is nested deeper than {_DEEPEST} levels", "")
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


def _is_shallow(value: Any) -> bool:
    """Walk everything level by level: a recursion would be what it looks for."""
    level: list[Any] = [value]
    for _ in range(_DEEPEST):
        level = [inner for each in level for inner in _inside(each)]
        if not level:
            return True
    return False


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def storable(value: Any) -> bool:
    """Whether every text in a JSON value, keys too, is one that a database can keep: no NUL, no half surrogate."""
    if isinstance(value, str):
        return not _UNFIT.search(value)
    if isinstance(value, dict):
        return all(storable(key) and storable(inner) for key, inner in value.items())
    return all(map(storable, value)) if isinstance(value, list) else True


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


def _pairs(text: str) -> list[tuple[str, str]]:
    if "&" not in text and "%" not in text and "+" not in text:
        # One field with nothing to unquote: a token in a form, mostly.
        name, equals, value = text.partition("=")
        return [(name, value)] if name or equals else []
    return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)


def _fields(data: bytes, what: str) -> dict[str, str]:
    try:
        # ASCII by the standard; unquoting gives UTF-8.
        pairs = _pairs(data.decode("ascii"))
    except UnicodeDecodeError:
        raise invalid(f"{what} is not UTF-8") from None
    except ValueError:
        raise invalid(f"{what} has more than {_MOST_FIELDS} fields") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise invalid(f"{what} gives a field twice")
    if b"%00" in data and not storable(fields):
        raise invalid(f"{what} holds NUL")
    return fields
