"""What about a token is worth a second look, as short words in its row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from tokenguard.model.token import TokenStatus

if TYPE_CHECKING:
    from datetime import datetime

    from tokenguard.model.token import TokenRecord

_UNUSED = timedelta(days=90)
_EXPIRING = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Mark:
    """A few words, the long form for who hovers, and the column in which it stands: `used`, `expires`, `name`."""

    text: str
    meaning: str
    column: str


def marks_of(record: TokenRecord, now: datetime) -> tuple[Mark, ...]:
    """The marks of one token."""
    return (*_always(record), *(_of_live(record, now) if record.status is TokenStatus.ACTIVE else ()))


def _always(record: TokenRecord) -> Iterator[Mark]:
    if record.honeytoken:
        yield Mark("Honeytoken", "Grants nothing; any use of it is an alarm", "name")
    if record.addresses_30d > 1:
        yield Mark(f"{record.addresses_30d} addresses", "Used from several addresses in the last 30 days", "used")
    if record.odd_hours:
        yield Mark("Odd hours", "Used outside the expected hours in the last 30 days", "used")


def _of_live(record: TokenRecord, now: datetime) -> Iterator[Mark]:
    if (record.last_used_at or record.created_at) <= now - _UNUSED:
        yield Mark("Unused for 90 days", "Not used in the last 90 days: revoke it unless you know what for", "used")
    if record.expires_at is not None and record.expires_at <= now + _EXPIRING:
        yield Mark("Expires soon", "Expires within 14 days: rotate it", "expires")
