"""Tokens found by a text and in an order, page by page; a rotation that is sent again; what an owner may read."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from stores import People, TestClock
from tokenguard.errors import RefusedError
from tokenguard.model.audit import AuditFilter
from tokenguard.model.leak import LeakPlace
from tokenguard.model.revocation import Target
from tokenguard.model.token import NewToken, TokenFilter, TokenSort, TokenStatus
from tokenguard.store.service import StoreService

MANAGE, RESPOND = "developer.manage_tokens", "security.respond"


@dataclass
class Two:
    """Somebody with tokens, and somebody who looks after everybody's."""

    developer: StoreService
    responder: StoreService


@pytest.fixture
def two(people: People) -> Two:
    developer = people.acting(people.user("dana"), MANAGE, "messages:send")
    return Two(developer, people.acting(people.user("rex", role="responder"), MANAGE, RESPOND))


def names(two: Two, which: TokenFilter) -> list[str]:
    """The names of all pages, two a page."""
    found: list[str] = []
    cursor = None
    while True:
        page = two.developer.list_tokens(replace(which, cursor=cursor, limit=2))
        found += [token.name for token in page.tokens if token.name != "for a test"]
        cursor = page.next_cursor
        if cursor is None:
            return found


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        (TokenSort.CREATED, ["never", "ant", "Cat", "bee", "Ape"]),
        (TokenSort.NAME, ["ant", "Ape", "bee", "Cat", "never"]),
        (TokenSort.LAST_USED, ["Ape", "bee", "Cat", "ant", "never"]),
        (TokenSort.EXPIRES, ["Cat", "ant", "bee", "Ape", "never"]),
    ],
)
def test_every_order_goes_through_all_pages_both_ways(
    two: Two, clock: TestClock, sort: TokenSort, expected: list[str], *, reverse: bool
) -> None:
    for name, days in (("Ape", 40), ("bee", 30), ("Cat", 5), ("ant", 20), ("never", None)):
        two.developer.create_token(NewToken(name, expires_in_days=days, never_expires=days is None))
        clock.turn(days=0.1)
    found = names(two, TokenFilter(sort=sort, reverse=reverse))
    assert found == (expected[::-1] if reverse else expected)


def test_a_text_is_looked_for_in_all_that_is_known_and_means_itself(two: Two) -> None:
    two.developer.create_token(NewToken("Nightly 100% build", scopes=("messages:send",)))
    made = two.developer.create_token(NewToken("under_score"))

    def found(text: str) -> list[str]:
        return names(two, TokenFilter(text=text))

    assert found("nightly") == ["Nightly 100% build"]
    assert found("0%") == ["Nightly 100% build"]
    assert found("r_score") == ["under_score"]
    assert found("MESSAGES:") == ["Nightly 100% build"]
    assert found(made.record.prefix[2:]) == ["under_score"]
    assert found("' OR 1=1 --") == []
    assert two.responder.list_tokens(TokenFilter(text="under", everyone=True)).tokens
    by_owner = two.responder.list_tokens(TokenFilter(text="DANA", everyone=True)).tokens
    assert {"Nightly 100% build", "under_score"} <= {each.name for each in by_owner}
    assert {each.owner.name for each in by_owner} == {made.record.owner.name}
    assert made.token is not None
    for text in (made.token.reveal().decode(), "x" * 201):
        with pytest.raises(RefusedError, match="text"):
            found(text)


def test_a_rotation_that_is_sent_again_is_no_second_one(two: Two) -> None:
    old = two.developer.create_token(NewToken("to rotate")).record
    first = two.developer.rotate_token(old.id, idempotency_key="once")
    again = two.developer.rotate_token(old.id, idempotency_key="once")
    assert first.token is not None
    assert again.token is None
    assert again.record == first.record
    assert two.developer.token(first.record.id).status is TokenStatus.ACTIVE
    with pytest.raises(RefusedError, match="another request"):
        two.developer.rotate_token(first.record.id, idempotency_key="once")


def test_an_owner_reads_what_became_of_a_token_of_theirs(two: Two) -> None:
    record = two.developer.create_token(NewToken("mine")).record
    two.responder.revoke([Target(id=record.id)], reason="seen", leak=LeakPlace("test", url="https://example.org/a"))
    events = two.developer.audit(AuditFilter(token=record.id)).events
    assert {event.action for event in events} >= {"token.created", "token.revoked"}
    assert all(event.address is None for event in events if event.actor != record.owner.id)
    (leak,) = two.developer.leaks(token=record.id).leaks
    assert leak.sightings[0].place.url == "https://example.org/a"

    other = two.responder.create_token(NewToken("theirs")).record
    with pytest.raises(RefusedError, match=r"audit\.read"):
        two.developer.audit(AuditFilter(token=other.id))
    with pytest.raises(RefusedError, match="no such token"):
        two.developer.leaks(token=other.id)
    with pytest.raises(RefusedError, match=r"security\.respond"):
        two.developer.leaks()
