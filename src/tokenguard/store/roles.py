"""Roles: named sets of permissions. Nobody grants one of the store's own permissions without having it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, delete, func, insert, select, text, update

from tokenguard.errors import RefusedError
from tokenguard.model.people import Role
from tokenguard.store import audit
from tokenguard.store.actor import Actor, Permission
from tokenguard.store.audit import Action
from tokenguard.store.context import Context
from tokenguard.store.tables import roles, users
from tokenguard.store.words import checked_name, known_scopes

LOCAL_EMAIL = "local@localhost"
"""Whoever can read the embedded store's file. Not counted among the admins who must remain: it cannot sign in."""

_ADMIN = frozenset({Permission.MANAGE_USERS, Permission.MANAGE_ROLES})
_PEOPLE_LOCK = 0x746F6B70706C
"""Of PostgreSQL's advisory locks: who changes users and roles does so one after the other."""


def all_roles(connection: Connection, context: Context, actor: Actor) -> tuple[Role, ...]:
    """All roles, by name.

    Raises:
        RefusedError: the actor manages neither roles nor users.
    """
    del context
    if not actor.may(Permission.MANAGE_USERS):
        actor.require(Permission.MANAGE_ROLES)
    rows = connection.execute(select(roles).order_by(roles.c.name)).all()
    return tuple(Role(row.id, row.name, granted(row.permissions)) for row in rows)


def create_role(
    connection: Connection, context: Context, actor: Actor, *, name: str, permissions: Sequence[str]
) -> Role:
    """Add a role.

    Raises:
        RefusedError: not permitted, a permission that does not exist or that the actor lacks, CONFLICT: name taken.
    """
    actor.require(Permission.MANAGE_ROLES)
    role = Role(
        context.new_id("rol"),
        checked_name(context, name, "/name"),
        known_scopes(context, permissions, "/permissions", context.permissions),
    )
    check_grant(actor, role.permissions)
    lock_people(connection)
    _check_free(connection, role.name)
    add(connection, context, role)
    audit.note(connection, context, actor, Action.ROLE_CREATED, detail=_said(role))
    return role


def change_role(  # noqa: PLR0913 - what can be changed
    connection: Connection,
    context: Context,
    actor: Actor,
    role_id: str,
    *,
    name: str | None = None,
    permissions: Sequence[str] | None = None,
) -> Role:
    """Change what is given, of the role of that id or name. It counts at once, for every token.

    Raises:
        RefusedError: as `create_role`; NOT_FOUND; CONFLICT: no admin would remain.
    """
    actor.require(Permission.MANAGE_ROLES)
    lock_people(connection)
    before = find(connection, role_id)
    after = Role(
        before.id,
        before.name if name is None else checked_name(context, name, "/name"),
        before.permissions
        if permissions is None
        else known_scopes(context, permissions, "/permissions", context.permissions),
    )
    check_grant(actor, set(after.permissions) - set(before.permissions))
    if after.name != before.name:
        _check_free(connection, after.name)
    had_admins = admins(connection)
    values = {"name": after.name, "permissions": json.dumps(after.permissions)}
    connection.execute(update(roles).where(roles.c.id == after.id).values(values))
    check_admins_remain(connection, had_admins)
    audit.note(connection, context, actor, Action.ROLE_CHANGED, detail=_said(after))
    return after


def delete_role(connection: Connection, context: Context, actor: Actor, role_id: str) -> None:
    """Delete the role of that id or name.

    Raises:
        RefusedError: not permitted, NOT_FOUND, CONFLICT: users have it.
    """
    actor.require(Permission.MANAGE_ROLES)
    lock_people(connection)
    role = find(connection, role_id)
    if connection.execute(select(func.count()).where(users.c.role_id == role.id)).scalar_one():
        raise RefusedError("CONFLICT", "users have this role", remedy="give them another one first")
    connection.execute(delete(roles).where(roles.c.id == role.id))
    audit.note(connection, context, actor, Action.ROLE_DELETED, detail=_said(role))


def add(connection: Connection, context: Context, role: Role) -> None:
    """Write a role's row."""
    values = {"id": role.id, "name": role.name, "permissions": json.dumps(role.permissions)}
    connection.execute(insert(roles).values(values | {"created_at": context.now()}))


def find(connection: Connection, role_id: str) -> Role:
    """The role of that id or name.

    Raises:
        RefusedError: NOT_FOUND.
    """
    row = connection.execute(select(roles).where((roles.c.id == role_id) | (roles.c.name == role_id))).first()
    if row is None:
        raise RefusedError("NOT_FOUND", "no such role")
    return Role(row.id, row.name, granted(row.permissions))


def granted(permissions: str) -> tuple[str, ...]:
    """Scopes or permissions as their column keeps them."""
    return tuple(json.loads(permissions))


def check_grant(actor: Actor, permissions: Iterable[str]) -> None:
    """Refuse to let an actor grant one of the store's own permissions without having it.

    Raises:
        RefusedError: INSUFFICIENT_SCOPE.
    """
    actor.require(*sorted(frozenset(permissions) & frozenset(map(str, Permission))))


def lock_people(connection: Connection) -> None:
    """One change of users and roles at a time, so that two admins cannot remove each other. SQLite has one writer."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _PEOPLE_LOCK})


def admins(connection: Connection) -> int:
    """How many active users manage users and roles; the local one does not count."""
    asked = select(roles.c.permissions, func.count().label("number")).join(users, users.c.role_id == roles.c.id)
    rows = connection.execute(asked.where(users.c.active, users.c.email != LOCAL_EMAIL).group_by(roles.c.id)).all()
    return sum(row.number for row in rows if _ADMIN.issubset(granted(row.permissions)))


def check_admins_remain(connection: Connection, before: int) -> None:
    """Refuse a change after which there would be no admin any more.

    Raises:
        RefusedError: CONFLICT.
    """
    if before and not admins(connection):
        raise RefusedError("CONFLICT", "the last admin stays", remedy="make somebody else an admin first")


def _check_free(connection: Connection, name: str) -> None:
    if connection.execute(select(roles.c.id).where((roles.c.name == name) | (roles.c.id == name))).first():
        raise RefusedError("CONFLICT", "there is a role of this name", pointers=("/name",))


def _said(role: Role) -> dict[str, object]:
    return {"id": role.id, "name": role.name, "permissions": list(role.permissions)}
