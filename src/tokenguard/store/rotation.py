"""Rotation: a successor of the same name, scopes, expected hours and family; the old token lives on for a grace.

A token that was rotated before is a sign that two parties hold it: it and everything that came of it end.
"""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from tokenguard.errors import RefusedError
from tokenguard.model.expected_hours import read_hours
from tokenguard.model.revocation import Target
from tokenguard.model.token import Created, TokenStatus
from tokenguard.store import audit, idempotency, users
from tokenguard.store.actor import Actor, Permission
from tokenguard.store.audit import Action
from tokenguard.store.clock import DAY, SECOND
from tokenguard.store.context import Context
from tokenguard.store.limits import check_room
from tokenguard.store.minting import Specification, mint
from tokenguard.store.policy import Family
from tokenguard.store.records import TokenRow, records_by_id, status_of
from tokenguard.store.revocations import MOST_TARGETS, revoke
from tokenguard.store.roles import granted
from tokenguard.store.standing import standing
from tokenguard.store.tables import tokens as token_table
from tokenguard.store.tokens import activate, check_held, created, family_of, visible
from tokenguard.store.users import UserRow
from tokenguard.store.words import invalid

MOST_GRACE = 30 * 24 * 3600
"""Seconds."""
ROTATED = "rotated"
ROTATED_TWICE = "rotated a second time: two parties hold it"


def rotate_token(  # noqa: PLR0913 - the call of the API
    connection: Connection,
    context: Context,
    actor: Actor,
    token_id: str,
    *,
    grace_seconds: int = 0,
    idempotency_key: str | None = None,
) -> Created | RefusedError:
    """Mint the successor. A refusal that is given, not raised: what was done is to be kept, then it is to be raised.

    Raises:
        RefusedError: NOT_FOUND, INSUFFICIENT_SCOPE: another's token, SCOPE_NOT_HELD, VALIDATION, CONFLICT: not live,
            TOKEN_LIMIT_REACHED: no room for both during a grace.
    """
    actor.require(Permission.MANAGE_TOKENS)
    # Before anything else: a request that is sent again is no second rotation, which would be a sign of theft.
    if idempotency_key is not None:
        asked = {"rotate": token_id, "grace_seconds": grace_seconds}
        made = idempotency.earlier(connection, context, actor, idempotency_key, asked)
        if made is not None:
            return Created(records_by_id(connection, context, [made], context.now())[made], None)
    if not 0 <= grace_seconds <= MOST_GRACE:
        raise invalid(f"is a number of seconds from 0 to {MOST_GRACE}", "/grace_seconds")
    owner = users.lock(connection, visible(connection, actor, token_id).owner_id)
    actor = standing(connection, context, actor)
    # Read again: who waited for the owner's row may have waited for another rotation.
    old = visible(connection, actor, token_id)
    _check_mine(actor, old)
    check_held(actor, owner, granted(old.scopes))
    if old.rotated_to is not None:
        return _end_all(connection, context, actor, old)
    now = context.now()
    if status_of(context, old, now) is not TokenStatus.ACTIVE:
        raise RefusedError("CONFLICT", "the token is not live any more", remedy="create a new one")
    wanted = _successor(context, old, owner, now)
    check_room(connection, context, owner, wanted.family, now, leaving=0 if grace_seconds else 1)
    rotated = _rotated(connection, context, actor, old, wanted, grace_seconds)
    if idempotency_key is not None:
        idempotency.made(connection, actor, idempotency_key, rotated.record.id)
    return rotated


def _check_mine(actor: Actor, old: TokenRow) -> None:
    actor.require(Permission.MANAGE_TOKENS)
    if not actor.local and old.owner_id != actor.user_id:
        raise RefusedError("INSUFFICIENT_SCOPE", "only its owner rotates a token", remedy="revoke it instead")


def _successor(context: Context, old: TokenRow, owner: UserRow, now: int) -> Specification:
    family = family_of(context, old.family)
    if not owner.active:
        raise RefusedError("CONFLICT", "the owner is deactivated", remedy=activate(owner))
    return Specification(
        family=family,
        owner_id=owner.id,
        name=old.name,
        scopes=granted(old.scopes),
        created_at=now,
        expires_at=_expiry(family, old, now),
        honeytoken=bool(old.honeytoken),
        rotated_from=old.id,
        hours=None if old.expected_hours is None else read_hours(old.expected_hours),
    )


def _expiry(family: Family, old: TokenRow, now: int) -> int | None:
    """As long a life as the old one was given, within what the policy permits today."""
    lifetime = None if old.expires_at is None else old.expires_at - old.created_at
    most = family.policy.max_lifetime_days
    if most is not None:
        lifetime = min(lifetime or most * DAY, most * DAY)
    return None if lifetime is None else now + lifetime


def _rotated(  # noqa: PLR0913, PLR0917 - the whole of a rotation
    connection: Connection, context: Context, actor: Actor, old: TokenRow, wanted: Specification, grace_seconds: int
) -> Created:
    minted = mint(connection, context, wanted)
    values: dict[str, object] = {"rotated_to": minted.id}
    if not grace_seconds:
        values |= {"revoked_at": wanted.created_at, "revoked_by": actor.name, "revoke_reason": ROTATED}
    else:
        until = wanted.created_at + grace_seconds * SECOND
        values["expires_at"] = until if old.expires_at is None else min(until, old.expires_at)
    connection.execute(update(token_table).where(token_table.c.id == old.id).values(values))
    if not grace_seconds:
        audit.note(connection, context, actor, Action.TOKEN_REVOKED, token_id=old.id, detail={"reason": ROTATED})
    detail = {"successor": minted.id, "prefix": minted.prefix, "grace_seconds": grace_seconds}
    audit.note(connection, context, actor, Action.TOKEN_ROTATED, token_id=old.id, detail=detail)
    said = {"family": wanted.family.id, "prefix": minted.prefix, "rotated_from": old.id}
    audit.note(connection, context, actor, Action.TOKEN_CREATED, token_id=minted.id, detail=said)
    return created(connection, context, minted, wanted.created_at)


def _end_all(connection: Connection, context: Context, actor: Actor, old: TokenRow) -> RefusedError:
    """End a token that was rotated before, its successor, and that one's."""
    line = [old.id, *_successors(connection, old.rotated_to)]
    for start in range(0, len(line), MOST_TARGETS):
        targets = [Target(id=each) for each in line[start : start + MOST_TARGETS]]
        revoke(connection, context, actor, targets, reason=ROTATED_TWICE)
    audit.note(connection, context, actor, Action.ROTATED_TWICE, token_id=old.id, detail={"tokens": line})
    return RefusedError(
        "CONFLICT",
        "the token was already rotated, a sign of theft: it and its successors are revoked",
        remedy="create a new one, and find out who else holds it",
    )


def _successors(connection: Connection, first: str | None) -> list[str]:
    found: list[str] = []
    while first is not None and first not in found:
        found.append(first)
        first = connection.execute(select(token_table.c.rotated_to).where(token_table.c.id == first)).scalar()
    return found
