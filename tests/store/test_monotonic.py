"""What the database itself refuses, whoever writes to it and however."""

from __future__ import annotations

import pytest
from sqlalchemy import select, text, update

from stores import POSTGRES, People, Place
from tokenguard.errors import StoreError, UnavailableError
from tokenguard.model.token import NewToken
from tokenguard.store.tables import audit, tokens

FORBIDDEN = [
    "UPDATE tokens SET revoked_at = NULL",
    "UPDATE tokens SET revoked_at = revoked_at + 1",
    "UPDATE tokens SET revoked_at = revoked_at - 1",
    "UPDATE tokens SET revoked_by = 'somebody else'",
    "UPDATE tokens SET revoke_reason = NULL",
    "UPDATE tokens SET expires_at = NULL",
    "UPDATE tokens SET expires_at = expires_at + 1",
    "UPDATE tokens SET last_used_at = NULL",
    "UPDATE tokens SET last_used_at = last_used_at - 1",
    "UPDATE tokens SET scopes = '[\"security.respond\"]'",
    "UPDATE tokens SET owner_id = (SELECT max(id) FROM users), family = 'x'",
    "UPDATE tokens SET keyed_hash = '0'",
    "UPDATE tokens SET id = 'tok_0'",
    "DELETE FROM tokens",
    "UPDATE audit SET detail = '{}'",
    "UPDATE audit SET actor = 'nobody', number = number + 100",
    "DELETE FROM audit",
    "DELETE FROM users",
    "DELETE FROM roles",
]
POSTGRES_ONLY = ["TRUNCATE tokens CASCADE", "TRUNCATE audit"]
SQLITE_ONLY = ["INSERT OR REPLACE INTO audit SELECT * FROM audit", "REPLACE INTO tokens SELECT * FROM tokens"]


@pytest.fixture
def revoked(people: People) -> str:
    """A used, expiring, revoked token."""
    user = people.user()
    token = people.token(user)
    token_id = people.actor(token).token_id or ""
    people.store.flush_uses()
    people.local.revoke_token(token_id, reason="leaked")
    return token_id


def test_nothing_undoes_what_was_done(people: People, revoked: str, place: Place) -> None:
    def state() -> object:
        with people.store.database.reading() as connection:
            return [connection.execute(select(table).order_by(table.c.id)).all() for table in (tokens, audit)]

    before = state()
    kind = place.kind
    for statement in (*FORBIDDEN, *(POSTGRES_ONLY if kind == POSTGRES else SQLITE_ONLY)):
        with pytest.raises(StoreError) as refused, people.store.database.writing() as connection:
            connection.execute(text(statement))
        assert not isinstance(refused.value, UnavailableError), statement
        assert state() == before, statement
    assert people.local.token(revoked).revoke_reason == "leaked"


def test_what_may_still_be_changed(people: People) -> None:
    token_id = people.local.create_token(NewToken("x")).record.id
    for change in (
        {"name": "y"},
        {"expires_at": tokens.c.expires_at - 1},
        {"last_used_at": 5},
        {"last_used_at": 6},
        {"revoked_at": 7, "revoked_by": "x", "revoke_reason": "y"},
        {"last_used_at": 8, "rotated_to": "tok_x"},
    ):
        with people.store.database.writing() as connection:
            connection.execute(update(tokens).where(tokens.c.id == token_id).values(change))
