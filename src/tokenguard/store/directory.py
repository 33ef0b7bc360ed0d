"""Users, looked through: page by page, and by the ids under which leaks and events name them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, or_, select

from tokenguard.errors import RefusedError
from tokenguard.model.people import Owner, User
from tokenguard.store.actor import Actor, Permission
from tokenguard.store.context import Context
from tokenguard.store.cursor import check_limit, cursor_after, read_cursor
from tokenguard.store.tables import users
from tokenguard.store.users import UserRow, find, with_role

_KNOWING = (Permission.RESPOND, Permission.READ_AUDIT, Permission.MANAGE_USERS)
"""Any of these may know whom an id stands for."""


@dataclass(frozen=True, slots=True)
class UserPage:
    """One page of users, by address."""

    users: tuple[User, ...]
    next_cursor: str | None


def users_page(  # noqa: PLR0913 - what a page is asked by
    connection: Connection, context: Context, actor: Actor, *, text: str, cursor: str | None, limit: int
) -> UserPage:
    """Users whose address or name holds `text`.

    Raises:
        RefusedError: INSUFFICIENT_SCOPE; VALIDATION: a cursor that is none.
    """
    del context
    actor.require(Permission.MANAGE_USERS)
    asked = with_role().order_by(users.c.email).limit(check_limit(limit) + 1)
    if text:
        asked = asked.where(or_(*(each.icontains(text, autoescape=True) for each in (users.c.email, users.c.name))))
    if cursor is not None:
        before = users.alias("before")
        address = select(before.c.email).where(before.c.id == read_cursor(cursor)[1]).scalar_subquery()
        asked = asked.where(users.c.email > address)
    rows = connection.execute(asked).all()
    following = cursor_after(0, rows[limit - 1].id) if len(rows) > limit else None
    return UserPage(tuple(_user(row) for row in rows[:limit]), following)


def user(connection: Connection, context: Context, actor: Actor, user_id: str) -> User:
    """One user.

    Raises:
        RefusedError: INSUFFICIENT_SCOPE, NOT_FOUND.
    """
    del context
    actor.require(Permission.MANAGE_USERS)
    return _user(find(connection, user_id))


def people(connection: Connection, context: Context, actor: Actor, ids: Collection[str]) -> Mapping[str, Owner]:
    """Whom ids stand for; those that are no user's are left out.

    Raises:
        RefusedError: INSUFFICIENT_SCOPE.
    """
    del context
    if not any(map(actor.may, _KNOWING)):
        raise RefusedError("INSUFFICIENT_SCOPE", "only who responds, audits or manages users may know who somebody is")
    wanted = sorted(each for each in ids if each.startswith("usr_"))
    if not wanted:
        return {}
    rows = connection.execute(select(users.c.id, users.c.name, users.c.email).where(users.c.id.in_(wanted)))
    return {row.id: Owner(row.id, row.name, row.email) for row in rows}


def _user(row: UserRow) -> User:
    return User(row.id, row.email, row.name, row.plan, row.role, bool(row.active))
