"""Last uses, and time: at the boundary, and backwards."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, select

import plant
from stores import People, Place, TestClock, answer, question, with_policy
from tokenguard.errors import RefusedError
from tokenguard.model.audit import AuditFilter
from tokenguard.model.secret import Secret
from tokenguard.model.token import Introspection, NewToken, TokenFilter, TokenStatus
from tokenguard.store.clock import SECOND, SteadyClock, moment
from tokenguard.store.store import Store
from tokenguard.store.tables import token_uses
from tokenguard.store.usage import UsageLog

OWN = "developer.manage_tokens"


def test_expired_at_the_very_moment(people: People, clock: TestClock) -> None:
    until = moment(clock.now) + timedelta(seconds=10)
    created = people.local.create_token(NewToken("x", expires_at=until))
    assert created.token is not None
    clock.now += 10 * SECOND - 1
    assert people.store.authenticate(created.token) is not None
    assert people.local.token(created.record.id).status is TokenStatus.ACTIVE
    clock.now += 1
    assert people.store.authenticate(created.token) is None
    assert people.local.token(created.record.id).status is TokenStatus.EXPIRED


def test_what_expired_stays_so_when_the_clock_is_set_back(people: People, clock: TestClock) -> None:
    token = people.token(people.user(), expires_in_days=1)
    clock.turn(days=1)
    assert people.store.authenticate(token) is None
    clock.turn(seconds=-600)
    assert people.store.authenticate(token) is None


def test_a_clock_that_was_wrong_by_far_is_let_go() -> None:
    wall = TestClock(10**15)
    clock = SteadyClock(wall)
    assert clock() == 10**15
    wall.turn(seconds=-3600)
    assert clock() == 10**15
    wall.turn(seconds=-1)
    assert clock() == wall.now


def test_everything_goes_on_with_a_clock_that_is_set_back(people: People, clock: TestClock) -> None:
    user = people.user()
    acting = people.acting(user, OWN)
    made = acting.create_token(NewToken("before"))
    clock.turn(days=-400)
    later = acting.create_token(NewToken("after"))
    revoked = acting.revoke_token(made.record.id)
    assert revoked.status is TokenStatus.REVOKED
    assert people.store.authenticate(later.token or Secret(b"")) is not None
    assert people.local.audit(AuditFilter(limit=1)).events[0].token_id == made.record.id


def test_a_last_use_goes_forward_only(people: People, clock: TestClock) -> None:
    token = people.token(people.user(), never_expires=True)
    token_id = people.actor(token).token_id or ""
    people.store.flush_uses()
    first = people.local.token(token_id).last_used_at
    assert first == moment(clock.now)
    clock.turn(days=-2)
    assert people.store.authenticate(token, address="192.0.2.77") is not None
    people.store.flush_uses()
    record = people.local.token(token_id)
    assert (record.last_used_at, record.last_used_ip) == (first, "192.0.2.1")
    clock.turn(days=3)
    assert people.store.authenticate(token, address="192.0.2.78") is not None
    people.store.flush_uses()
    record = people.local.token(token_id)
    assert (record.last_used_at, record.last_used_ip) == (moment(clock.now), "192.0.2.78")


def test_only_accepted_requests_are_uses(people: People) -> None:
    token = people.token(people.user())
    token_id = people.actor(token).token_id or ""
    people.store.flush_uses()
    with people.store.database.reading() as connection:
        before = connection.execute(select(token_uses.c.uses)).scalars().all()
    people.local.revoke_token(token_id)
    assert people.store.authenticate(token) is None
    people.store.flush_uses()
    with people.store.database.reading() as connection:
        assert connection.execute(select(token_uses.c.uses)).scalars().all() == before


def test_uses_are_written_together_not_one_by_one(people: People) -> None:
    tokens = [people.token(people.user(f"u{index}")) for index in range(3)]
    writes: list[str] = []
    event.listen(
        people.store.database.engine,
        "before_cursor_execute",
        lambda _connection, _cursor, statement, *_: writes.append(statement),
    )
    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(people.store.authenticate, tokens * 50))
    assert writes == []
    people.store.flush_uses()
    assert sum("token_uses" in each for each in writes) == 1
    with people.store.database.reading() as connection:
        assert sorted(connection.execute(select(token_uses.c.uses)).scalars()) == [50, 50, 50]


def test_the_rest_is_written_at_the_end(place: Place) -> None:
    store = place.open()
    token = People(store).token(People(store).user())
    token_id = People(store).actor(token).token_id or ""
    store.close()
    reopened = place.open()
    assert reopened.acting(reopened.local("x")).token(token_id).last_used_at is not None


def test_the_thread_writes_by_itself(people: People) -> None:
    written = threading.Event()
    event.listen(people.store.database.engine, "commit", lambda _connection: written.set())
    log = UsageLog(people.store.database, people.store.context, every_seconds=0.05)
    token_id = people.local.create_token(NewToken("x")).record.id
    written.clear()
    log.note(token_id, people.store.context.now(), "192.0.2.9")
    assert written.wait(10)
    log.close()
    assert people.local.token(token_id).last_used_ip == "192.0.2.9"


def test_uses_that_cannot_be_written_fail_no_request_and_are_kept(
    place: Place, clock: TestClock, caplog: pytest.LogCaptureFixture
) -> None:
    store = place.open(clock=clock)
    people = People(store)
    token = people.token(people.user())
    with store.database.writing() as connection:
        connection.exec_driver_sql("ALTER TABLE token_uses RENAME TO elsewhere")
    assert store.authenticate(token, address="192.0.2.5") is not None
    with caplog.at_level(logging.WARNING):
        store.flush_uses()
    assert "not written yet" in caplog.text
    assert token.reveal().decode() not in caplog.text
    assert store.authenticate(token, address="192.0.2.5") is not None
    with store.database.writing() as connection:
        connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO token_uses")
    store.flush_uses()
    with store.database.reading() as connection:
        assert connection.execute(select(token_uses.c.uses)).scalars().all() == [2]


def test_a_honeytoken_is_refused_and_told_of(people: People, clock: TestClock) -> None:
    created = people.local.create_token(NewToken("bait", honeytoken=True))
    assert created.token is not None
    service = people.token(people.user(role="service"), "tokens.introspect")
    for _ in range(3):
        assert people.store.authenticate(created.token, address="192.0.2.66", agent="curl") is None
    people.store.flush_uses()
    events = people.local.audit(AuditFilter(token=created.record.id)).events
    assert [event.action for event in events] == ["honeytoken.used", "token.created"]
    assert (events[0].address, events[0].agent, events[0].actor) == ("192.0.2.66", "curl", "anyone")
    clock.turn(seconds=60)
    asked = answer(people.store, question(service, token=created.token))
    assert asked is not None
    assert not asked[1].active
    people.store.flush_uses()
    assert len(people.local.audit(AuditFilter(token=created.record.id)).events) == 3
    assert people.local.token(created.record.id).last_used_at is None


def test_introspection(people: People, clock: TestClock) -> None:
    service = people.token(people.user("svc", role="service"), "tokens.introspect")
    user = people.user(role=people.role("sender", OWN, "messages:send", "messages:bulk"))
    created = people.local.create_token(
        NewToken("x", family=plant.KEEBAI, owner=user.id, scopes=("messages:bulk", "messages:send"))
    )
    assert created.token is not None
    people.local.change_role("sender", permissions=[OWN, "messages:send"])

    def asked(**which: Any) -> Introspection:
        found = answer(people.store, question(service, **which))
        assert found is not None
        assert people.store.acting(found[0]).introspect(**which) == found[1]
        return found[1]

    named: list[dict[str, Any]] = [{"token": created.token}, {"token_sha256": created.token.sha256()}]
    for which in named:
        found = asked(**which)
        assert found.active
        assert found.scope == "messages:send"
        assert (found.sub, found.username) == (user.id, user.email)
        assert found.client_id == created.record.id
        assert found.iat == clock.now // SECOND
        assert found.exp == clock.now // SECOND + 90 * 86400
    dead = asked(token=Secret(b"nothing"))
    people.local.revoke_token(created.record.id)
    assert asked(token=created.token) == dead == asked(token_sha256="0" * 64)
    assert answer(people.store, question(created.token, token=service)) is None


def test_a_token_that_was_shown_is_used_one_that_was_looked_up_is_not(people: People) -> None:
    service = people.token(people.user("svc", role="service"), "tokens.introspect")
    token = people.token(people.user())
    token_id = people.local.list_tokens(_of("dana")).tokens[0].id
    answer(people.store, question(service, token_sha256=token.sha256()))
    people.store.flush_uses()
    assert people.local.token(token_id).last_used_at is None
    answer(people.store, question(service, token=token))
    people.store.flush_uses()
    record = people.local.token(token_id)
    assert record.last_used_at is not None
    assert (record.last_used_ip, record.addresses_30d) == (None, 0)


def _of(name: str) -> TokenFilter:
    return TokenFilter(owner=f"{name}@example.org")


def test_introspection_needs_its_permission(people: People) -> None:
    token = people.token(people.user(), OWN)
    with pytest.raises(RefusedError) as refused:
        answer(people.store, question(token, token=token))
    assert refused.value.missing == ("tokens.introspect",)
    service = people.token(people.user("svc", role="service"), "tokens.introspect")
    wrong: list[dict[str, Any]] = [
        {},
        {"token": token, "token_sha256": "0" * 64},
        {"token_sha256": "x"},
        {"token_sha256": "00"},
    ]
    for which in wrong:
        with pytest.raises(RefusedError) as refused:
            answer(people.store, question(service, **which))
        assert refused.value.code == "VALIDATION"


def test_many_introspections_at_once_are_answered_as_each_by_itself(people: People) -> None:
    service = people.token(people.user("svc", role="service"), "tokens.introspect")
    narrow = people.token(people.user("narrow"), OWN)
    live, dead = (people.local.create_token(NewToken("x", family=plant.KEEBAI)) for _ in range(2))
    assert live.token is not None
    assert dead.token is not None
    people.local.revoke_token(dead.record.id)
    asked = [
        question(caller, token=token)
        for caller in (service, narrow, live.token, Secret(b"nobody"))
        for token in (live.token, dead.token, service, Secret(b"nothing"))
    ] * 3
    answers = people.store.introspect(asked)
    for each, together in zip(asked, answers, strict=True):
        if isinstance(together, RefusedError):
            with pytest.raises(RefusedError) as refused:
                answer(people.store, each)
            assert (together.code, together.missing) == (refused.value.code, refused.value.missing)
        else:
            assert together == answer(people.store, each)
    assert [isinstance(each, RefusedError) for each in answers[:12]] == [False] * 4 + [True] * 8
    assert [each[1].active for each in answers[:4] if isinstance(each, tuple)] == [True, False, True, False]
    people.store.flush_uses()
    assert people.local.token(live.record.id).last_used_at is not None


def test_a_revocation_by_another_process_is_seen_by_the_next_request(place: Place) -> None:
    here, there = place.open(), place.open()
    token = People(here).token(People(here).user())
    for store in (here, there):
        assert store.authenticate(token) is not None
    token_id = People(here).actor(token).token_id or ""
    People(there).local.revoke_token(token_id)
    for store in (here, there):
        assert store.authenticate(token) is None


def test_an_idle_expiry_is_seen_by_look_up_and_list_alike(place: Place, clock: TestClock) -> None:
    store: Store = place.open(clock=clock, policies=with_policy(plant.TOKENGUARD, idle_expiry_days=1))
    people = People(store)
    token = people.token(people.user(), never_expires=True)
    token_id = people.actor(token).token_id or ""
    store.flush_uses()
    clock.now += 86400 * SECOND - 1
    assert people.local.token(token_id).status is TokenStatus.ACTIVE
    clock.now += 1
    assert people.local.token(token_id).status is TokenStatus.EXPIRED
    assert store.authenticate(token) is None
