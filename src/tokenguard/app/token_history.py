"""What happened to a token, as evidence: the audit's events, and where it was seen in the open."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tokenguard.errors import RefusedError
from tokenguard.model.token import AuditEvent, AuditFilter, LeakRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tokenguard.model.service import TokenService


@dataclass(frozen=True, slots=True)
class History:
    """One token's past, the oldest first."""

    events: tuple[AuditEvent, ...]
    leaks: tuple[LeakRecord, ...]
    """Only for those who may see them (security.respond)."""


def history_of(service: TokenService, token_id: str) -> History:
    """All events of a token, and the leaks that they name.

    Raises:
        RefusedError: the caller may not read the audit.
    """
    events = tuple(_events(service, token_id))[::-1]
    return History(events, tuple(_leaks(service, events)))


def _events(service: TokenService, token_id: str) -> Iterator[AuditEvent]:
    which = AuditFilter(token=token_id)
    while True:
        page = service.audit(which)
        yield from page.events
        if page.next_cursor is None:
            return
        which = replace(which, cursor=page.next_cursor)


def _leaks(service: TokenService, events: Iterable[AuditEvent]) -> Iterator[LeakRecord]:
    named = dict.fromkeys(leak for event in events if isinstance(leak := event.detail.get("leak"), str))
    for leak_id in named:
        try:
            yield service.leak(leak_id)
        except RefusedError:
            return
