"""What a forge's message lists, read: untrusted JSON into tokens and where they were seen.

The message is authentic by then, but what it tells of was written by strangers. An entry that is none does not spoil
the others: their tokens are in public.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from tokenguard.model.leak import LeakPlace
from tokenguard.model.secret import Secret
from tokenguard.server.body import parse_json
from tokenguard.server.logs import LOGGER
from tokenguard.server.problems import Problem, ProblemError, invalid
from tokenguard.store.alerts import Entry

MOST_ENTRIES = 50_000
_LONGEST_TYPE = 200
_LONGEST_TOKEN = 1 << 16
_LONGEST_URL = 10_000
_FILE = re.compile(r"/blob/([0-9a-f]{40})/([^?#]+)")
_COMMIT = re.compile(r"/commit/([0-9a-f]{40})(?![0-9a-f])")

_log = logging.getLogger(LOGGER)


@dataclass(frozen=True, slots=True)
class Listed:
    """The entries that can be read, and what the forge calls the type of each."""

    entries: tuple[Entry, ...]
    types: tuple[str, ...]


def read_entries(body: bytes, place_of: Callable[[Mapping[str, Any]], LeakPlace]) -> Listed:
    """The entries of a message.

    Raises:
        ProblemError: 422, no list of entries, or none of them is one; 413, too many of them.
    """
    listed = parse_json(body)
    if not isinstance(listed, list):
        raise invalid("a list of tokens is expected", "")
    if len(listed) > MOST_ENTRIES:
        raise ProblemError(Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"more than {MOST_ENTRIES} tokens"))
    good = [each for each in listed if _is_entry(each)]
    if listed and not good:
        raise invalid("none of the entries is an object with a token", *(f"/{at}" for at in range(min(len(listed), 5))))
    if others := len(listed) - len(good):
        # Whoever reads the answer is the forge: that its entries do not look as they did has to be seen here.
        _log.warning("%d of %d entries of a forge's message hold no token and are passed over", others, len(listed))
    entries = tuple([Entry(Secret(each["token"].encode("utf-8", "replace")), place_of(each)) for each in good])
    return Listed(entries, tuple([text(each, "type")[:_LONGEST_TYPE] for each in good]))


def _is_entry(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    token = value.get("token")
    return isinstance(token, str) and 0 < len(token) <= _LONGEST_TOKEN


def place(source: str, url: str) -> LeakPlace:
    """Where a token was seen. A forge's URL of a file or a commit says which one it is."""
    url = url[:_LONGEST_URL]
    if found := _FILE.search(url):
        return LeakPlace(source, url, unquote(found[2], errors="replace"), found[1])
    commit = _COMMIT.search(url)
    return LeakPlace(source, url, "", commit[1] if commit else "")


def text(entry: Mapping[str, Any], name: str) -> str:
    """A text of an entry; empty where it is missing or something else."""
    value = entry.get(name)
    return value if isinstance(value, str) else ""
