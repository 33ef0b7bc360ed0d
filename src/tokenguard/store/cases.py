"""What a responder needs of one leak beside its record: who closed it, and from where its token was used since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from tokenguard.model.leak import LeakRecord
from tokenguard.store import leaks
from tokenguard.store.actor import Actor
from tokenguard.store.clock import moment
from tokenguard.store.context import Context
from tokenguard.store.tables import leaks as leak_table
from tokenguard.store.tables import token_uses

_MOST_ADDRESSES = 100


@dataclass(frozen=True, slots=True)
class AddressUse:
    """Accepted uses of a token from one address since its leak was first seen."""

    address: str
    """Empty: the use had none."""
    uses: int
    last_used_at: datetime


@dataclass(frozen=True, slots=True)
class LeakCase:
    """A leak, and what is known around it."""

    leak: LeakRecord
    addresses: tuple[AddressUse, ...]
    """The latest first, a hundred at most."""
    resolved_at: datetime | None
    resolved_by: str | None


def leak_case(connection: Connection, context: Context, actor: Actor, leak_id: str) -> LeakCase:
    """One leak's case.

    Raises:
        RefusedError: INSUFFICIENT_SCOPE, NOT_FOUND.
    """
    record = leaks.leak(connection, context, actor, leak_id)
    closing = select(leak_table.c.first_seen, leak_table.c.resolved_at, leak_table.c.resolved_by)
    row = connection.execute(closing.where(leak_table.c.id == leak_id)).one()
    return LeakCase(
        record,
        _addresses(connection, record, row.first_seen),
        moment(row.resolved_at),
        row.resolved_by,
    )


def named(records: Sequence[LeakRecord], *others: str | None) -> set[str]:
    """The ids that leaks name: who reported, who revoked; and `others`."""
    reported = {sighting.reported_by for record in records for sighting in record.sightings}
    revoked = {record.token.revoked_by for record in records if record.token is not None}
    return {each for each in {*reported, *revoked, *others} if each}


def _addresses(connection: Connection, record: LeakRecord, since: int) -> tuple[AddressUse, ...]:
    if record.token is None:
        return ()
    latest = func.max(token_uses.c.last_used_at).label("latest")
    asked = (
        select(token_uses.c.address, func.sum(token_uses.c.uses).label("number"), latest)
        .where(token_uses.c.token_id == record.token.id, token_uses.c.last_used_at >= since)
        .group_by(token_uses.c.address)
        .order_by(latest.desc(), token_uses.c.address)
        .limit(_MOST_ADDRESSES)
    )
    return tuple(AddressUse(row.address, int(row.number), moment(row.latest)) for row in connection.execute(asked))
