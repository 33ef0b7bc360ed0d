"""Lists of tokens: whose, in which order, in pages; and the questions of hygiene."""

from __future__ import annotations

import pytest

import plant
from stores import People, Place, TestClock, with_policy
from tokenguard.errors import RefusedError
from tokenguard.model.expected_hours import ExpectedHours
from tokenguard.model.token import NewToken, TokenFilter, TokenStatus
from tokenguard.store.clock import DAY, HOUR
from tokenguard.store.service import StoreService

OWN = "developer.manage_tokens"
MONDAY = 1_790_553_600 * 1_000_000
"""2026-09-28 00:00 UTC."""


def names(service: StoreService, which: TokenFilter) -> list[str]:
    return [record.name for record in service.list_tokens(which).tokens]


def test_ones_own_newest_first_active_and_revoked(people: People, clock: TestClock) -> None:
    user, other = people.user(), people.user("ben", role="responder")
    acting = people.acting(user, OWN)
    for name in "abc":
        clock.turn(seconds=1)
        acting.create_token(NewToken(name, expires_in_days=1 if name == "a" else 2))
    acting.revoke_token(acting.list_tokens(TokenFilter()).tokens[0].id)
    clock.turn(days=1)
    assert names(acting, TokenFilter()) == ["c", "b", "a", "for a test"]
    for status, expected in ((TokenStatus.REVOKED, ["c"]), (TokenStatus.EXPIRED, ["a"])):
        assert names(acting, TokenFilter(status=status)) == expected
    assert names(acting, TokenFilter(status=TokenStatus.ACTIVE)) == ["b", "for a test"]
    assert names(acting, TokenFilter(family=plant.KEEBAI)) == []
    responding = people.acting(other, OWN, "security.respond")
    assert names(responding, TokenFilter()) == ["for a test"]
    assert set("abc") < set(names(responding, TokenFilter(everyone=True)))
    assert names(responding, TokenFilter(owner=user.id)) == ["c", "b", "a", "for a test"]
    with pytest.raises(RefusedError) as refused:
        responding.list_tokens(TokenFilter(owner="nobody@example.org"))
    assert (refused.value.code, refused.value.pointers) == ("VALIDATION", ("/owner",))


def test_others_tokens_need_the_right(people: People) -> None:
    user, other = people.user(), people.user("ben")
    acting = people.acting(user, OWN)
    for which in (
        TokenFilter(everyone=True),
        TokenFilter(owner=other.id),
        TokenFilter(owner="nobody@example.org"),
        TokenFilter(prefix="tgd_00000000"),
        TokenFilter(token_sha256="0" * 64),
    ):
        with pytest.raises(RefusedError) as refused:
            acting.list_tokens(which)
        assert (refused.value.code, refused.value.missing) == ("INSUFFICIENT_SCOPE", ("security.respond",))
    assert names(acting, TokenFilter(owner=user.email)) == ["for a test"]


def test_found_by_prefix_and_hash(people: People) -> None:
    created = people.local.create_token(NewToken("x", owner=people.user().id))
    assert created.token is not None
    for which in (
        TokenFilter(prefix=created.record.prefix),
        TokenFilter(token_sha256=created.token.sha256()),
        TokenFilter(token_sha256=created.token.sha256().upper()),
    ):
        assert [record.id for record in people.local.list_tokens(which).tokens] == [created.record.id]
    for wrong in ("", "0" * 63, "g" * 64, created.token.reveal().decode()):
        with pytest.raises(RefusedError) as refused:
            people.local.list_tokens(TokenFilter(token_sha256=wrong))
        assert refused.value.pointers == ("/token_sha256",)
    with pytest.raises(RefusedError) as refused:
        people.local.list_tokens(TokenFilter(prefix=created.token.reveal().decode()))
    assert refused.value.pointers == ("/prefix",)


