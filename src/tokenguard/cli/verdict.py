"""Whether a token lives, said and as an exit code."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tokenguard.cli.record import token_lines, when
from tokenguard.errors import RefusedError, UsageError
from tokenguard.model.token import TokenStatus
from tokenguard.model.wire import to_json

if TYPE_CHECKING:
    from tokenguard.app.token_reference import Reference
    from tokenguard.cli.service import Connection

ALIVE, NOT_ALIVE = 0, 1

_SHA256 = re.compile(r"[0-9a-f]{64}")


def verdict_of(store: Connection, token_sha256: str) -> int:
    """By a token's hash: as a service that checks tokens is answered (RFC 7662)."""
    if not _SHA256.fullmatch(token_sha256.lower()):
        raise UsageError("--hash takes 64 hex digits, the SHA-256 of the whole token")
    answer = store.service.introspect(token_sha256=token_sha256.lower())
    if store.as_json:
        store.screen.json(to_json(answer))
    elif not answer.active:
        store.screen.line("not active: revoked, expired, or never issued here")
    else:
        rows = [("status", "active"), ("id", answer.client_id), ("owner", answer.username)]
        store.screen.table([*rows, ("scopes", answer.scope or "none"), ("expires", _epoch(answer.exp))])
    return ALIVE if answer.active else NOT_ALIVE


def verdict_on(store: Connection, wanted: Reference) -> int:
    """On the token that is named; where several share the prefix: whether any of them lives."""
    from tokenguard.app.token_reference import find_tokens

    try:
        found = find_tokens(store.service, wanted)
    except RefusedError as error:
        if error.code != "NOT_FOUND":
            raise
        found = ()
    if store.as_json:
        store.screen.json({"tokens": to_json(found)})
    elif not found:
        store.screen.line(f"{wanted.text}: never issued here, or not for you to see")
    for record in () if store.as_json else found:
        store.screen.table(token_lines(record))
    return ALIVE if any(record.status is TokenStatus.ACTIVE for record in found) else NOT_ALIVE


def _epoch(seconds: int | None) -> str:
    from datetime import UTC, datetime

    return when(None if seconds is None else datetime.fromtimestamp(seconds, UTC), "never")
