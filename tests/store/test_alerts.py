"""Alerts in the store, on either database: in portions, resumable, once however often and by however many."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from hashlib import sha256
from typing import Any

import pytest
from sqlalchemy import Connection, event, text

from stores import People, TestClock
from tokenguard.errors import UnavailableError
from tokenguard.model.leak import LeakPlace
from tokenguard.model.people import User
from tokenguard.model.secret import Secret
from tokenguard.store import alerts
from tokenguard.store.actor import Actor
from tokenguard.store.alerts import Alert, Entry, take
from tokenguard.store.store import Store
from tokenguard.store.sweep import sweep

_FORGE = Actor(name="github", rights=frozenset(), address="192.0.2.7", agent="forge")
_FAMILY = "tokenguard-access-token"


def alert_of(*tokens: Secret, mark: str = "") -> Alert:
    entries = tuple(Entry(each, LeakPlace("github:commit", f"https://git.example.org/{mark}")) for each in tokens)
    digest = sha256(b"".join(each.token.sha256().encode() for each in entries) + mark.encode()).digest()
    return Alert("github", digest, entries)


def unknown(number: int) -> list[Secret]:
    return [Secret(f"nobody knows {at}".encode()) for at in range(number)]


def count(store: Store, query: str) -> int:
    with store.database.reading() as connection:
        found = connection.execute(text(query)).scalar()
    assert isinstance(found, int)
    return found


@pytest.fixture
def dana(people: People) -> User:
    return people.user("dana")


@pytest.fixture
def portion(monkeypatch: pytest.MonkeyPatch) -> int:
    """Portions of ten, so that an alert of a few has several."""
    monkeypatch.setattr(alerts, "PORTION", 10)
    return 10


def test_an_alert_that_broke_off_goes_on_where_it_stopped(
    store: Store, people: People, dana: User, portion: int
) -> None:
    tokens = [people.token(dana) for _ in range(5)]
    alert = alert_of(*tokens[:2], *unknown(18), *tokens[2:4], *unknown(8), tokens[4])
    with store.database.writing() as connection:
        taken = take(connection, store.context, _FORGE, alert, 0)
    assert (sum(taken.known), taken.revoked) == (2, 2)
    whole = store.acting(_FORGE).take_alert(alert)
    assert (sum(whole.known), whole.revoked) == (5, 3)
    assert count(store, "SELECT count(*) FROM tokens WHERE revoked_by = 'github'") == 5
    assert count(store, "SELECT count(*) FROM sightings") == 5
    assert count(store, "SELECT entries FROM alerts") == len(alert.entries) > 2 * portion
    again = store.acting(_FORGE).take_alert(alert)
    assert (again.known, again.revoked) == (whole.known, 0)
    assert count(store, "SELECT count(*) FROM sightings") == 5


def test_what_fails_in_the_middle_of_a_portion_leaves_no_half(store: Store, people: People, dana: User) -> None:
    alert = alert_of(people.token(dana))
    with suppress(InterruptedError), store.database.writing() as connection:
        take(connection, store.context, _FORGE, alert, 0)
        raise InterruptedError
    assert count(store, "SELECT count(*) FROM alerts") == 0
    assert count(store, "SELECT count(*) FROM tokens WHERE revoked_at IS NOT NULL") == 0
    assert store.acting(_FORGE).take_alert(alert).revoked == 1


def test_one_alert_by_many_at_once(store: Store, people: People, dana: User, portion: int) -> None:
    tokens = [people.token(dana) for _ in range(3)]
    alert = alert_of(tokens[0], *unknown(portion), *tokens[1:])
    with ThreadPoolExecutor(6) as pool:
        taken = list(pool.map(lambda _: store.acting(_FORGE).take_alert(alert), range(6)))
    assert {each.known for each in taken} == {(True, *[False] * portion, True, True)}
    assert sum(each.revoked for each in taken) == 3
    assert count(store, "SELECT count(*) FROM sightings") == 3
    assert count(store, "SELECT count(*) FROM audit WHERE action = 'token.revoked'") == 3


def test_alerts_that_share_tokens_in_other_orders_do_not_block_each_other(
    store: Store, people: People, dana: User
) -> None:
    tokens = [people.token(dana) for _ in range(20)]
    orders = [tokens, tokens[::-1], tokens[::2] + tokens[1::2], tokens[7:] + tokens[:7]]
    messages = [alert_of(*order, mark=str(at)) for at, order in enumerate(orders)]
    with ThreadPoolExecutor(4) as pool:
        taken = list(pool.map(lambda each: store.acting(_FORGE).take_alert(each), messages))
    assert sum(each.revoked for each in taken) == 20
    assert count(store, "SELECT count(*) FROM leaks") == 20
    assert count(store, "SELECT count(*) FROM sightings") == 80


@contextmanager
def counted(store: Store) -> Iterator[list[str]]:
    seen: list[str] = []

    def note(_connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    event.listen(store.database.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(store.database.engine, "before_cursor_execute", note)


def test_a_hundred_tokens_take_as_many_statements_as_one(store: Store, people: People, dana: User) -> None:
    one, many = alert_of(people.token(dana)), alert_of(*[people.token(dana) for _ in range(100)])
    numbers = []
    for alert in (one, many):
        with counted(store) as seen:
            store.acting(_FORGE).take_alert(alert)
        numbers.append(len(seen))
    assert numbers[0] == numbers[1] < 16


def test_no_raw_token_reaches_the_database(store: Store, people: People, dana: User) -> None:
    token = people.token(dana)
    given: list[object] = []

    def note(_connection: Connection, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        given.append((statement, parameters))

    event.listen(store.database.engine, "before_cursor_execute", note)
    store.acting(_FORGE).take_alert(alert_of(token, *unknown(1)))
    assert given
    assert token.reveal().decode() not in repr(given)
    assert token.sha256() not in repr(given)
    assert "nobody knows" not in repr(given)


def test_somebody_holds_the_token(store: Store, people: People, dana: User) -> None:
    """A database that is slow or locked is waited for, then said to be so; nothing is half done."""
    alert = alert_of(people.token(dana))
    with store.database.engine.connect() as other:
        if store.database.is_sqlite:
            other.execution_options(tokenguard_writes=True)
            other.begin()
            other.exec_driver_sql("SELECT 1")
        else:
            other.exec_driver_sql("SELECT id FROM tokens FOR UPDATE")
        with pytest.raises(UnavailableError) as caught:
            store.acting(_FORGE).take_alert(alert)
        assert caught.value.retry_after > 0
    assert count(store, "SELECT count(*) FROM alerts") == 0
    assert store.acting(_FORGE).take_alert(alert).revoked == 1


def test_what_was_worked_off_is_forgotten_after_more_than_a_year(store: Store, clock: TestClock) -> None:
    store.acting(_FORGE).take_alert(alert_of(*unknown(3)))
    for days, kept in ((399, 1), (2, 0)):
        clock.turn(days=days)
        with store.database.writing() as connection:
            assert sweep(connection, store.context)["alerts"] == 1 - kept
        assert count(store, "SELECT count(*) FROM alerts") == kept


def test_a_bait_in_public_is_told_of_and_stays(store: Store, people: People, dana: User) -> None:
    bait = people.token(dana, honeytoken=True)
    taken = store.acting(_FORGE).take_alert(alert_of(bait))
    assert (taken.known, taken.revoked) == ((True,), 0)
    assert count(store, "SELECT count(*) FROM tokens WHERE honeytoken AND revoked_at IS NULL") == 1
    assert count(store, "SELECT count(*) FROM outbox WHERE kind = 'leaks.found'") == 1
    assert count(store, "SELECT count(*) FROM leaks WHERE state = 'open'") == 1


def test_a_revoked_and_an_expired_token(store: Store, people: People, dana: User, clock: TestClock) -> None:
    """The one stays as it was; the other is revoked, so that nothing can bring it back."""
    gone, old = people.token(dana), people.token(dana, expires_in_days=1)
    store.acting(_FORGE).take_alert(alert_of(gone))
    clock.turn(days=2)
    taken = store.acting(_FORGE).take_alert(alert_of(gone, old))
    assert (taken.known, taken.revoked) == ((True, True), 1)
    assert count(store, "SELECT count(DISTINCT revoked_at) FROM tokens WHERE revoked_by = 'github'") == 2
