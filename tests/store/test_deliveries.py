"""Messages on their way: one delivery a channel, claimed by one at a time, repeated for a day, then dead and kept."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from sqlalchemy import func, select, update

from stores import People, Place, TestClock
from tokenguard.model.audit import AuditFilter
from tokenguard.model.notification import Kind
from tokenguard.model.revocation import Target
from tokenguard.model.token import NewToken
from tokenguard.store import deliveries
from tokenguard.store.clock import HOUR, MINUTE, SECOND
from tokenguard.store.deliveries import LEASE, Delivery
from tokenguard.store.notices import MOST_TOKENS, notice
from tokenguard.store.store import Store
from tokenguard.store.sweep import sweep
from tokenguard.store.tables import deliveries as delivery_table
from tokenguard.store.tables import outbox

ROUTES = {"team": frozenset(Kind), "siem": frozenset({Kind.TOKENS_REVOKED}), "baits": frozenset({Kind.HONEYTOKEN_USED})}


def take_out(store: Store) -> int:
    with store.database.writing() as connection:
        return deliveries.take_out(connection, store.context, ROUTES)


def claim(store: Store, channel: str = "team") -> Delivery | None:
    with store.database.writing() as connection:
        return deliveries.claim(connection, store.context, channel)


def fail(store: Store, delivery: Delivery, retry_after: float = 0) -> bool:
    with store.database.writing() as connection:
        return deliveries.failed(connection, store.context, delivery, "answered with status 500", retry_after)


def counts(store: Store) -> tuple[int, int]:
    with store.database.reading() as connection:
        return deliveries.counts(connection)[:2]


@pytest.fixture
def revoke(people: People) -> Callable[..., None]:
    """Have tokens revoked: one message."""
    user = people.user("owner", plan="SCALE")

    def act(number: int = 1) -> None:
        made = [people.local.create_token(NewToken(f"n{each}", owner=user.id)).record.id for each in range(number)]
        people.local.revoke([Target(id=each) for each in made], reason="a test")

    return act


def test_a_message_becomes_a_delivery_for_each_channel_that_wants_it(
    people: People, revoke: Callable[..., None]
) -> None:
    revoke()
    assert take_out(people.store) == 1
    assert take_out(people.store) == 0, "once"
    assert counts(people.store) == (2, 0)
    found = claim(people.store)
    assert found is not None
    assert (found.kind, found.attempts, found.channel) == (Kind.TOKENS_REVOKED, 1, "team")
    assert claim(people.store) is None, "it is leased"
    assert claim(people.store, "siem") is not None
    assert claim(people.store, "baits") is None
    with people.store.database.writing() as connection:
        deliveries.arrived(connection, people.store.context, found)
    assert counts(people.store) == (1, 0)


def test_a_lease_that_ran_out_is_claimed_again(people: People, clock: TestClock, revoke: Callable[..., None]) -> None:
    revoke()
    take_out(people.store)
    first = claim(people.store)
    clock.turn(seconds=LEASE / SECOND - 1)
    assert claim(people.store) is None
    clock.turn(seconds=1)
    again = claim(people.store)
    assert first is not None
    assert again is not None
    assert (again.message_id, again.attempts) == (first.message_id, 2)


def test_pauses_double_up_to_an_hour_and_are_not_all_the_same() -> None:
    for attempts in range(1, 40):
        longest = min(5 * SECOND * 2 ** (attempts - 1), HOUR)
        drawn = [deliveries.pause(attempts) for _ in range(50)]
        assert longest / 2 <= min(drawn) < max(drawn) <= longest


def test_after_a_day_it_is_dead_kept_and_in_the_audit(
    people: People, clock: TestClock, revoke: Callable[..., None]
) -> None:
    revoke()
    take_out(people.store)
    attempts, started = 0, clock.now
    while (found := claim(people.store)) is not None:
        attempts += 1
        if fail(people.store, found):
            break
        with people.store.database.reading() as connection:
            due = deliveries.next_due(connection, "team")
        assert due is not None
        clock.now = max(clock.now, due)
    assert 23 * HOUR - MINUTE < clock.now - started <= 24 * HOUR
    assert 25 < attempts < 60
    with people.store.database.reading() as connection:
        (dead,) = deliveries.dead(connection)
    assert (dead.channel, dead.attempts, dead.failure) == ("team", attempts, "answered with status 500")
    (event,) = [each for each in people.local.audit(AuditFilter()).events if each.action == "delivery.dead"]
    assert event.detail["message"] == dead.message_id
    assert event.actor == "tokenguard"
    assert claim(people.store) is None

    with people.store.database.writing() as connection:
        assert deliveries.revive(connection, people.store.context) == 1
    again = claim(people.store)
    assert again is not None
    assert not fail(people.store, again), "it has another day"


def test_a_receiver_may_ask_for_more_time(people: People, clock: TestClock, revoke: Callable[..., None]) -> None:
    revoke()
    take_out(people.store)
    found = claim(people.store)
    assert found is not None
    fail(people.store, found, retry_after=600)
    clock.turn(seconds=599)
    assert claim(people.store) is None
    clock.turn(seconds=1)
    again = claim(people.store)
    assert again is not None
    fail(people.store, again, retry_after=1e9)
    clock.turn(seconds=3600)
    assert claim(people.store) is not None, "but no more than an hour"


def test_claimed_by_one_of_many(place: Place, people: People, revoke: Callable[..., None]) -> None:
    for _ in range(12):
        revoke()
    stores = [place.open(clock=people.store.context.clock) for _ in range(4)]
    found: list[str] = []

    def work(store: Store) -> None:
        take_out(store)
        while (claimed := claim(store)) is not None:
            found.append(claimed.message_id)

    threads = [threading.Thread(target=work, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    while (rest := claim(people.store)) is not None:
        found.append(rest.message_id)
    assert len(found) == len(set(found)) == 12


def test_a_bait_goes_before_everything_else(people: People, revoke: Callable[..., None]) -> None:
    for _ in range(3):
        revoke()
    bait = people.local.create_token(NewToken("bait", honeytoken=True))
    assert bait.token is not None
    people.store.authenticate(bait.token, address="192.0.2.9", agent="curl")
    people.store.flush_uses()
    take_out(people.store)
    found = claim(people.store)
    assert found is not None
    assert found.kind is Kind.HONEYTOKEN_USED


def test_what_is_older_than_a_week_is_not_told_to_a_new_channel(
    people: People, clock: TestClock, revoke: Callable[..., None]
) -> None:
    revoke()
    clock.turn(days=8)
    take_out(people.store)
    assert claim(people.store) is None
    assert take_out(people.store) == 0
    with people.store.database.reading() as connection:
        assert deliveries.counts(connection) == (0, 0, 1)
    for days, untold in ((89, 1), (2, 0)):
        clock.turn(days=days)
        with people.store.database.writing() as connection:
            sweep(connection, people.store.context)
            assert deliveries.counts(connection).untold == untold, days


def test_a_channel_that_is_gone(people: People, clock: TestClock, revoke: Callable[..., None]) -> None:
    revoke()
    take_out(people.store)

    def bury() -> int:
        with people.store.database.writing() as connection:
            return deliveries.bury(connection, people.store.context, ("siem",))

    assert bury() == 0
    clock.turn(days=1)
    assert bury() == 1
    assert counts(people.store) == (1, 1)


def test_sweeping_forgets_deliveries_before_messages(
    people: People, clock: TestClock, revoke: Callable[..., None]
) -> None:
    revoke()
    revoke()
    take_out(people.store)
    for channel in ("team", "siem"):
        found = claim(people.store, channel)
        assert found is not None
        with people.store.database.writing() as connection:
            deliveries.arrived(connection, people.store.context, found)
    with people.store.database.writing() as connection:
        table = delivery_table
        connection.execute(update(table).where(table.c.delivered_at.is_(None)).values(dead_at=clock.now))
    for days, messages in ((29, 2), (2, 1), (58, 1), (2, 0)):
        clock.turn(days=days)
        with people.store.database.writing() as connection:
            sweep(connection, people.store.context)
            assert connection.execute(select(func.count()).select_from(outbox)).scalar() == messages, days


def test_thousands_of_tokens_are_one_short_notice(people: People, revoke: Callable[..., None]) -> None:
    revoke(MOST_TOKENS + 10)
    take_out(people.store)
    found = claim(people.store)
    assert found is not None
    with people.store.database.reading() as connection:
        told = notice(connection, people.store.context, found)
    assert (len(told.tokens), told.total) == (MOST_TOKENS, MOST_TOKENS + 10)
    assert (told.owner_email, told.reason) == ("owner@example.org", "a test")
