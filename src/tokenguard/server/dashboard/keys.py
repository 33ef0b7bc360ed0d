"""The list of API keys: one's own, and for responders everybody's; found, sorted, paged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokenguard.model.token import TokenFilter, TokenSort, TokenStatus
from tokenguard.server.dashboard.pages import redirect
from tokenguard.server.dashboard.visit import Views
from tokenguard.store.texts import ELLIPSIS, TokenSieve

if TYPE_CHECKING:
    from starlette.responses import Response

    from tokenguard.model.token import TokenPage
    from tokenguard.server.dashboard.forms import Form
    from tokenguard.server.dashboard.visit import Visit

VIEWS = Views()

ROWS = 50
_LONGEST_TEXT = 200
_CHOSEN = ("status", "text", "everyone", "sort", "reverse")
"""What of the query stays when a page is turned."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column that can be sorted by: its title, and where its header leads."""

    title: str
    href: str
    direction: str
    """For `aria-sort`: `ascending`, `descending`, or "" where it is sorted by another."""


@dataclass(frozen=True, slots=True)
class Room:
    """How many keys of a family are live, of how many."""

    title: str
    active: int
    most: int | None


@VIEWS.show("/tokens")
def listed(visit: Visit) -> Response:
    """One page of keys."""
    which = _which(visit.query)
    page = visit.service.list_tokens(which)
    return visit.page(
        "tokens.html",
        tokens=page.tokens,
        which=which,
        rooms=rooms(visit, page),
        plan=visit.service.whoami().plan,
        columns={sort.value: _column(visit.query, which, sort, title) for sort, title in _COLUMNS},
        statuses=tuple(TokenStatus),
        following=page.next_cursor and "/tokens" + _query(visit.query, cursor=page.next_cursor),
        first="/tokens" + _query(visit.query, cursor=None) if which.cursor else "",
        pasted=visit.query.has("pasted"),
    )


@VIEWS.act("/tokens/filter")
def found(visit: Visit) -> Response:
    """On to the page of what is looked for. By POST, since people paste whole tokens, which no address may hold."""
    sieve = TokenSieve(visit.dashboard.admission.store.context.ruleset)
    text = visit.form.one("text")[:_LONGEST_TEXT]
    shown = sieve.kept(text, _LONGEST_TEXT)
    if sieve.holds_token(text) or ELLIPSIS in shown:
        # Its visible prefix finds it as well.
        return redirect("/tokens" + visit.form.query(text=shown.split(ELLIPSIS)[0].strip(), pasted="yes", csrf=None))
    return redirect("/tokens" + visit.form.query(text=text, csrf=None))


def rooms(visit: Visit, page: TokenPage) -> tuple[Room, ...]:
    """The families with a limit, or with live keys."""
    limits = page.limits
    return tuple(
        Room(family.title, limits[family.id].active, limits[family.id].max_active)
        for family in visit.service.families()
        if family.id in limits and (limits[family.id].active or limits[family.id].max_active is not None)
    )


def _which(query: Form) -> TokenFilter:
    """The filter of a query; what makes no sense does not narrow."""
    statuses, sorts = {each.value: each for each in TokenStatus}, {each.value: each for each in TokenSort}
    return TokenFilter(
        status=statuses.get(query.one("status")),
        text=query.one("text")[:_LONGEST_TEXT] or None,
        everyone=query.has("everyone"),
        sort=sorts.get(query.one("sort"), TokenSort.CREATED),
        reverse=query.has("reverse"),
        cursor=query.one("cursor") or None,
        limit=ROWS,
    )


_COLUMNS = (
    (TokenSort.NAME, "Name"),
    (TokenSort.CREATED, "Created"),
    (TokenSort.LAST_USED, "Last used"),
    (TokenSort.EXPIRES, "Expires"),
)


def _column(query: Form, which: TokenFilter, sort: TokenSort, title: str) -> Column:
    chosen = which.sort is sort
    ascending = (sort is TokenSort.CREATED) == which.reverse
    turned = "yes" if chosen and not which.reverse else None
    href = "/tokens" + _query(query, sort=sort.value, reverse=turned, cursor=None)
    return Column(title, href, ("ascending" if ascending else "descending") if chosen else "")


def _query(query: Form, **changes: str | None) -> str:
    left_out = {name: None for name in query.fields if name not in _CHOSEN}
    return query.query(**(left_out | changes))
