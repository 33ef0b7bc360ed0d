"""Tokens: made, and looked at one by one. What lists, rotates and revokes them has its own file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import Connection

from tokenguard.errors import RefusedError
from tokenguard.model.expected_hours import ExpectedHours, read_hours
from tokenguard.model.token import Created, FamilyInfo, NewToken, TokenRecord
from tokenguard.store import audit, idempotency, users
from tokenguard.store.actor import Actor, Permission
from tokenguard.store.audit import Action
from tokenguard.store.context import Context
from tokenguard.store.lifetime import expiry_of
from tokenguard.store.limits import check_room
from tokenguard.store.minting import Minted, Specification, mint
from tokenguard.store.policy import Family
from tokenguard.store.records import TokenRow, records, records_by_id, token_rows
from tokenguard.store.roles import granted
from tokenguard.store.standing import standing
from tokenguard.store.tables import tokens as token_table
from tokenguard.store.users import UserRow
from tokenguard.store.words import checked_name, invalid, known_scopes


def create_token(
    connection: Connection, context: Context, actor: Actor, new: NewToken, *, idempotency_key: str | None = None
) -> Created:
    """Mint a token for the actor, or for another user by whoever manages users.

    Raises:
        RefusedError: INSUFFICIENT_SCOPE, VALIDATION, SCOPE_NOT_HELD, TOKEN_LIMIT_REACHED, NOT_FOUND: no such owner.
        StoreError: the family has no free prefix left.
    """
    actor.require(Permission.MANAGE_TOKENS)
    # First of all: whoever sends the same request again is to have the same answer, whatever changed meanwhile.
    if idempotency_key is not None:
        made = idempotency.earlier(connection, context, actor, idempotency_key, asdict(new))
        if made is not None:
            return Created(records_by_id(connection, context, [made], context.now())[made], None)
    owner = users.lock(connection, _owner_id(connection, actor, new))
    actor = standing(connection, context, actor)
    actor.require(Permission.MANAGE_TOKENS)
    wanted = _specified(context, actor, owner, new)
    check_room(connection, context, owner, wanted.family, wanted.created_at)
    minted = mint(connection, context, wanted)
    if idempotency_key is not None:
        idempotency.made(connection, actor, idempotency_key, minted.id)
    audit.note(connection, context, actor, Action.TOKEN_CREATED, token_id=minted.id, detail=_said(wanted, minted))
    return created(connection, context, minted, wanted.created_at)


def created(connection: Connection, context: Context, minted: Minted, now: int) -> Created:
    """The answer for a token that was made in this transaction."""
    return Created(records_by_id(connection, context, [minted.id], now)[minted.id], minted.token)


def _owner_id(connection: Connection, actor: Actor, new: NewToken) -> str:
    if new.owner is None:
        if actor.user_id is None:
            raise RefusedError("VALIDATION", "whose token it is to be must be said", pointers=("/owner",))
        return actor.user_id
    if new.owner == actor.user_id:
        return new.owner
    actor.require(Permission.MANAGE_USERS)
    try:
        return str(users.find(connection, new.owner).id)
    except RefusedError:
        raise invalid("names no user", "/owner") from None


def _specified(context: Context, actor: Actor, owner: UserRow, new: NewToken) -> Specification:
    if not owner.active:
        raise RefusedError("CONFLICT", "the owner is deactivated", remedy=activate(owner), pointers=("/owner",))
    family = family_of(context, new.family)
    now = context.now()
    return Specification(
        family=family,
        owner_id=owner.id,
        name=checked_name(context, new.name, "/name"),
        scopes=_scopes(context, actor, owner, family, new.scopes),
        created_at=now,
        expires_at=expiry_of(family.policy, new, now),
        honeytoken=new.honeytoken,
        hours=_hours(new.expected_hours),
    )


def _hours(text: str | None) -> ExpectedHours | None:
    try:
        return None if text is None else read_hours(text)
    except ValueError as error:
        raise invalid(str(error), "/expected_hours") from None


def activate(owner: UserRow) -> str:
    """What helps where an owner is deactivated."""
    return f"an admin undoes that: tokenguard user change {owner.email} --activate"


def family_of(context: Context, family: str | None) -> Family:
    """The family of that id; None: the default.

    Raises:
        RefusedError: VALIDATION, there is none.
    """
    found = context.families.get(context.policies.default_family if family is None else family)
    if found is None:
        raise RefusedError(
            "VALIDATION",
            "no such family",
            remedy=f"known are {', '.join(context.families)}",
            pointers=("/family",),
        )
    return found


def _scopes(context: Context, actor: Actor, owner: UserRow, family: Family, scopes: Sequence[str]) -> tuple[str, ...]:
    wanted = known_scopes(context, scopes, "/scopes", permitted_scopes(context, family))
    check_held(actor, owner, wanted)
    return wanted


def permitted_scopes(context: Context, family: Family) -> tuple[str, ...]:
    """The scopes that tokens of the family may have at all."""
    return context.permissions if family.policy.scopes is None else family.policy.scopes


def check_held(actor: Actor, owner: UserRow, scopes: Sequence[str]) -> None:
    """Refuse a new token broader than who makes it, or than its owner: nobody gains a right by minting.

    Raises:
        RefusedError: SCOPE_NOT_HELD, with what is missing.
    """
    holds = frozenset(granted(owner.permissions))
    missing = tuple(scope for scope in scopes if scope not in holds or not actor.may(scope))
    if missing:
        raise RefusedError(
            "SCOPE_NOT_HELD",
            f"not held: {', '.join(missing)}",
            remedy="leave it out, or ask an admin for it",
            required=tuple(scopes),
            missing=missing,
            pointers=tuple(f"/scopes/{scopes.index(scope)}" for scope in missing),
        )


def token(connection: Connection, context: Context, actor: Actor, token_id: str) -> TokenRecord:
    """One token's record.

    Raises:
        RefusedError: NOT_FOUND: there is none, or it is another's and the actor no responder. INSUFFICIENT_SCOPE.
    """
    return records(connection, context, [visible(connection, actor, token_id)], context.now())[0]


def visible(connection: Connection, actor: Actor, token_id: str) -> TokenRow:
    """The row of a token that the actor may see; the same refusal for another's token as for none.

    Raises:
        RefusedError: NOT_FOUND, INSUFFICIENT_SCOPE.
    """
    responds = actor.may(Permission.RESPOND)
    if not responds:
        actor.require(Permission.MANAGE_TOKENS)
    row = connection.execute(token_rows().where(token_table.c.id == token_id)).first()
    if row is None or not (responds or row.owner_id == actor.user_id):
        raise RefusedError("NOT_FOUND", "no such token")
    return row


def families(connection: Connection, context: Context, actor: Actor) -> tuple[FamilyInfo, ...]:
    """The families that can be minted, with the scopes that the actor may choose."""
    owner = users.find(connection, actor.user_id or "")
    holds = frozenset(granted(owner.permissions))
    return tuple(
        FamilyInfo(
            id=family.id,
            title=family.title,
            prefix=family.format.prefix,
            visible_prefix=family.format.visible_prefix,
            default_lifetime_days=family.policy.default_lifetime_days,
            max_lifetime_days=family.policy.max_lifetime_days,
            max_active=family.policy.max_active_for(owner.plan),
            scopes=tuple(scope for scope in permitted_scopes(context, family) if scope in holds and actor.may(scope)),
        )
        for family in context.families.values()
    )


def _said(wanted: Specification, minted: Minted) -> dict[str, object]:
    return {
        "family": wanted.family.id,
        "prefix": minted.prefix,
        "name": wanted.name,
        "owner": wanted.owner_id,
        "scopes": list(wanted.scopes),
        "honeytoken": wanted.honeytoken,
        **({} if wanted.hours is None else {"expected_hours": str(wanted.hours)}),
    }
