"""What a store may forget: requests that are not repeated any more, counts of past windows, messages that arrived."""

from __future__ import annotations

from sqlalchemy import Connection, and_, delete, exists, or_

from tokenguard.store.clock import DAY, HOUR
from tokenguard.store.context import Context
from tokenguard.store.tables import alerts, deliveries, idempotency, outbox, rate_counts, token_uses

_REQUESTS = DAY
_COUNTS = 2 * DAY
_MESSAGES = 30 * DAY
_DEAD = 90 * DAY
_USES = 400 * DAY
"""More than a year: whether a token is used once a year is worth knowing."""
_ALERTS = 400 * DAY
"""As long a forge's message that comes again is known to be worked off. Later it would be another sighting."""


def sweep(connection: Connection, context: Context) -> dict[str, int]:
    """Delete it; how many rows of each kind. Tokens, leaks and the audit stay.

    A message stays a month; 90 days where it did not arrive or nobody was told, and always as long as it is on its way
    to somebody.
    """
    now = context.now()
    # Before the messages, whom they name.
    gone = or_(deliveries.c.delivered_at <= now - _MESSAGES, deliveries.c.dead_at <= now - _DEAD)
    connection.execute(delete(deliveries).where(gone))
    wanted = exists().where(deliveries.c.message_id == outbox.c.id)
    over = or_(and_(outbox.c.dead_at.is_(None), outbox.c.at <= now - _MESSAGES), outbox.c.dead_at <= now - _DEAD)
    forgotten = {
        "requests": delete(idempotency).where(idempotency.c.created_at <= now - _REQUESTS),
        "counts": delete(rate_counts).where(rate_counts.c.window_start <= now - _COUNTS),
        "messages": delete(outbox).where(over, ~wanted),
        "uses": delete(token_uses).where(token_uses.c.hour <= (now - _USES) // HOUR),
        "alerts": delete(alerts).where(alerts.c.received_at <= now - _ALERTS),
    }
    return {kind: connection.execute(statement).rowcount for kind, statement in forgotten.items()}
