"""What happened to a token, as evidence: the audit's events, and where it was seen in the open."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tokenguard.errors import RefusedError
from tokenguard.model.audit import AuditEvent, AuditFilter
from tokenguard.model.leak import LeakRecord

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokenguard.model.service import TokenService


@dataclass(frozen=True, slots=True)
class History:
    """One token's past, the oldest first."""

    events: tuple[AuditEvent, ...]
    leaks: tuple[LeakRecord, ...]
    """Only for those who may see them: the token's owner, and security.respond."""


def history_of(service: TokenService, token_id: str) -> History:
    """All events of a token, and where it was seen, also after its end.

    Raises:
        RefusedError: the caller may not read the audit.
    """
    events = tuple(_events(service, token_id))[::-1]
    return History(events, tuple(_leaks(service, token_id)))


def _events(service: TokenService, token_id: str) -> Iterator[AuditEvent]:
    which = AuditFilter(token=token_id)
    while True:
        page = service.audit(which)
        yield from page.events
        if page.next_cursor is None:
            return
        which = replace(which, cursor=page.next_cursor)


def _leaks(service: TokenService, token_id: str) -> Iterator[LeakRecord]:
    cursor = None
    while True:
        try:
            page = service.leaks(token=token_id, cursor=cursor)
        except RefusedError:
            return
        yield from page.leaks
        cursor = page.next_cursor
        if cursor is None:
            return
