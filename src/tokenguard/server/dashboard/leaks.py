"""Leaks for responders: the list, one or many tokens revoked at a click, a leak's own page, its evidence to keep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.responses import Response

from tokenguard.errors import RefusedError
from tokenguard.model.audit import AuditFilter
from tokenguard.model.leak import LeakRecord
from tokenguard.model.revocation import Target, TargetResult
from tokenguard.server.dashboard import evidence
from tokenguard.server.dashboard.headers import secured
from tokenguard.server.dashboard.pages import redirect
from tokenguard.server.dashboard.visit import Views
from tokenguard.server.problems import invalid
from tokenguard.store.actor import Permission
from tokenguard.store.cases import named

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokenguard.server.dashboard.visit import Visit
    from tokenguard.store.cases import LeakCase

VIEWS = Views()

PAGE = 30
"""Rows: with so many places, more would weigh too much."""
_MOST_TICKED = 200
_STATES = ("open", "resolved")
_REASON = "leaked"
_EVENTS = 100


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one leak that was ticked. `result`: None: it has no token of this store for certain."""

    leak: LeakRecord
    result: TargetResult | None


@VIEWS.show("/leaks")
def leaks(visit: Visit) -> Response:
    """The list, open ones first."""
    state = visit.query.one("state")
    page = visit.service.leaks(
        state=state if state in _STATES else None, cursor=visit.query.one("cursor") or None, limit=PAGE
    )
    people = visit.overview.people(named(page.leaks))
    return visit.page("leaks.html", page=page, people=people, state=state, query=visit.query)


@VIEWS.act("/leaks")
def revoke_ticked(visit: Visit) -> Response:
    """Revoke the tokens of the leaks that are ticked, or of the one whose button was pressed."""
    one = visit.form.one("one")
    chosen = tuple(dict.fromkeys((one,) if one else visit.form.all("leak")))
    if not chosen:
        raise invalid("no leak is ticked; nothing was done")
    if len(chosen) > _MOST_TICKED:
        raise invalid(f"more than {_MOST_TICKED} leaks are ticked; nothing was done")
    found = [visit.service.leak(leak_id) for leak_id in chosen]
    done = _revoked(visit, found)
    resolution = visit.form.one("resolution")
    if resolution and not one:
        for each in done:
            if each.result is not None and each.result.outcome.dead:
                visit.service.resolve_leak(each.leak.id, resolution)
    return visit.page("leaks_revoked.html", done=done, resolution="" if one else resolution)


@VIEWS.show("/leaks/{leak}")
def leak(visit: Visit) -> Response:
    """One leak with all that is known of it."""
    return _leak_page(visit, "")


@VIEWS.act("/leaks/{leak}/revoke")
def revoke(visit: Visit) -> Response:
    """Revoke its token, or the one candidate whose button was pressed."""
    found = visit.service.leak(visit.part("leak"))
    token = visit.form.one("token")
    known = (*found.candidates, found.token) if found.token is not None else found.candidates
    if token not in {each.id for each in known}:
        raise RefusedError("NOT_FOUND", "this leak has no such token")
    visit.service.revoke([Target(id=token)], reason=visit.form.one("reason") or _REASON)
    return redirect(f"/leaks/{found.id}")


@VIEWS.act("/leaks/{leak}/resolve")
def resolve(visit: Visit) -> Response:
    """Close it, with a word on how it was resolved."""
    try:
        found = visit.service.resolve_leak(visit.part("leak"), visit.form.one("resolution"))
    except RefusedError as error:
        if error.code != "VALIDATION":
            raise
        return _leak_page(visit, "Say how it was resolved.", 422)
    return redirect(f"/leaks/{found.id}")


@VIEWS.show("/leaks/{leak}/evidence.md")
def evidence_markdown(visit: Visit) -> Response:
    """The evidence, for people."""
    return _file(visit, evidence.markdown, "md", "text/markdown; charset=utf-8")


@VIEWS.show("/leaks/{leak}/evidence.json")
def evidence_json(visit: Visit) -> Response:
    """The evidence, for programs."""
    return _file(visit, evidence.json_text, "json", "application/json")


def _file(visit: Visit, write: evidence.Writer, ending: str, media_type: str) -> Response:
    text = write(_evidence(visit))
    response = secured(Response(text.encode(), media_type=media_type))
    # The id has been found, and so is one of ours: letters and digits.
    response.headers["Content-Disposition"] = f'attachment; filename="{visit.part("leak")}.{ending}"'
    return response


def _evidence(visit: Visit) -> evidence.Evidence:
    case = visit.overview.leak_case(visit.part("leak"))
    events = _events(visit, case)
    ids = named([case.leak], case.resolved_by, *(each.actor for each in events))
    by = f"{visit.signed_in.name} ({visit.signed_in.email})"
    return evidence.Evidence(case, events, visit.overview.people(ids), visit.dashboard.pages.now(), by)


def _leak_page(visit: Visit, fault: str, status: int = 200) -> Response:
    found = _evidence(visit)
    return visit.page("leak.html", status, found=found, case=found.case, leak=found.case.leak, fault=fault)


def _events(visit: Visit, case: LeakCase) -> evidence.Events:
    """What was done with its token, for whoever may read the audit."""
    token = case.leak.token
    if token is None or not visit.may(Permission.READ_AUDIT):
        return ()
    return visit.service.audit(AuditFilter(token=token.id, limit=_EVENTS)).events


def _revoked(visit: Visit, found: Sequence[LeakRecord]) -> tuple[Done, ...]:
    """All in one call: as fast for a page of them as for one."""
    tokens = list(dict.fromkeys(each.token.id for each in found if each.token is not None))
    reason = visit.form.one("reason") or _REASON
    results = visit.service.revoke([Target(id=token) for token in tokens], reason=reason) if tokens else ()
    by_token = dict(zip(tokens, results, strict=True))
    return tuple(Done(each, by_token[each.token.id] if each.token is not None else None) for each in found)
