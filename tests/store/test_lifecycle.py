"""What time does to tokens: reminders, warnings, idle ones revoked, lifetimes shortened; and baits, which it spares."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import select

from stores import ADMIN, People, Place, TestClock, answer, question, with_policy
from tokenguard.model.audit import AuditFilter
from tokenguard.model.policy import Policies
from tokenguard.model.revocation import Target
from tokenguard.model.secret import Secret
from tokenguard.model.token import NewToken, TokenFilter, TokenStatus
from tokenguard.store.lifecycle import tend
from tokenguard.store.tables import outbox

FAMILY = "tokenguard-access-token"


@dataclass
class Shop:
    """A store under a policy, its clock, and one owner."""

    people: People
    clock: TestClock
    owner: str
    before: int = 0
    """Messages about tokens of the time before the test."""

    def token(self, days: int | None = 365, **more: Any) -> tuple[str, Secret]:
        said: dict[str, Any] = {"never_expires": True} if days is None else {"expires_in_days": days}
        made = self.people.local.create_token(NewToken("t", owner=self.owner, **said, **more))
        assert made.token is not None
        return made.record.id, made.token

    def tend(self) -> dict[str, int]:
        done = tend(self.people.store.database, self.people.store.context)
        return {what: number for what, number in done.items() if number}

    def told(self, kind: str) -> list[dict[str, Any]]:
        asked = select(outbox.c.payload).where(outbox.c.kind == kind).order_by(outbox.c.at)
        with self.people.store.database.reading() as connection:
            return [json.loads(payload) for payload in connection.execute(asked).scalars()]

    def actions(self, token_id: str) -> list[str]:
        return [each.action for each in self.people.local.audit(AuditFilter(token=token_id)).events][::-1]

    def status(self, token_id: str) -> TokenStatus:
        return self.people.local.token(token_id).status


@pytest.fixture
def shop(place: Place, clock: TestClock, request: pytest.FixtureRequest) -> Shop:
    changes = getattr(request, "param", {})
    return opened(place, clock, with_policy(FAMILY, **changes))


def opened(place: Place, clock: TestClock, policies: Policies | None = None) -> Shop:
    """A store without any live token."""
    people = People(place.open(clock=clock, policies=policies))
    for token in people.local.list_tokens(TokenFilter(owner=ADMIN)).tokens:
        people.local.revoke_token(token.id)
    shop = Shop(people, clock, people.user("owner", plan="SCALE").id)
    shop.before = len(shop.told("tokens.revoked"))
    return shop


def under(**changes: object) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("shop", [changes], indirect=True, ids=["policy"])


def test_reminders_come_14_and_3_days_before_the_end_each_once(shop: Shop) -> None:
    token_id, _ = shop.token(days=30)
    shop.token(days=300)
    assert shop.tend() == {}
    shop.clock.turn(days=16)
    assert shop.tend() == {"expiring": 1}
    assert shop.tend() == {}
    shop.clock.turn(days=11)
    assert shop.tend() == {"expiring": 1}
    assert shop.tend() == {}
    told = shop.told("tokens.expiring")
    assert [each["tokens"] for each in told] == [[{"id": token_id}]] * 2
    assert told[0]["owner"] == {"id": shop.owner}
    assert shop.actions(token_id) == ["token.created", "token.expiring", "token.expiring"]


def test_who_is_told_of_three_days_is_not_told_of_fourteen(shop: Shop) -> None:
    shop.token(days=30)
    shop.clock.turn(days=28)
    assert shop.tend() == {"expiring": 1}
    assert len(shop.told("tokens.expiring")) == 1


def test_one_message_an_owner(shop: Shop) -> None:
    for _ in range(5):
        shop.token(days=20)
    shop.clock.turn(days=10)
    assert shop.tend() == {"expiring": 5}
    (told,) = shop.told("tokens.expiring")
    assert len(told["tokens"]) == 5


def test_nobody_is_reminded_of_what_is_short_dead_rotated_a_bait_or_without_an_owner(shop: Shop) -> None:
    local = shop.people.local
    shop.token(days=2)
    revoked, _ = shop.token(days=20)
    local.revoke_token(revoked)
    rotated, _ = shop.token(days=20)
    local.rotate_token(rotated, grace_seconds=86400 * 20)
    shop.token(days=20, honeytoken=True)
    gone = shop.people.user("gone")
    local.create_token(NewToken("t", owner=gone.id, expires_in_days=20))
    local.change_user(gone.id, active=False)
    shop.clock.turn(days=19)
    assert shop.tend() == {"expiring": 1}, "only the successor of the one that was rotated"


@under(idle_expiry_days=30)
def test_an_idle_token_is_warned_of_then_revoked(shop: Shop) -> None:
    token_id, _ = shop.token(days=None)
    shop.clock.turn(days=22)
    assert shop.tend() == {}
    shop.clock.turn(days=1)
    assert shop.tend() == {"idle": 1}
    assert shop.tend() == {}
    assert shop.status(token_id) is TokenStatus.ACTIVE
    shop.clock.turn(days=7)
    assert shop.tend() == {"revoked": 1}
    assert shop.status(token_id) is TokenStatus.REVOKED
    assert shop.people.local.token(token_id).revoke_reason == "not used for 30 days"
    assert shop.actions(token_id) == ["token.created", "token.idle", "token.revoked"]
    (warned,), (told,) = shop.told("tokens.idle"), shop.told("tokens.revoked")[shop.before :]
    assert warned["revoked_from"] <= shop.clock.now
    assert [each["id"] for each in told["tokens"]] == [token_id]


@under(idle_expiry_days=30)
def test_a_use_after_the_warning_saves_it_and_it_is_warned_of_again(shop: Shop) -> None:
    token_id, token = shop.token(days=None)
    shop.clock.turn(days=25)
    assert shop.tend() == {"idle": 1}
    shop.clock.turn(days=1)
    assert shop.people.store.authenticate(token) is not None
    shop.people.store.flush_uses()
    shop.clock.turn(days=10)
    assert shop.tend() == {}
    shop.clock.turn(days=15)
    assert shop.tend() == {"idle": 1}
    shop.clock.turn(days=5)
    assert shop.tend() == {"revoked": 1}
    assert shop.actions(token_id) == ["token.created", "token.idle", "token.idle", "token.revoked"]


@under(idle_expiry_days=30)
def test_nothing_is_revoked_that_was_not_warned_of(shop: Shop) -> None:
    token_id, token = shop.token(days=None)
    shop.clock.turn(days=100)
    assert shop.people.store.authenticate(token) is None, "idle tokens are refused, swept or not"
    assert shop.tend() == {"idle": 1}
    shop.clock.turn(days=2)
    assert shop.tend() == {}
    shop.clock.turn(days=1)
    assert shop.tend() == {"revoked": 1}
    assert shop.status(token_id) is TokenStatus.REVOKED


@under(idle_expiry_days=30)
def test_a_bait_is_never_idle_and_rings_however_old_it_is(shop: Shop) -> None:
    token_id, bait = shop.token(days=60, honeytoken=True)
    shop.clock.turn(days=70)
    assert shop.tend() == {}
    assert shop.people.store.authenticate(bait, address="192.0.2.1") is None
    shop.people.store.flush_uses()
    assert shop.actions(token_id) == ["token.created", "honeytoken.used"]
    shop.people.local.revoke_token(token_id)
    shop.clock.turn(days=1)
    assert shop.people.store.authenticate(bait, address="192.0.2.1") is None
    shop.people.store.flush_uses()
    assert shop.actions(token_id)[-1] == "token.revoked", "whoever revokes it switches it off"


@under(max_lifetime_days=60)
def test_lifetimes_are_capped_when_minting_and_older_tokens_are_let_be(shop: Shop) -> None:
    with pytest.raises(Exception, match="at most 60 days"):
        shop.token(days=61)
    assert shop.tend() == {}


def test_older_tokens_are_shortened_where_the_policy_says_so(place: Place, clock: TestClock) -> None:
    shop = opened(place, clock)
    forever, _ = shop.token(days=None)
    long, _ = shop.token(days=300)
    short, _ = shop.token(days=30)
    bait, _ = shop.token(days=None, honeytoken=True)
    clock.turn(days=10)
    shop.people = People(place.open(clock=clock, policies=capped()))
    assert shop.tend() == {"shortened": 2}
    assert shop.tend() == {}
    assert [days_left(shop, each) for each in (forever, long, short, bait)] == [50, 50, 20, None]
    assert shop.actions(forever) == ["token.created", "token.shortened"]
    (told,) = shop.told("tokens.expiring")
    assert told["reason"] == "tokens of this family live 60 days at most"


def test_what_is_over_its_time_already_has_two_weeks(place: Place, clock: TestClock) -> None:
    shop = opened(place, clock)
    forever, _ = shop.token(days=None)
    clock.turn(days=200)
    shop.people = People(place.open(clock=clock, policies=capped()))
    assert shop.tend() == {"shortened": 1}, "and its owner is told once"
    assert days_left(shop, forever) == 14
    clock.turn(days=11)
    assert shop.tend() == {"expiring": 1}
    clock.turn(days=4)
    assert shop.tend() == {}
    assert shop.status(forever) is TokenStatus.EXPIRED


def capped() -> Policies:
    return with_policy(FAMILY, max_lifetime_days=60, shorten_existing=True)


def days_left(shop: Shop, token_id: str) -> int | None:
    record = shop.people.local.token(token_id)
    if record.expires_at is None:
        return None
    return round((record.expires_at.timestamp() * 1_000_000 - shop.clock.now) / 86_400_000_000)


def test_each_address_that_touches_a_bait_is_told_of(shop: Shop) -> None:
    token_id, bait = shop.token(honeytoken=True)
    store = shop.people.store
    for number in (1, 2, 2, 1):
        store.authenticate(bait, address=f"192.0.2.{number}", agent="curl/8")
    store.flush_uses()
    assert shop.actions(token_id) == ["token.created", *["honeytoken.used"] * 2]
    told = shop.told("honeytoken.used")
    assert sorted(each["address"] for each in told) == ["192.0.2.1", "192.0.2.2"]
    assert {each["agent"] for each in told} == {"curl/8"}
    for number in range(100):
        store.authenticate(bait, address=f"198.51.100.{number}")
    store.flush_uses()
    assert len(shop.told("honeytoken.used")) == 10, "a flood is cut off"


def test_a_bait_that_is_shown_to_a_service_rings(shop: Shop) -> None:
    token_id, bait = shop.token(honeytoken=True)
    service = shop.people.token(shop.people.user("svc", role="service"), "tokens.introspect")
    asked = answer(shop.people.store, question(service, token=bait, address="192.0.2.50", agent="gateway"))
    assert asked is not None
    assert not asked[1].active
    shop.people.store.flush_uses()
    (told,) = shop.told("honeytoken.used")
    assert (told["address"], told["agent"], told["shown_to_a_service"]) == ("192.0.2.50", "gateway", True)
    assert shop.actions(token_id) == ["token.created", "honeytoken.used"]


def test_a_service_that_is_shown_a_bait_rings_beside_who_used_it(shop: Shop) -> None:
    _, bait = shop.token(honeytoken=True)
    service = shop.people.token(shop.people.user("svc", role="service"), "tokens.introspect")
    store = shop.people.store
    store.authenticate(bait, address="192.0.2.50", agent="curl/8")
    for _ in range(3):
        answer(store, question(service, token=bait, address="192.0.2.50", agent="gateway"))
    store.flush_uses()
    assert [each.get("shown_to_a_service", False) for each in shop.told("honeytoken.used")] == [False, True]


def test_whoever_holds_a_bait_sets_it_off_and_cannot_switch_it_off(shop: Shop) -> None:
    people, store = shop.people, shop.people.store
    token_id, bait = shop.token(honeytoken=True)
    _, other = shop.token()
    store.acting(store.anyone(address="192.0.2.66", agent="curl/8")).revoke_leaked([other, bait])
    store.flush_uses()
    assert shop.status(token_id) is TokenStatus.ACTIVE
    (told,) = shop.told("honeytoken.used")
    assert (told["address"], told["agent"]) == ("192.0.2.66", "curl/8")
    assert len(shop.told("tokens.revoked")) == shop.before + 1, "the other one died"

    shop.clock.turn(seconds=61)
    people.acting(people.user("ben"), "developer.manage_tokens").revoke([Target(token=bait)])
    store.flush_uses()
    assert shop.actions(token_id) == ["token.created", *["honeytoken.used"] * 2]

    shop.clock.turn(seconds=61)
    people.local.revoke([Target(token=bait)])
    store.flush_uses()
    assert shop.actions(token_id)[-1] == "token.revoked"
    assert len(shop.told("honeytoken.used")) == 2, "who may respond switches it off in silence"
