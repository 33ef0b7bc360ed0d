"""One key: its facts, where it leaked, and what was done with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokenguard.errors import RefusedError
from tokenguard.model.audit import AuditFilter, AuditPage
from tokenguard.server.dashboard.visit import Views

if TYPE_CHECKING:
    from starlette.responses import Response

    from tokenguard.server.dashboard.visit import Visit

VIEWS = Views()

_EVENTS = 50
_LEAKS = 20
_DONE = {
    "revoked": "Revoked. Nobody can use this key any more.",
    "already_revoked": "It was revoked before; nothing changed.",
}


@VIEWS.show("/tokens/{token_id}")
def key_page(visit: Visit) -> Response:
    """The page."""
    service, token_id = visit.service, visit.part("token_id")
    record = service.token(token_id)
    trail = _trail(visit, token_id)
    return visit.page(
        "token.html",
        record=record,
        mine=record.owner.id == visit.signed_in.actor.user_id,
        leaks=service.leaks(token=token_id, limit=_LEAKS).leaks,
        trail=trail,
        done=_DONE.get(visit.query.one("done"), ""),
        older=trail and trail.next_cursor and f"/tokens/{record.id}?cursor={trail.next_cursor}#trail",
    )


def _trail(visit: Visit, token_id: str) -> AuditPage | None:
    """Its events; None: whoever looks at another's key may not read them."""
    try:
        which = AuditFilter(token=token_id, cursor=visit.query.one("cursor") or None, limit=_EVENTS)
        return visit.service.audit(which)
    except RefusedError as error:
        if error.code != "INSUFFICIENT_SCOPE":
            raise
        return None
