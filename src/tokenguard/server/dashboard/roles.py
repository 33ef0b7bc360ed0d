"""Roles, for admins: the permission table, and the form in which a role's column of it is changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokenguard.errors import RefusedError
from tokenguard.server.dashboard.pages import redirect
from tokenguard.server.dashboard.visit import Views
from tokenguard.server.problems import problem_of
from tokenguard.store.actor import Permission

if TYPE_CHECKING:
    from starlette.responses import Response

    from tokenguard.model.people import Role
    from tokenguard.server.dashboard.visit import Visit

VIEWS = Views()

_GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Developer", (Permission.MANAGE_TOKENS,)),
    ("Security", (Permission.RESPOND, Permission.REPORT_LEAKS, Permission.READ_AUDIT)),
    ("Administration", (Permission.MANAGE_USERS, Permission.MANAGE_ROLES)),
    ("Services", (Permission.INTROSPECT,)),
)
_REST = "Product"
"""The group of what a deployment declares."""
_SHOWN_AGAIN = ("VALIDATION", "CONFLICT", "INSUFFICIENT_SCOPE")
_CHANGED_MEANWHILE = "somebody changed this role meanwhile; look at it again"


@dataclass(frozen=True, slots=True)
class Group:
    """Rows of the permission table under one heading."""

    title: str
    permissions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Entered:
    """What stands in the form. `id`: empty for a new role; `before`: its permissions when the form was shown."""

    id: str = ""
    name: str = ""
    permissions: tuple[str, ...] = ()
    before: tuple[str, ...] = ()


@VIEWS.show("/roles")
def roles(visit: Visit) -> Response:
    """The permission table."""
    return visit.page("roles.html", roles=visit.service.roles(), groups=_groups(visit))


@VIEWS.show("/roles/new")
def new_role(visit: Visit) -> Response:
    """The form of a new role; nothing is ticked."""
    visit.signed_in.actor.require(Permission.MANAGE_ROLES)
    return _form(visit, Entered())


@VIEWS.act("/roles/new")
def create_role(visit: Visit) -> Response:
    """Add it."""
    entered = Entered("", visit.form.one("name"), visit.form.all("permission"))
    try:
        visit.service.create_role(name=entered.name, permissions=entered.permissions)
    except RefusedError as error:
        return _again(visit, entered, error)
    return redirect("/roles")


@VIEWS.show("/roles/{role}")
def role(visit: Visit) -> Response:
    """The form of a role that is there."""
    visit.signed_in.actor.require(Permission.MANAGE_ROLES)
    found = _found(visit)
    return _form(visit, Entered(found.id, found.name, found.permissions, found.permissions))


@VIEWS.act("/roles/{role}")
def change_role(visit: Visit) -> Response:
    """Change what is different; what is taken away counts at once."""
    before = _found(visit)
    form = visit.form
    after = Entered(before.id, form.one("name"), form.all("permission"), form.all("before"))
    if set(after.before) != set(before.permissions):
        return _again(visit, after, RefusedError("CONFLICT", _CHANGED_MEANWHILE))
    try:
        visit.service.change_role(
            before.id,
            name=after.name if after.name != before.name else None,
            permissions=after.permissions if set(after.permissions) != set(before.permissions) else None,
        )
    except RefusedError as error:
        return _again(visit, after, error)
    return redirect("/roles")


@VIEWS.act("/roles/{role}/delete")
def delete_role(visit: Visit) -> Response:
    """Delete it, if no user has it."""
    visit.service.delete_role(visit.part("role"))
    return redirect("/roles")


def _found(visit: Visit) -> Role:
    for each in visit.service.roles():
        if each.id == visit.part("role"):
            return each
    raise RefusedError("NOT_FOUND", "no such role")


def _groups(visit: Visit) -> tuple[Group, ...]:
    known = {permission for _, permissions in _GROUPS for permission in permissions}
    rest = tuple(each for each in visit.dashboard.admission.store.context.permissions if each not in known)
    return tuple(Group(title, tuple(map(str, permissions))) for title, permissions in (*_GROUPS, (_REST, rest)))


def _again(visit: Visit, entered: Entered, error: RefusedError) -> Response:
    if error.code not in _SHOWN_AGAIN:
        raise error
    problem = problem_of(error)
    return _form(visit, entered, problem.detail, problem.status)


def _form(visit: Visit, entered: Entered, fault: str = "", status: int = 200) -> Response:
    return visit.page("role.html", status, entered=entered, groups=_groups(visit), fault=fault)
