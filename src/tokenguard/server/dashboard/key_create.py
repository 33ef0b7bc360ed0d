"""Create a key: the form, and the one page that shows the token."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from tokenguard.errors import RefusedError
from tokenguard.model.token import NewToken, TokenFilter, TokenSort, TokenStatus
from tokenguard.server.dashboard.visit import Views

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.responses import Response

    from tokenguard.model.token import Created, FamilyInfo, TokenRecord
    from tokenguard.server.dashboard.visit import Visit

VIEWS = Views()

_DAYS = (7, 30, 60, 90)
_STALEST = 10
"""Keys to revoke that are offered where there is no room."""


@dataclass(frozen=True, slots=True)
class Entered:
    """What stands in the form, so that nobody types it twice."""

    name: str = ""
    scopes: tuple[str, ...] = ()
    expiry: str = ""
    on: str = ""
    hours: str = ""
    once: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    """One form makes one key, however often it is sent."""


@VIEWS.show("/tokens/new")
def form(visit: Visit) -> Response:
    """The form for a key of the family that the query names."""
    family = _family(visit, visit.query.one("family"))
    return _form(visit, family, Entered(expiry=_usual(family)))


@VIEWS.act("/tokens/new")
def create(visit: Visit) -> Response:
    """Make it, and show it. Sent again, the form shows the key without its token."""
    sent = visit.form
    family = _family(visit, sent.one("family"))
    entered = Entered(
        sent.one("name"), sent.all("scopes"), sent.one("expiry"), sent.one("on"), sent.one("hours"), sent.one("once")
    )
    try:
        new = _new(family, entered)
        created = visit.service.create_token(new, idempotency_key=f"form {entered.once}"[:100])
    except RefusedError as error:
        if error.code == "INSUFFICIENT_SCOPE":
            raise
        return _form(visit, family, entered, error)
    return shown_once(visit, created, made="created")


def shown_once(visit: Visit, created: Created, *, made: str) -> Response:
    """The page with the token, or, where it was shown before, the page that says so."""
    token = None if created.token is None else created.token.reveal().decode("ascii")
    if token is not None:
        visit.dashboard.admission.metrics.created(created.record.family)
    return visit.page(
        "token_created.html", 200 if token is None else 201, token=token, record=created.record, made=made
    )


def _family(visit: Visit, named: str) -> FamilyInfo:
    """The family of that id, else the usual one."""
    families = {family.id: family for family in visit.service.families()}
    usual = visit.dashboard.admission.store.context.policies.default_family
    return families.get(named) or families.get(usual) or next(iter(families.values()))


def _new(family: FamilyInfo, entered: Entered) -> NewToken:
    days, on, never = None, None, False
    if entered.expiry == "date":
        on = _end_of(entered.on)
    elif entered.expiry == "never":
        never = True
    elif entered.expiry.isdecimal() and len(entered.expiry) < 6:
        days = int(entered.expiry)
    else:
        raise RefusedError("VALIDATION", "say when it is to expire", pointers=("/expires_at",))
    return NewToken(
        entered.name, family.id, entered.scopes, on, days, never, expected_hours=entered.hours.strip() or None
    )


def _end_of(day: str) -> datetime:
    try:
        # The whole day counts, as people read "until".
        return datetime.combine(date.fromisoformat(day), time.max, UTC).replace(microsecond=0)
    except ValueError:
        raise RefusedError("VALIDATION", "give the day, as in 2030-12-31", pointers=("/expires_at",)) from None


def _form(visit: Visit, family: FamilyInfo, entered: Entered, error: RefusedError | None = None) -> Response:
    limit = visit.service.list_tokens(TokenFilter(limit=1)).limits.get(family.id)
    full = limit is not None and limit.max_active is not None and limit.active >= limit.max_active
    faults = {} if error is None else _faults(error)
    today = visit.dashboard.pages.now()
    return visit.page(
        "token_new.html",
        _status(error),
        family=family,
        families=visit.service.families(),
        entered=entered,
        faults=faults,
        days=tuple(each for each in _DAYS if family.max_lifetime_days is None or each <= family.max_lifetime_days),
        earliest=today,
        latest=None if family.max_lifetime_days is None else today + timedelta(days=family.max_lifetime_days - 1),
        full=full,
        limit=limit,
        stalest=_stalest(visit, family) if full else (),
        contact=visit.dashboard.admission.store.context.policies.contact,
        plan=visit.service.whoami().plan,
    )


def _stalest(visit: Visit, family: FamilyInfo) -> tuple[TokenRecord, ...]:
    """Live keys of the family, the longest unused first."""
    which = TokenFilter(status=TokenStatus.ACTIVE, family=family.id, sort=TokenSort.LAST_USED, limit=_STALEST)
    return visit.service.list_tokens(which).tokens


def _usual(family: FamilyInfo) -> str:
    most = family.max_lifetime_days
    return str(max((each for each in _DAYS if most is None or each <= most), default="date"))


def _status(error: RefusedError | None) -> int:
    if error is None:
        return 200
    return 403 if error.code == "TOKEN_LIMIT_REACHED" else 422


def _faults(error: RefusedError) -> Mapping[str, str]:
    """What is wrong, by the field that it is said at; "" above all of them."""
    if error.code == "TOKEN_LIMIT_REACHED":
        return {}
    where = {pointer.split("/")[1] for pointer in error.pointers if "/" in pointer}
    fields = {"name": "name", "scopes": "scopes", "family": "", "expected_hours": "hours"}
    names = {"expires_at": "expiry", "expires_in_days": "expiry", "never_expires": "expiry"}
    said = error.message[:1].upper() + error.message[1:]
    return {(fields | names).get(each, ""): said for each in where} or {"": said}
