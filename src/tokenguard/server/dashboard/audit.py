"""The audit, for whoever may read it: what was done, by whom, with which token, from where; newest first."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tokenguard.model.audit import AuditFilter
from tokenguard.server.dashboard.search import searched
from tokenguard.server.dashboard.visit import Views
from tokenguard.store.actor import Permission

if TYPE_CHECKING:
    from starlette.responses import Response

    from tokenguard.server.dashboard.visit import Visit

VIEWS = Views()

PAGE = 50
_LONGEST = 400
"""Characters of a filter: ids and addresses are shorter."""


@VIEWS.show("/audit")
def audit(visit: Visit) -> Response:
    """The list, narrowed by token, actor and day."""
    visit.signed_in.actor.require(Permission.READ_AUDIT)
    asked = visit.query
    token, actor, since = asked.one("token")[:_LONGEST], asked.one("actor")[:_LONGEST], _day(asked.one("since"))
    which = AuditFilter(
        token=token or None, actor=actor or None, since=since, cursor=asked.one("cursor") or None, limit=PAGE
    )
    page = visit.service.audit(which)
    people = visit.overview.people({each.actor for each in page.events})
    fault = "This is no day; all days are shown." if asked.one("since") and since is None else ""
    return visit.page(
        "audit.html", page=page, people=people, token=token, actor=actor, since=since, fault=fault, query=asked
    )


@VIEWS.act("/audit/find")
def find(visit: Visit) -> Response:
    """On to the list of what is looked for."""
    return searched(visit, "/audit")


def _day(text: str) -> datetime | None:
    """The beginning of a day in UTC, as browsers write one."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return None
