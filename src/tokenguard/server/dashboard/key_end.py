"""Revoke and rotate a key. Both ask first; with a script the question is a dialog in the list."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from tokenguard.errors import RefusedError
from tokenguard.model.leak import LeakPlace
from tokenguard.model.revocation import Outcome, Target
from tokenguard.model.token import TokenStatus
from tokenguard.server.dashboard.key_create import shown_once
from tokenguard.server.dashboard.pages import redirect
from tokenguard.server.dashboard.visit import Views

if TYPE_CHECKING:
    from starlette.responses import Response

    from tokenguard.server.dashboard.visit import Visit

VIEWS = Views()

_SOURCE = "dashboard"
_GRACES = (
    (0, "None: it ends at once"),
    (3600, "1 hour"),
    (24 * 3600, "1 day"),
    (7 * 24 * 3600, "7 days"),
    (30 * 24 * 3600, "30 days"),
)


@VIEWS.show("/tokens/{token_id}/revoke")
def ask_revoke(visit: Visit) -> Response:
    """The question."""
    return visit.page("token_revoke.html", record=visit.service.token(visit.part("token_id")))


@VIEWS.act("/tokens/{token_id}/revoke")
def revoke(visit: Visit) -> Response:
    """Revoke it; that it leaked is written down in the same moment."""
    token_id, form = visit.part("token_id"), visit.form
    leak = LeakPlace(_SOURCE, url=form.one("where")) if form.one("leaked") == "yes" else None
    (result,) = visit.service.revoke([Target(id=token_id)], reason=form.one("reason"), leak=leak)
    if not result.outcome.dead:
        raise RefusedError("NOT_FOUND", result.detail or "no such token")
    if result.outcome is Outcome.REVOKED:
        visit.dashboard.admission.metrics.revoked("revoked")
    return redirect(f"/tokens/{token_id}?done={result.outcome.value}")


@VIEWS.show("/tokens/{token_id}/rotate")
def ask_rotate(visit: Visit) -> Response:
    """The question."""
    return _rotation(visit)


@VIEWS.act("/tokens/{token_id}/rotate")
def rotate(visit: Visit) -> Response:
    """Make the successor, and show it. Sent again, the form shows the successor without its token."""
    token_id, form = visit.part("token_id"), visit.form
    record = visit.service.token(token_id)
    if record.rotated_to is not None:
        # The store would take a second rotation for theft and revoke both; here it is a page that was left open.
        return _rotation(visit)
    grace = {str(seconds): seconds for seconds, _ in _GRACES}.get(form.one("grace"), 0)
    key = f"form {form.one('once')}"[:100]
    return shown_once(
        visit, visit.service.rotate_token(token_id, grace_seconds=grace, idempotency_key=key), made="rotated"
    )


def _rotation(visit: Visit) -> Response:
    record = visit.service.token(visit.part("token_id"))
    mine = record.owner.id == visit.signed_in.actor.user_id
    return visit.page(
        "token_rotate.html",
        record=record,
        possible=mine and record.status is TokenStatus.ACTIVE and record.rotated_to is None,
        mine=mine,
        graces=_GRACES,
        once=secrets.token_urlsafe(16),
    )
