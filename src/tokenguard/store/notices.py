"""A message of the outbox as its readers need it: with names, addresses, and where a token was seen.

It is read when it is sent, not when it is written: a revocation of thousands should not have to gather it. Whatever
others wrote is bounded, on one line, and holds no token.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select

from tokenguard.model.leak import LeakPlace
from tokenguard.model.notification import Notice, NoticeToken
from tokenguard.store.clock import moment
from tokenguard.store.context import Context
from tokenguard.store.deliveries import Delivery
from tokenguard.store.roles import LOCAL_EMAIL
from tokenguard.store.tables import leaks, sightings, tokens, users
from tokenguard.store.texts import TokenSieve

MOST_TOKENS = 50
"""Listed in one message; all of them count."""
_MOST_PLACES = 3
_LONGEST_NAME = 200
_LONGEST_TEXT = 500


def notice(connection: Connection, context: Context, delivery: Delivery) -> Notice:
    """What a delivery tells."""
    said: Mapping[str, Any] = json.loads(delivery.payload)
    sieve = TokenSieve(context.ruleset)
    ids = [str(each.get("id", "")) for each in said.get("tokens", ())]
    named = _tokens(connection, sieve, ids[:MOST_TOKENS])
    owner = said.get("owner") or {}
    owner_id, name, email = _owner(connection, sieve, str(owner.get("id", "")))
    return Notice(
        id=delivery.message_id,
        kind=delivery.kind,
        at=moment(delivery.at),
        owner_id=owner_id,
        owner_name=name,
        owner_email=email,
        tokens=named,
        total=len(ids),
        by=_shown_actor(connection, sieve, _text(said, "revoked_by")),
        reason=sieve.kept(_text(said, "reason"), _LONGEST_TEXT),
        address=sieve.kept(_text(said, "address"), _LONGEST_NAME),
        agent=sieve.kept(_text(said, "agent"), _LONGEST_TEXT),
        shown_to_service=bool(said.get("shown_to_a_service")),
        revoked_from=moment(said.get("revoked_from")),
    )


def _text(said: Mapping[str, Any], key: str) -> str:
    value = said.get(key)
    return value if isinstance(value, str) else ""


def _owner(connection: Connection, sieve: TokenSieve, owner_id: str) -> tuple[str, str, str]:
    row = connection.execute(select(users.c.name, users.c.email).where(users.c.id == owner_id)).first()
    if row is None:
        return owner_id, "", ""
    return owner_id, sieve.kept(row.name, _LONGEST_NAME), "" if row.email == LOCAL_EMAIL else row.email


def _shown_actor(connection: Connection, sieve: TokenSieve, actor: str) -> str:
    """A user by their address: an id says nothing to people."""
    email = connection.execute(select(users.c.email).where(users.c.id == actor)).scalar() if actor else None
    return sieve.kept(email or actor, _LONGEST_NAME)


def _tokens(connection: Connection, sieve: TokenSieve, ids: Sequence[str]) -> tuple[NoticeToken, ...]:
    columns = (tokens.c.id, tokens.c.family, tokens.c.prefix, tokens.c.name, tokens.c.expires_at)
    asked = select(*columns, tokens.c.last_used_at, leaks.c.id.label("leak_id"))
    asked = asked.outerjoin(leaks, leaks.c.token_id == tokens.c.id).where(tokens.c.id.in_(ids))
    rows = {row.id: row for row in connection.execute(asked)} if ids else {}
    places = _places(connection, sieve, [row.leak_id for row in rows.values() if row.leak_id is not None])
    return tuple(
        NoticeToken(
            id=row.id,
            family=row.family,
            prefix=row.prefix,
            name=sieve.kept(row.name, _LONGEST_NAME),
            expires_at=moment(row.expires_at),
            last_used_at=moment(row.last_used_at),
            leak_id=row.leak_id,
            leaked=tuple(places[row.leak_id][:_MOST_PLACES]) if row.leak_id else (),
        )
        for row in (rows[each] for each in dict.fromkeys(ids) if each in rows)
    )


def _places(connection: Connection, sieve: TokenSieve, leak_ids: Sequence[str]) -> dict[str, list[LeakPlace]]:
    """Where each leak was seen, the latest first."""
    found: dict[str, list[LeakPlace]] = defaultdict(list)
    if not leak_ids:
        return found
    asked = select(sightings).where(sightings.c.leak_id.in_(leak_ids)).order_by(sightings.c.reported_at.desc())
    for row in connection.execute(asked):
        source, url, path, commit = (
            sieve.kept(each, _LONGEST_TEXT) for each in (row.source, row.url, row.path, row.commit_id)
        )
        place = LeakPlace(source=source, url=url, path=path, commit=commit, seen_at=moment(row.seen_at))
        if place not in found[row.leak_id]:
            found[row.leak_id].append(place)
    return found
