"""Draw a token and write its row: the one place where a raw value comes into being, and leaves as a Secret."""

from __future__ import annotations

import json
from dataclasses import dataclass

from sqlalchemy import Connection

from tokenguard.errors import StoreError
from tokenguard.model.expected_hours import WEEK_HOURS, ExpectedHours
from tokenguard.model.mint import draw_token
from tokenguard.model.secret import Secret
from tokenguard.store.bulk import insert_into
from tokenguard.store.context import Context
from tokenguard.store.policy import Family
from tokenguard.store.records import EXPECTED, UNEXPECTED
from tokenguard.store.tables import tokens

_TRIES = 20
"""Draws before giving up on a free prefix: of 32 random bits, half would have to be taken a million times over."""


@dataclass(frozen=True, slots=True)
class Minted:
    """A token that was made just now."""

    id: str
    prefix: str
    token: Secret


@dataclass(frozen=True, slots=True)
class Specification:
    """What is written of a new token beside what is drawn."""

    family: Family
    owner_id: str
    name: str
    scopes: tuple[str, ...]
    created_at: int
    expires_at: int | None
    honeytoken: bool = False
    rotated_from: str | None = None
    hours: ExpectedHours | None = None


def mint(connection: Connection, context: Context, wanted: Specification) -> Minted:
    """Make a token. Of a family whose prefixes are unique another one is drawn while the prefix is taken.

    Raises:
        StoreError: no free prefix was found.
    """
    for _ in range(_TRIES):
        token = Secret(draw_token(wanted.family.format).encode("ascii"))
        prefix = token.reveal()[: wanted.family.format.visible_prefix].decode("ascii")
        token_id = context.new_id("tok")
        if _written(connection, context, wanted, Minted(token_id, prefix, token)):
            return Minted(token_id, prefix, token)
    raise StoreError(
        f"{wanted.family.id}: no free visible prefix was found",
        remedy="lengthen the family's visible prefix, or say `unique_prefix: false` in its policy",
    )


def _written(connection: Connection, context: Context, wanted: Specification, minted: Minted) -> bool:
    """Whether the row could be written; False: its prefix is taken."""
    pepper_id, keyed_hash = context.peppers.keyed(bytes.fromhex(minted.token.sha256()))
    values = {
        "id": minted.id,
        "family": wanted.family.id,
        "prefix": minted.prefix,
        "unique_prefix": minted.prefix if wanted.family.unique_prefix else None,
        "keyed_hash": keyed_hash,
        "pepper_id": pepper_id,
        "name": wanted.name,
        "owner_id": wanted.owner_id,
        "scopes": json.dumps(wanted.scopes),
        "honeytoken": wanted.honeytoken,
        "created_at": wanted.created_at,
        "expires_at": wanted.expires_at,
        "rotated_from": wanted.rotated_from,
        **_hours(wanted.hours),
    }
    # An error instead of a skipped row would end PostgreSQL's transaction.
    added = insert_into(connection, tokens).values(values).on_conflict_do_nothing().returning(tokens.c.id)
    return connection.execute(added).first() is not None


def _hours(hours: ExpectedHours | None) -> dict[str, str]:
    if hours is None:
        return {}
    expected = hours.week_hours()
    week = "".join(EXPECTED if hour in expected else UNEXPECTED for hour in range(WEEK_HOURS))
    return {"expected_hours": str(hours), "expected_week": week}
