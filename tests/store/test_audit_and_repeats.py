"""The audit, and requests that are sent twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from stores import ADMIN, People, TestClock
from tokenguard.errors import RefusedError
from tokenguard.model.audit import AuditEvent, AuditFilter
from tokenguard.model.token import Created, NewToken, TokenFilter
from tokenguard.store.clock import moment

OWN = "developer.manage_tokens"


def test_who_did_what_from_where(people: People, clock: TestClock) -> None:
    user = people.user()
    acting = people.acting(user, OWN)
    token_id = acting.create_token(NewToken("x")).record.id
    clock.turn(seconds=5)
    acting.revoke_token(token_id, reason="done")
    events = people.local.audit(AuditFilter(token=token_id)).events
    assert [event.action for event in events] == ["token.revoked", "token.created"]
    for event in events:
        assert (event.actor, event.address, event.agent) == (user.id, "192.0.2.1", "test")
        assert event.actor_email == user.email
    assert acting.token(token_id).revoked_by_email == user.email
    by_nobody = people.local.create_token(NewToken("y", owner=user.id)).record.id
    assert people.local.revoke_token(by_nobody).revoked_by_email is None
    assert people.local.audit(AuditFilter(token=by_nobody)).events[0].actor_email is None
    assert events[0].at == moment(clock.now)
    assert events[0].detail["reason"] == "done"
    assert (
        people.local.audit(AuditFilter(actor=user.email)).events
        == people.local.audit(AuditFilter(actor=user.id)).events
    )
    assert len(people.local.audit(AuditFilter(actor=user.id)).events) == 2
    since = AuditFilter(since=moment(clock.now), actor=user.id)
    assert [event.action for event in people.local.audit(since).events] == ["token.revoked"]
    assert people.local.audit(AuditFilter(since=moment(clock.now) + timedelta(seconds=1))).events == ()


def test_pages_of_the_audit_join(people: People) -> None:
    for _ in range(5):
        people.local.create_token(NewToken("x"))
    everything = people.local.audit(AuditFilter()).events
    seen: list[AuditEvent] = []
    cursor = None
    while True:
        page = people.local.audit(AuditFilter(cursor=cursor, limit=2))
        seen += page.events
        cursor = page.next_cursor
        if cursor is None:
            break
        people.local.create_token(NewToken("meanwhile"))
    assert tuple(seen) == everything
    assert everything[-1].action == "store.initialised"
    assert [event.action for event in everything[-3:-1]] == ["token.created", "user.created"]


def test_no_event_holds_a_token_or_hash(people: People) -> None:
    created = people.acting(people.user(), OWN).create_token(NewToken("x"))
    assert created.token is not None
    successor = people.local.rotate_token(created.record.id)
    assert successor.token is not None
    people.local.revoke_token(successor.record.id)
    said = str(people.local.audit(AuditFilter()))
    for token in (created.token, successor.token):
        assert token.reveal().decode() not in said
        assert token.sha256() not in said


def test_a_repeated_request_makes_one_token(people: People) -> None:
    acting = people.acting(people.user(), OWN)
    new = NewToken("once", scopes=(OWN,))
    first = acting.create_token(new, idempotency_key="k-1")
    again = acting.create_token(new, idempotency_key="k-1")
    assert first.token is not None
    assert again == Created(first.record, None)
    acting.revoke_token(first.record.id)
    assert acting.create_token(new, idempotency_key="k-1").record.revoked_at is not None
    assert acting.create_token(new, idempotency_key="k-2").token is not None
    with pytest.raises(RefusedError) as refused:
        acting.create_token(NewToken("another"), idempotency_key="k-1")
    assert (refused.value.code, refused.value.pointers) == ("VALIDATION", ("/Idempotency-Key",))
    for key in ("", "x" * 201, "a\nb"):
        with pytest.raises(RefusedError):
            acting.create_token(new, idempotency_key=key)


def test_a_key_is_its_users_and_lasts_a_day(people: People, clock: TestClock) -> None:
    new = NewToken("x", never_expires=True)
    user = people.user()
    acting = people.acting(user, OWN)
    first = acting.create_token(new, idempotency_key="k")
    assert people.local.create_token(new, idempotency_key="k").token is not None
    clock.turn(days=1)
    assert acting.create_token(new, idempotency_key="k").record.id != first.record.id


def test_a_refused_request_does_not_use_up_its_key(people: People) -> None:
    acting = people.acting(people.user(), OWN)
    with pytest.raises(RefusedError):
        acting.create_token(NewToken("x", scopes=("security.respond",)), idempotency_key="k")
    assert acting.create_token(NewToken("x"), idempotency_key="k").token is not None


def test_the_same_request_many_times_at_once(people: People) -> None:
    acting = people.acting(people.user(), OWN)

    def create(_: int) -> Created:
        return acting.create_token(NewToken("x"), idempotency_key="k")

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(create, range(16)))
    assert len({answer.record.id for answer in answers}) == 1
    assert sum(answer.token is not None for answer in answers) == 1
    assert len(acting.list_tokens(TokenFilter()).tokens) == 2
    assert ADMIN not in str(answers)