def test_pages_join_without_gap_or_repetition_while_tokens_are_added(people: People, clock: TestClock) -> None:
    made = []
    for index in range(10):
        clock.turn(seconds=index % 3 == 0)  # several in one microsecond
        made.append(people.local.create_token(NewToken("x")).record.id)
    seen: list[str] = []
    cursor = None
    while True:
        page = people.local.list_tokens(TokenFilter(cursor=cursor, limit=3))
        seen += [record.id for record in page.tokens]
        cursor = page.next_cursor
        if cursor is None:
            break
        people.local.create_token(NewToken("meanwhile"))
    assert sorted(seen) == sorted(made)


@pytest.mark.parametrize("cursor", ["", "x", "é", "W10", "WzFd", "bnVsbA", "WyJhIiwgImIiXQ", "WzEsIDJd", "A" * 5000])
def test_a_cursor_of_nobodys_is_refused(people: People, cursor: str) -> None:
    with pytest.raises(RefusedError) as refused:
        people.local.list_tokens(TokenFilter(cursor=cursor))
    assert refused.value.pointers == ("/cursor",)


@pytest.mark.parametrize("limit", [0, -1, 1001])
def test_a_page_has_bounds(people: People, limit: int) -> None:
    with pytest.raises(RefusedError) as refused:
        people.local.list_tokens(TokenFilter(limit=limit))
    assert refused.value.pointers == ("/limit",)


def test_stale_and_expiring(people: People, clock: TestClock) -> None:
    user = people.user()
    used, _unused = (people.token(user, never_expires=True) for _ in range(2))
    soon = people.local.create_token(NewToken("soon", owner=user.id, expires_in_days=95)).record
    clock.turn(days=90)
    assert people.store.authenticate(used) is not None
    people.store.flush_uses()
    stale = people.local.list_tokens(TokenFilter(owner=user.id, stale_days=90)).tokens
    assert len(stale) == 2
    assert people.actor(used).token_id not in {record.id for record in stale}
    assert names(people.local, TokenFilter(owner=user.id, expiring_days=4)) == []
    assert names(people.local, TokenFilter(owner=user.id, expiring_days=5)) == ["soon"]
    people.local.revoke_token(soon.id)
    assert names(people.local, TokenFilter(owner=user.id, expiring_days=5)) == []
    assert len(people.local.list_tokens(TokenFilter(owner=user.id, stale_days=90)).tokens) == 1


def test_overscoped_is_what_the_role_does_not_grant_any_more(people: People) -> None:
    user = people.user(role=people.role("sender", OWN, "messages:send"))
    people.token(user)
    people.token(user, "messages:send")
    over = people.token(user, "messages:send", OWN)
    everyone = TokenFilter(everyone=True, overscoped=True)
    assert people.local.list_tokens(everyone).tokens == ()
    people.local.change_role("sender", permissions=["messages:send"])
    assert [record.id for record in people.local.list_tokens(everyone).tokens] == [people.actor(over).token_id]


def test_shared_is_used_from_several_addresses_lately(people: People, clock: TestClock) -> None:
    user = people.user()
    one, two = people.token(user, never_expires=True), people.token(user, never_expires=True)
    for token, address in ((one, "192.0.2.1"), (one, "192.0.2.1"), (two, "192.0.2.1"), (two, "2001:db8::1")):
        assert people.store.authenticate(token, address=address) is not None
    people.store.flush_uses()
    shared = people.local.list_tokens(TokenFilter(everyone=True, shared=True)).tokens
    assert [(record.id, record.addresses_30d) for record in shared] == [
        (people.store.authenticate(two).token_id, 2)  # type: ignore[union-attr]
    ]
    clock.turn(days=31)
    assert people.local.list_tokens(TokenFilter(everyone=True, shared=True)).tokens == ()


