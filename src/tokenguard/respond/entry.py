"""An entry of the journal of revocations: an intent as a row of text and numbers, and back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

from tokenguard.model.finding import Location
from tokenguard.report.place import spread
from tokenguard.respond.intent import Intent

_PLACES = 8
"""Locations of a token that are kept: enough to find it again, few enough for ten thousand tokens."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An intent that is written down."""

    number: int
    intent: Intent
    asked_at: datetime
    note: str = ""
    """Why it is still open, as the last try knows it; empty: it was not tried, or the try broke off."""


def moment_of(microseconds: int) -> datetime:
    """A time of the journal."""
    try:
        return datetime.fromtimestamp(microseconds / 1_000_000, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        # Somebody changed the file: it stands open all the same, as the oldest.
        return datetime.fromtimestamp(0, UTC)


def row_of(intent: Intent, now: int) -> tuple[str | int | None, ...]:
    """What is written of an intent, in the order of the INSERT."""
    return (
        intent.issuer,
        intent.identity,
        intent.rule_id,
        intent.fingerprint,
        intent.prefix,
        intent.token_sha256,
        intent.token_id,
        _place(intent),
        intent.reason,
        int(intent.all_matching),
        now,
    )


_encoded = json.JSONEncoder(separators=(",", ":")).encode
_LOCATION = attrgetter("source", "path", "line", "column", "end_line", "end_column", "blob", "commit", "via")
"""What it takes to read a place again, in this order."""


def _place(intent: Intent) -> str:
    """Where to read the token again, or where somebody saw it, as JSON."""
    locations = list(map(_LOCATION, spread(intent.locations, _PLACES)))
    handed_over = {"handed_over": True} if intent.handed_over else {}
    return _encoded({"root": intent.root, "locations": locations, "seen": intent.seen} | handed_over)


def _location(saved: Sequence[Any]) -> Location:
    source, path, line, column, end_line, end_column, blob, commit, via = saved
    if not all(isinstance(each, str) for each in (source, path, blob or "", commit or "", *via)):
        raise TypeError
    return Location(source, path, line, column, end_line, end_column, blob, commit, via=tuple(via))


def entry_of(row: tuple[Any, ...]) -> Entry:
    """What was written, in the order of the SELECT."""
    number, matching, asked_at, place, *rest = row
    # SQLite keeps what it is given, whatever a column is declared to hold; one bad row must spoil no other.
    texts = (each if isinstance(each, str) else "" for each in rest)
    issuer, rule_id, fingerprint, prefix, reason, note, token_sha256, token_id = texts
    try:
        where = json.loads(place)
        locations = tuple(map(_location, where["locations"]))
        root, seen, handed_over = str(where["root"]), str(where.get("seen", "")), where.get("handed_over") is True
    except (ValueError, KeyError, TypeError, RecursionError):
        # Somebody changed the file: the token can still be asked for by its hash.
        locations, root, seen, handed_over = (), "", "", False
    intent = Intent(
        issuer,
        rule_id,
        fingerprint,
        prefix,
        token_sha256 or None,
        token_id or None,
        root,
        locations,
        reason,
        all_matching=bool(matching),
        seen=seen,
        handed_over=handed_over,
    )
    return Entry(number, intent, moment_of(asked_at), note)
