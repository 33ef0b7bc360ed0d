"""Counts for charts, a leak's case, and users by the page: the same on either database."""

from __future__ import annotations

import pytest

from stores import People, TestClock
from tokenguard.errors import RefusedError
from tokenguard.model.leak import LeakPlace
from tokenguard.model.people import User
from tokenguard.model.revocation import Target
from tokenguard.model.token import Created, NewToken
from tokenguard.store.clock import moment
from tokenguard.store.figures import NO_TOKEN, NOT_YET, SPEEDS, USES, WEEKS
from tokenguard.store.overview import Overview
from tokenguard.store.store import Store

KEEBAI = "keebai-api-key"


@pytest.fixture
def dana(people: People) -> User:
    return people.user("dana")


@pytest.fixture
def overview(people: People, store: Store) -> Overview:
    riley = people.user("riley", role="responder")
    return store.overview(people.actor(people.token(riley, "security.respond", "developer.manage_tokens")))


def minted(people: People, owner: User) -> Created:
    return people.local.create_token(NewToken("a token", family=KEEBAI, owner=owner.id, never_expires=True))


def leak(people: People, created: Created, clock: TestClock, **place: str) -> str:
    assert created.token is not None
    finding = {"rule_id": KEEBAI, "prefix": created.record.prefix, "token_sha256": created.token.sha256()}
    (match,) = people.local.report_leaks(
        {"finding": finding | {"fingerprint": created.token.sha256()[:32]}, "seen_at": str(moment(clock())), **place}
    )
    return match.id


def test_live_tokens_are_counted_by_age_and_last_use(
    people: People, dana: User, overview: Overview, store: Store, clock: TestClock
) -> None:
    before = overview.token_figures()
    assert before.everyones
    minted(people, dana)
    used = minted(people, dana)
    dead = minted(people, dana)
    people.local.revoke([Target(id=dead.record.id)])
    clock.turn(days=40)
    assert used.token is not None
    store.authenticate(used.token)
    store.flush_uses()
    mine = store.overview(people.actor(people.token(dana, "developer.manage_tokens"))).token_figures()
    assert not mine.everyones
    never = len(USES) + 1
    assert mine.counts[2, 0] == 1
    assert mine.counts[2, never] == 1
    assert sum(count for (age, _), count in mine.counts.items() if age == 2) == 2


def test_leaks_are_counted_by_week_and_by_how_soon_they_were_dead(
    people: People, dana: User, overview: Overview, clock: TestClock
) -> None:
    alive, fast, slow = (minted(people, dana) for _ in range(3))
    for each in (alive, fast, slow):
        leak(people, each, clock)
    clock.turn(seconds=30)
    people.local.revoke([Target(id=fast.record.id)])
    clock.turn(days=20)
    people.local.revoke([Target(id=slow.record.id)])
    unknown = {"rule_id": KEEBAI, "prefix": "kbai_pk_0000", "token_sha256": None, "fingerprint": "f" * 32}
    people.local.report_leaks({"finding": unknown})
    figures = overview.leak_figures()
    # Twenty days ago is two whole weeks before the last one.
    assert dict(figures.counts) == {
        (WEEKS - 3, 0): 1,
        (WEEKS - 3, len(SPEEDS)): 1,
        (WEEKS - 3, NOT_YET): 1,
        (WEEKS - 1, NO_TOKEN): 1,
    }
    clock.turn(days=7 * WEEKS + 1)
    assert not overview.leak_figures().counts


def test_a_case_says_from_where_a_token_was_used_since_and_who_closed_it(
    people: People, dana: User, overview: Overview, store: Store, clock: TestClock
) -> None:
    created = minted(people, dana)
    assert created.token is not None
    store.authenticate(created.token, address="192.0.2.9")
    store.flush_uses()
    clock.turn(days=1)
    found = leak(people, created, clock)
    for address, times in (("192.0.2.7", 2), ("192.0.2.8", 1)):
        for _ in range(times):
            store.authenticate(created.token, address=address)
        clock.turn(seconds=10)
    store.flush_uses()
    people.local.resolve_leak(found, "history rewritten")
    case = overview.leak_case(found)
    assert [(each.address, each.uses) for each in case.addresses] == [("192.0.2.8", 1), ("192.0.2.7", 2)]
    assert case.leak.uses_since == 3
    assert case.resolved_at == moment(clock())
    assert case.resolved_by == "local:tester"


def test_users_are_found_and_paged(people: People, store: Store, dana: User) -> None:
    for number in range(7):
        people.user(f"user{number}")
    admin = store.overview(store.local("tester"))
    seen, cursor = [], None
    while True:
        page = admin.users_page(text="user", cursor=cursor, limit=3)
        seen += [user.name for user in page.users]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == [f"user{number}" for number in range(7)]
    assert [user.id for user in admin.users_page(text="DANA@").users] == [dana.id]
    assert not admin.users_page(text="%").users
    assert admin.user(dana.id).email == dana.email
    assert admin.people({dana.id, "local:root", "usr_unknown"}).keys() == {dana.id}


def test_each_is_only_for_those_who_may(people: People, store: Store, dana: User, clock: TestClock) -> None:
    found = leak(people, minted(people, dana), clock, url=LeakPlace().url)
    narrow = store.overview(people.actor(people.token(dana, "messages:send")))
    for call in (
        narrow.token_figures,
        narrow.leak_figures,
        lambda: narrow.leak_case(found),
        lambda: narrow.people({dana.id}),
        narrow.users_page,
        lambda: narrow.user(dana.id),
    ):
        with pytest.raises(RefusedError) as refused:
            call()
        assert refused.value.code == "INSUFFICIENT_SCOPE"