@pytest.mark.parametrize(
    ("hours", "odd"),
    [
        (ExpectedHours(), []),
        (ExpectedHours(first=8, end=18), ["night"]),
        (ExpectedHours(first=8, end=18, days=frozenset({1})), ["day", "night"]),
        (ExpectedHours(first=22, end=6, days=frozenset({0})), ["day"]),
        (ExpectedHours(first=22, end=6, days=frozenset({6})), ["day", "night"]),
        (ExpectedHours(first=16, end=20, utc_offset=6), ["night"]),
        (ExpectedHours(first=5, end=6, utc_offset=6), ["day"]),
    ],
)
def test_odd_hours(place: Place, hours: ExpectedHours, odd: list[str]) -> None:
    """Used on Monday at 12 and at 23, UTC."""
    clock = TestClock(MONDAY)
    people = People(place.open(clock=clock, policies=with_policy(plant.TOKENGUARD, expected_hours=hours)))
    tokens = {name: people.local.create_token(NewToken(name)).token for name in ("day", "night")}
    for name, hour in (("day", 12), ("night", 23)):
        clock.now = MONDAY + hour * HOUR
        assert people.store.authenticate(tokens[name]) is not None  # type: ignore[arg-type]
    people.store.flush_uses()
    assert sorted(names(people.local, TokenFilter(odd_hours=True))) == odd
    clock.now = MONDAY + 31 * DAY
    assert names(people.local, TokenFilter(odd_hours=True)) == []


def test_a_tokens_own_hours_count_instead_of_its_policys(place: Place) -> None:
    """Used on Monday at 12 and at 23, UTC, under a policy that expects the day."""
    clock = TestClock(MONDAY)
    policy = with_policy(plant.TOKENGUARD, expected_hours=ExpectedHours(first=8, end=18))
    people = People(place.open(clock=clock, policies=policy))
    hours = {"policy": None, "evening": "20-24", "night": "22-6", "local night": "mon 0-9 +10", "tuesday": "tue 0-24"}
    made = {
        name: people.local.create_token(NewToken(name, expected_hours=own, expires_in_days=90))
        for name, own in hours.items()
    }
    assert {name: each.record.expected_hours for name, each in made.items()} == {
        "policy": None,
        "evening": "20-24 UTC",
        "night": "22-06 UTC",
        "local night": "mon 00-09 UTC+10",
        "tuesday": "tue 00-24 UTC",
    }
    for hour, used in ((12, ("night", "tuesday")), (23, ("policy", "evening", "local night", "night", "tuesday"))):
        clock.now = MONDAY + hour * HOUR
        for name in used:
            assert people.store.authenticate(made[name].token) is not None  # type: ignore[arg-type]
    people.store.flush_uses()
    odd = people.local.list_tokens(TokenFilter(odd_hours=True)).tokens
    assert sorted(record.name for record in odd) == ["local night", "night", "policy", "tuesday"]
    assert all(record.odd_hours for record in odd)
    successor = people.local.rotate_token(made["night"].record.id)
    assert successor.record.expected_hours == "22-06 UTC"
    assert not successor.record.odd_hours
    clock.now = MONDAY + 47 * HOUR
    assert people.store.authenticate(successor.token) is not None  # type: ignore[arg-type]
    people.store.flush_uses()
    assert not people.local.token(successor.record.id).odd_hours


def test_hours_that_are_none_are_refused(people: People) -> None:
    with pytest.raises(RefusedError) as refused:
        people.local.create_token(NewToken("ci", expected_hours="office hours"))
    assert refused.value.pointers == ("/expected_hours",)
    assert "office" not in str(refused.value)


def test_an_idle_token_expires(place: Place, clock: TestClock) -> None:
    people = People(place.open(clock=clock, policies=with_policy(plant.TOKENGUARD, idle_expiry_days=30)))
    user = people.user()
    used, unused = (people.token(user, never_expires=True) for _ in range(2))
    clock.turn(days=29)
    assert people.store.authenticate(used) is not None
    people.store.flush_uses()
    clock.turn(days=1)
    assert people.store.authenticate(used) is not None
    assert people.store.authenticate(unused) is None
    assert len(people.local.list_tokens(TokenFilter(owner=user.id, status=TokenStatus.EXPIRED)).tokens) == 1
    assert len(people.local.list_tokens(TokenFilter(owner=user.id, status=TokenStatus.ACTIVE)).tokens) == 1
