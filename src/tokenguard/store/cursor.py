"""Where the next page begins: opaque text for whoever pages, the last row's key for the query.

A page begins after a row, not after a number of rows: what is added meanwhile shifts nothing.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode

from tokenguard.errors import RefusedError

MAX_LIMIT = 1000
_MAX_LENGTH = 200
_MAX_NUMBER = 1 << 63


def cursor_after(number: int, row_id: str = "") -> str:
    """The cursor of the page after the row with that key."""
    return urlsafe_b64encode(json.dumps([number, row_id]).encode()).decode().rstrip("=")


def read_cursor(cursor: str) -> tuple[int, str]:
    """The key of the row before the page.

    Raises:
        RefusedError: VALIDATION, it is none of ours.
    """
    try:
        number, row_id = json.loads(urlsafe_b64decode(cursor[:_MAX_LENGTH].encode("ascii") + b"=="))
    except (ValueError, TypeError, RecursionError):
        number, row_id = None, None
    if type(number) is not int or not 0 <= number < _MAX_NUMBER or not _is_key(row_id):
        raise RefusedError("VALIDATION", "not a cursor of this store", pointers=("/cursor",))
    return number, row_id


def _is_key(row_id: object) -> bool:
    """Whether a database takes it: no NUL, no half of a character. An id has nothing of the kind."""
    return isinstance(row_id, str) and row_id.isprintable()


def check_limit(limit: int) -> int:
    """`limit` rows a page.

    Raises:
        RefusedError: VALIDATION, out of bounds.
    """
    if not 1 <= limit <= MAX_LIMIT:
        raise RefusedError("VALIDATION", f"a page has 1 to {MAX_LIMIT} entries", pointers=("/limit",))
    return limit
