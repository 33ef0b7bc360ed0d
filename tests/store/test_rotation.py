"""Rotation: the successor, the grace, and the sign of theft."""

from __future__ import annotations

from datetime import timedelta

import pytest

import plant
from stores import People, Place, TestClock, with_policy
from tokenguard.errors import RefusedError
from tokenguard.model.audit import AuditFilter
from tokenguard.model.secret import Secret
from tokenguard.model.token import Created, NewToken, TokenStatus
from tokenguard.store.service import StoreService

OWN = "developer.manage_tokens"


def value(created: Created) -> Secret:
    assert created.token is not None
    return created.token


@pytest.fixture
def acting(people: People) -> StoreService:
    return people.acting(people.user(role="admin"), OWN, "messages:send")


def test_the_successor_copies_and_the_old_one_is_dead(people: People, acting: StoreService, clock: TestClock) -> None:
    old = acting.create_token(NewToken("bot", family=plant.KEEBAI, scopes=("messages:send",), expires_in_days=7))
    clock.turn(days=5)
    new = acting.rotate_token(old.record.id)
    assert (new.record.name, new.record.family, new.record.scopes) == ("bot", plant.KEEBAI, ("messages:send",))
    assert new.record.rotated_from == old.record.id
    assert new.record.expires_at == new.record.created_at + timedelta(days=7)
    before = acting.token(old.record.id)
    assert (before.status, before.rotated_to, before.revoke_reason) == (TokenStatus.REVOKED, new.record.id, "rotated")
    assert people.store.authenticate(value(old)) is None
    assert people.store.authenticate(value(new)) is not None


def test_during_the_grace_both_live_and_never_past_the_old_expiry(
    people: People, acting: StoreService, clock: TestClock
) -> None:
    old = acting.create_token(NewToken("bot", expires_in_days=1))
    new = acting.rotate_token(old.record.id, grace_seconds=60)
    clock.turn(seconds=59)
    assert people.store.authenticate(value(old)) is not None
    clock.turn(seconds=1)
    assert people.store.authenticate(value(old)) is None
    assert acting.token(old.record.id).status is TokenStatus.EXPIRED
    newer = acting.rotate_token(new.record.id, grace_seconds=30 * 86400)
    assert acting.token(new.record.id).expires_at == new.record.expires_at
    endless = acting.create_token(NewToken("endless", never_expires=True))
    assert acting.rotate_token(endless.record.id, grace_seconds=5).record.expires_at is None
    assert acting.token(endless.record.id).expires_at == acting.token(endless.record.id).created_at + timedelta(
        seconds=5
    )
    assert newer.record.status is TokenStatus.ACTIVE


@pytest.mark.parametrize("grace", [0, 3600])
def test_rotated_twice_ends_the_whole_line(people: People, acting: StoreService, grace: int) -> None:
    first = acting.create_token(NewToken("bot"))
    second = acting.rotate_token(first.record.id, grace_seconds=grace)
    third = acting.rotate_token(second.record.id, grace_seconds=grace)
    with pytest.raises(RefusedError, match="theft") as refused:
        acting.rotate_token(first.record.id, grace_seconds=grace)
    assert refused.value.code == "CONFLICT"
    for each in (first, second, third):
        assert people.store.authenticate(value(each)) is None
        assert acting.token(each.record.id).status is TokenStatus.REVOKED
    actions = [event.action for event in people.local.audit(AuditFilter(token=first.record.id)).events]
    assert "token.rotated_twice" in actions
    assert "token.revoked" in [e.action for e in people.local.audit(AuditFilter(token=third.record.id)).events]


def test_a_narrow_token_cannot_rotate_a_broad_one(people: People) -> None:
    """It would be given the broad one's value."""
    user = people.user(role="admin")
    broad = people.acting(user, OWN, "security.respond").create_token(NewToken("b", scopes=("security.respond",)))
    with pytest.raises(RefusedError) as refused:
        people.acting(user, OWN).rotate_token(broad.record.id)
    assert refused.value.code == "SCOPE_NOT_HELD"
    assert people.store.authenticate(value(broad)) is not None


def test_what_is_dead_is_not_rotated(people: People, acting: StoreService, clock: TestClock) -> None:
    revoked = acting.create_token(NewToken("r")).record.id
    acting.revoke_token(revoked)
    expired = acting.create_token(NewToken("e", expires_in_days=1)).record.id
    clock.turn(days=1)
    for token_id in (revoked, expired):
        with pytest.raises(RefusedError) as refused:
            acting.rotate_token(token_id)
        assert refused.value.code == "CONFLICT"
    live = people.local.create_token(NewToken("l")).record.id
    for grace in (-1, 10**9):
        with pytest.raises(RefusedError) as refused:
            people.local.rotate_token(live, grace_seconds=grace)
        assert refused.value.pointers == ("/grace_seconds",)


def test_a_rotation_does_not_go_over_the_limit(place: Place) -> None:
    people = People(place.open(policies=with_policy(plant.KEEBAI, max_active=2)))
    user = people.user()
    acting = people.acting(user, OWN)
    old = [acting.create_token(NewToken("x", family=plant.KEEBAI)) for _ in range(2)]
    with pytest.raises(RefusedError) as refused:
        acting.rotate_token(old[0].record.id, grace_seconds=60)
    assert refused.value.code == "TOKEN_LIMIT_REACHED"
    acting.rotate_token(old[0].record.id)
    with pytest.raises(RefusedError):
        acting.create_token(NewToken("x", family=plant.KEEBAI))
