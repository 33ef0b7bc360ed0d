"""Users, for admins: found page by page, added, given a plan and a role, and taken their access."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokenguard.errors import RefusedError
from tokenguard.server.dashboard.pages import redirect
from tokenguard.server.dashboard.search import searched
from tokenguard.server.dashboard.visit import Views
from tokenguard.server.problems import problem_of
from tokenguard.store.actor import Permission

if TYPE_CHECKING:
    from starlette.responses import Response

    from tokenguard.model.people import User
    from tokenguard.server.dashboard.visit import Visit

VIEWS = Views()

PAGE = 50
_SHOWN_AGAIN = ("VALIDATION", "CONFLICT", "INSUFFICIENT_SCOPE")
"""What is said beside the form instead of on a page of its own."""


@dataclass(frozen=True, slots=True)
class Entered:
    """What stands in the form. `id`: empty for somebody new."""

    id: str = ""
    email: str = ""
    name: str = ""
    plan: str = ""
    role: str = ""
    active: bool = True


@VIEWS.show("/users")
def users(visit: Visit) -> Response:
    """The list, by address."""
    text = visit.query.one("text")
    page = visit.overview.users_page(text=text, cursor=visit.query.one("cursor") or None, limit=PAGE)
    return visit.page("users.html", page=page, text=text, query=visit.query)


@VIEWS.act("/users/find")
def find(visit: Visit) -> Response:
    """On to the list of those who are looked for."""
    return searched(visit, "/users")


@VIEWS.show("/users/new")
def new_user(visit: Visit) -> Response:
    """The form for somebody new."""
    visit.signed_in.actor.require(Permission.MANAGE_USERS)
    return _form(visit, Entered())


@VIEWS.act("/users/new")
def create_user(visit: Visit) -> Response:
    """Add them."""
    form = visit.form
    entered = Entered("", form.one("email"), form.one("name"), form.one("plan"), form.one("role"))
    try:
        visit.service.create_user(email=entered.email, name=entered.name, role=entered.role, plan=entered.plan)
    except RefusedError as error:
        return _again(visit, entered, error)
    return redirect("/users")


@VIEWS.show("/users/{user}")
def user(visit: Visit) -> Response:
    """The form for somebody who is there."""
    return _form(visit, _as_entered(visit.overview.user(visit.part("user"))))


@VIEWS.act("/users/{user}")
def change_user(visit: Visit) -> Response:
    """Change what is different; it counts at once, for all their tokens."""
    before = visit.overview.user(visit.part("user"))
    form = visit.form
    after = Entered(
        before.id, before.email, form.one("name"), form.one("plan"), form.one("role"), active=form.has("active")
    )
    try:
        visit.service.change_user(
            before.id,
            name=_if_new(after.name, before.name),
            plan=_if_new(after.plan, before.plan),
            role=_if_new(after.role, before.role),
            active=after.active if after.active != before.active else None,
        )
    except RefusedError as error:
        return _again(visit, after, error)
    return redirect("/users")


def _if_new(after: str, before: str) -> str | None:
    return after if after != before else None


def _as_entered(found: User) -> Entered:
    return Entered(found.id, found.email, found.name, found.plan, found.role, found.active)


def _again(visit: Visit, entered: Entered, error: RefusedError) -> Response:
    if error.code not in _SHOWN_AGAIN:
        raise error
    problem = problem_of(error)
    return _form(visit, entered, problem.detail, error.pointers, problem.status)


def _form(
    visit: Visit, entered: Entered, fault: str = "", pointers: tuple[str, ...] = (), status: int = 200
) -> Response:
    roles = visit.service.roles()
    plans = visit.dashboard.admission.store.context.policies.plans
    return visit.page(
        "user.html",
        status,
        entered=entered,
        roles=roles,
        plans=plans,
        fault=fault,
        wrong={pointer.strip("/").partition("/")[0] for pointer in pointers},
    )
