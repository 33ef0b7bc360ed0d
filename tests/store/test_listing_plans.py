"""How a page of tokens is found: by an index, whatever it is sorted by, so that it costs the same in any store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, event

from stores import People, TestClock
from tokenguard.model.token import NewToken, TokenFilter, TokenPage, TokenSort
from tokenguard.store.store import Store

_INDEXES = {
    TokenSort.CREATED: "ix_tokens_created",
    TokenSort.NAME: "ix_tokens_name",
    TokenSort.LAST_USED: "ix_tokens_used",
    TokenSort.EXPIRES: "ix_tokens_ends",
}


@contextmanager
def planned(store: Store) -> Iterator[list[str]]:
    """The plan of each query of tokens by the page."""
    plans: list[str] = []
    sqlite = store.database.is_sqlite

    def explain(_: Connection, cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        if "ORDER BY" not in statement or "owner_name" not in statement:
            return
        other = cursor.connection.cursor()
        if not sqlite:
            # So few rows are sorted faster than they are looked up: told is what many cost.
            other.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")
        other.execute(f"EXPLAIN {'QUERY PLAN ' if sqlite else ''}{statement}", parameters)
        plans.append("\n".join(str(row[-1]) for row in other.fetchall()))
        other.close()

    event.listen(store.database.engine, "before_cursor_execute", explain)
    try:
        yield plans
    finally:
        event.remove(store.database.engine, "before_cursor_execute", explain)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("sort", TokenSort)
def test_everybodys_tokens_come_in_the_order_of_an_index(
    people: People, store: Store, clock: TestClock, sort: TokenSort, *, reverse: bool
) -> None:
    owner = people.user("dana")
    for number in range(5):
        clock.turn(seconds=1)
        ends = None if number % 2 else 10 + number
        people.local.create_token(
            NewToken(f"worker {7 * number % 5}", owner=owner.id, expires_in_days=ends, never_expires=ends is None)
        )
    seen: list[str] = []
    cursor = None
    with planned(store) as plans:
        while True:
            which = TokenFilter(everyone=True, sort=sort, reverse=reverse, cursor=cursor, limit=2)
            page: TokenPage = people.local.list_tokens(which)
            seen += [each.id for each in page.tokens]
            cursor = page.next_cursor
            if cursor is None:
                break
    whole = people.local.list_tokens(TokenFilter(everyone=True, sort=sort, reverse=reverse, limit=50)).tokens
    assert seen == [each.id for each in whole]
    assert len(plans) == 3
    for plan in plans:
        assert _INDEXES[sort] in plan
        assert "TEMP B-TREE" not in plan
        assert "Sort" not in plan
