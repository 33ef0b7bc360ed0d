"""How many live tokens a user may have of each family, and has."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from tokenguard.errors import RefusedError
from tokenguard.model.token import Limit
from tokenguard.store.context import Context
from tokenguard.store.policy import Family
from tokenguard.store.records import live
from tokenguard.store.tables import tokens
from tokenguard.store.users import UserRow


def limits_of(connection: Connection, context: Context, owner: UserRow, now: int) -> dict[str, Limit]:
    """The limit of every family for that user."""
    active = _active(connection, context, owner.id, now)
    return {
        family.id: Limit(family.policy.max_active_for(owner.plan), active.get(family.id, 0))
        for family in context.families.values()
    }


def check_room(  # noqa: PLR0913 - what there must be room for
    connection: Connection, context: Context, owner: UserRow, family: Family, now: int, *, leaving: int = 0
) -> None:
    """Refuse one more token of the family where there is no room. The owner's row is locked by the caller.

    `leaving`: live tokens that the same transaction ends.

    Raises:
        RefusedError: TOKEN_LIMIT_REACHED.
    """
    most = family.policy.max_active_for(owner.plan)
    if most is None or _active(connection, context, owner.id, now).get(family.id, 0) - leaving < most:
        return
    contact = f"; for more: {context.policies.contact}" if context.policies.contact else ""
    raise RefusedError(
        "TOKEN_LIMIT_REACHED",
        f"{most} live {family.id} tokens are as many as the plan {owner.plan} permits{contact}",
        remedy="revoke one first",
    )


def _active(connection: Connection, context: Context, owner_id: str, now: int) -> dict[str, int]:
    asked = select(tokens.c.family, func.count().label("number")).group_by(tokens.c.family)
    rows = connection.execute(asked.where(tokens.c.owner_id == owner_id, live(context, now)))
    return {row.family: row.number for row in rows}
