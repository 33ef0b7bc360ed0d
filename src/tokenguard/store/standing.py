"""Whether who asks may still, asked inside the transaction that writes.

Between a request's authentication and its transaction the caller's token may have been revoked: nothing may be made
with it after that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, select

from tokenguard.errors import RefusedError
from tokenguard.model.token import TokenStatus
from tokenguard.store import users
from tokenguard.store.actor import Actor
from tokenguard.store.context import Context
from tokenguard.store.records import status_of
from tokenguard.store.roles import granted
from tokenguard.store.tables import tokens

P = ParamSpec("P")
T = TypeVar("T")


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


def while_standing(
    function: Callable[Concatenate[Connection, Context, Actor, P], T],
) -> Callable[Concatenate[Connection, Context, Actor, P], T]:
    """A function of the store, called with the actor of this moment; it raises what `standing` raises besides."""

    def called(connection: Connection, context: Context, actor: Actor, /, *given: P.args, **named: P.kwargs) -> T:
        return function(connection, context, standing(connection, context, actor), *given, **named)

    return called


def _refused() -> RefusedError:
    return RefusedError("UNAUTHORIZED", "the token is not accepted", remedy="sign in with a live token")
