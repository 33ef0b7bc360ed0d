"""Whether who asks may still, asked inside the transaction that writes.

Between a request's authentication and its transaction the caller's token may have been revoked: nothing may be made
with it after that.
"""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection, select

from tokenguard.errors import RefusedError
from tokenguard.model.token import TokenStatus
from tokenguard.store import users
from tokenguard.store.actor import Actor
from tokenguard.store.context import Context
from tokenguard.store.records import status_of
from tokenguard.store.roles import granted
from tokenguard.store.tables import tokens


def standing(connection: Connection, context: Context, actor: Actor) -> Actor:
    """The actor with the rights of this moment; the token that they came with is held until the transaction ends.

    Raises:
        RefusedError: UNAUTHORIZED, the token is dead or its owner deactivated.
    """
    if actor.local or actor.user_id is None:
        return actor
    user = users.find(connection, actor.user_id)
    if not user.active:
        raise _refused()
    if actor.token_id is not None:
        token = connection.execute(
            select(tokens).where(tokens.c.id == actor.token_id).with_for_update(read=True)
        ).first()
        if token is None or status_of(context, token, context.now()) is not TokenStatus.ACTIVE:
            raise _refused()
    return replace(actor, rights=actor.rights & frozenset(granted(user.permissions)))


def _refused() -> RefusedError:
    return RefusedError("UNAUTHORIZED", "the token is not accepted", remedy="sign in with a live token")
