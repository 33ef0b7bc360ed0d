"""Users: whoever owns tokens. They are deactivated, never deleted: their tokens' history names them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, Select, insert, select, update

from tokenguard.errors import RefusedError
from tokenguard.model.people import Identity, Role, User
from tokenguard.store import audit, roles
from tokenguard.store.actor import Actor, Permission
from tokenguard.store.audit import Action
from tokenguard.store.context import Context
from tokenguard.store.tables import roles as role_table
from tokenguard.store.tables import users
from tokenguard.store.words import checked_name, invalid

_ADDRESS = re.compile(r"[^\s@<>\"]{1,64}@[^\s@<>\"]{1,255}")
"""Enough to tell an address from a name; whether mail arrives is found out by sending it."""

UserRow = Row[Any]


def all_users(connection: Connection, context: Context, actor: Actor) -> tuple[User, ...]:
    """All users, by address.

    Raises:
        RefusedError: the actor does not manage users.
    """
    del context
    actor.require(Permission.MANAGE_USERS)
    return tuple(map(_user, connection.execute(with_role().order_by(users.c.email))))


def create_user(  # noqa: PLR0913 - what a user consists of
    connection: Connection, context: Context, actor: Actor, *, email: str, name: str, role: str, plan: str
) -> User:
    """Add a user. `role`: its name or id.

    Raises:
        RefusedError: not permitted, VALIDATION, CONFLICT: the address is taken.
    """
    actor.require(Permission.MANAGE_USERS)
    roles.lock_people(connection)
    granted = _role_of(connection, role)
    roles.check_grant(actor, granted.permissions)
    user = User(
        context.new_id("usr"),
        _address(context, email),
        checked_name(context, name, "/name"),
        _plan(context, plan),
        granted.name,
        active=True,
    )
    if connection.execute(select(users.c.id).where(users.c.email == user.email)).first():
        raise RefusedError("CONFLICT", "there is a user of this address", pointers=("/email",))
    add(connection, context, user, granted.id)
    audit.note(connection, context, actor, Action.USER_CREATED, detail=_said(user))
    return user


def change_user(  # noqa: PLR0913 - what can be changed
    connection: Connection,
    context: Context,
    actor: Actor,
    user_id: str,
    *,
    name: str | None = None,
    plan: str | None = None,
    role: str | None = None,
    active: bool | None = None,
) -> User:
    """Change what is given, of the user of that id or address. It counts at once, for all their tokens.

    Raises:
        RefusedError: not permitted, VALIDATION, NOT_FOUND, CONFLICT: no admin would remain.
    """
    actor.require(Permission.MANAGE_USERS)
    roles.lock_people(connection)
    row = find(connection, user_id)
    values: dict[str, object] = {}
    if name is not None:
        values["name"] = checked_name(context, name, "/name")
    if plan is not None:
        values["plan"] = _plan(context, plan)
    if role is not None:
        values["role_id"] = _new_role(connection, actor, row, role)
    if active is not None:
        values["active"] = active
    return _changed(connection, context, actor, row, values)


def _changed(
    connection: Connection, context: Context, actor: Actor, row: UserRow, values: Mapping[str, object]
) -> User:
    if not values:
        return _user(row)
    had_admins = roles.admins(connection)
    connection.execute(update(users).where(users.c.id == row.id).values(values))
    roles.check_admins_remain(connection, had_admins)
    user = _user(find(connection, row.id))
    audit.note(connection, context, actor, Action.USER_CHANGED, detail=_said(user))
    return user


def _new_role(connection: Connection, actor: Actor, row: UserRow, role: str) -> str:
    granted = _role_of(connection, role)
    roles.check_grant(actor, set(granted.permissions) - set(roles.granted(row.permissions)))
    return granted.id


def add(connection: Connection, context: Context, user: User, role_id: str) -> None:
    """Write a user's row."""
    values = {"id": user.id, "email": user.email, "name": user.name, "plan": user.plan, "role_id": role_id}
    connection.execute(insert(users).values(values | {"active": user.active, "created_at": context.now()}))


def find(connection: Connection, user_id: str) -> UserRow:
    """The row of the user of that id or address, with their role's `role` (name) and `permissions`.

    Raises:
        RefusedError: NOT_FOUND.
    """
    row = connection.execute(with_role().where((users.c.id == user_id) | (users.c.email == user_id.lower()))).first()
    if row is None:
        raise RefusedError("NOT_FOUND", "no such user")
    return row


def lock(connection: Connection, user_id: str) -> UserRow:
    """The same for an id, its row held until the transaction ends: their tokens are made one after the other.

    Raises:
        RefusedError: NOT_FOUND.
    """
    row = connection.execute(with_role().where(users.c.id == user_id).with_for_update(of=users)).first()
    if row is None:
        raise RefusedError("NOT_FOUND", "no such user")
    return row


def with_role() -> Select[Any]:
    """The query for users and what their role grants."""
    return select(users, role_table.c.name.label("role"), role_table.c.permissions).join(
        role_table, role_table.c.id == users.c.role_id
    )


def whoami(connection: Connection, context: Context, actor: Actor) -> Identity:
    """Who the actor is.

    Raises:
        RefusedError: NOT_FOUND, the actor is nobody in particular.
    """
    del context
    row = find(connection, actor.user_id or "")
    return Identity(
        id=row.id,
        email=row.email,
        name=row.name,
        plan=row.plan,
        role=row.role,
        permissions=roles.granted(row.permissions),
        scopes=actor.scopes,
        token_id=actor.token_id,
        token_prefix=actor.token_prefix,
        auth_mode=actor.auth_mode,
        expires_at=actor.expires_at,
    )


def _user(row: UserRow) -> User:
    return User(row.id, row.email, row.name, row.plan, row.role, bool(row.active))


def _role_of(connection: Connection, role: str) -> Role:
    try:
        return roles.find(connection, role)
    except RefusedError:
        names = ", ".join(connection.execute(select(role_table.c.name).order_by(role_table.c.name)).scalars())
        raise RefusedError(
            "VALIDATION", "role names no role", remedy=f"known are {names}", pointers=("/role",)
        ) from None


def _address(context: Context, email: str) -> str:
    address = checked_name(context, email, "/email", longest=320).lower()
    if not _ADDRESS.fullmatch(address):
        raise invalid("is not an address", "/email")
    return address


def _plan(context: Context, plan: str) -> str:
    if plan not in context.policies.plans:
        raise invalid(f"is none of {', '.join(context.policies.plans)}", "/plan")
    return plan


def _said(user: User) -> dict[str, object]:
    return {"id": user.id, "role": user.role, "plan": user.plan, "active": user.active}
