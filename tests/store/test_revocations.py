"""Revocations, the same on both databases: what each target comes to, who may, and what is written down."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from sqlalchemy import event, select

import plant
from stores import People, TestClock
from tokenguard.errors import RefusedError
from tokenguard.model.audit import AuditFilter
from tokenguard.model.leak import LeakPlace
from tokenguard.model.people import User
from tokenguard.model.revocation import Outcome, Target, TargetResult
from tokenguard.model.secret import Secret
from tokenguard.model.token import Created, NewToken
from tokenguard.store.service import StoreService
from tokenguard.store.store import Store
from tokenguard.store.tables import outbox
from tokenguard.store.tables import tokens as token_table

OWN = "developer.manage_tokens"
RESPOND = "security.respond"
KEEBAI = "keebai-api-key"
BINBOI = "binboi-access-token"

REVOKED, ALREADY, NOT_FOUND = Outcome.REVOKED, Outcome.ALREADY_REVOKED, Outcome.NOT_FOUND
AMBIGUOUS, REFUSED, INVALID = Outcome.AMBIGUOUS, Outcome.REFUSED, Outcome.INVALID


@pytest.fixture
def dana(people: People) -> User:
    return people.user("dana", plan="SCALE")


@pytest.fixture
def responder(people: People) -> StoreService:
    return people.acting(people.user("riley", role="responder"), OWN, RESPOND, "audit.read")


def made(people: People, user: User, family: str = KEEBAI) -> Created:
    return people.local.create_token(NewToken("leaked soon", family=family, owner=user.id))


def value(created: Created) -> Secret:
    assert created.token is not None
    return created.token


def outcomes(results: tuple[TargetResult, ...]) -> list[Outcome]:
    assert [result.target_index for result in results] == list(range(len(results)))
    return [result.outcome for result in results]


def same_prefix(store: Store, people: People, user: User, number: int) -> list[Created]:
    """Tokens of a family that lets a visible prefix repeat, with the same one: as if drawn so."""
    first = made(people, user)
    others = []
    for _ in range(number - 1):
        token = (first.record.prefix + plant.token(KEEBAI)[len(first.record.prefix) :]).encode()
        created = made(people, user)
        pepper_id, keyed = store.context.peppers.keyed(bytes.fromhex(Secret(token).sha256()))
        with store.database.writing() as connection:
            row = connection.execute(select(token_table).where(token_table.c.id == created.record.id)).one()
            values = dict(row._mapping) | {
                "id": store.context.new_id("tok"),
                "prefix": first.record.prefix,
                "keyed_hash": keyed,
                "pepper_id": pepper_id,
            }
            connection.execute(token_table.insert().values(values))
        others.append(Created(people.local.token(str(values["id"])), Secret(token)))
    return [first, *others]


def test_each_way_to_name_a_token(people: People, dana: User, responder: StoreService, store: Store) -> None:
    by_value, by_hash, by_id, by_prefix = (made(people, dana) for _ in range(4))
    unique = made(people, dana, BINBOI)
    results = responder.revoke(
        [
            Target(token=value(by_value)),
            Target(token_sha256=value(by_hash).sha256().upper()),
            Target(id=by_id.record.id),
            Target(prefix=by_prefix.record.prefix, family=KEEBAI),
            Target(prefix=unique.record.prefix),
        ],
        reason="in a public repository",
    )
    assert outcomes(results) == [REVOKED] * 5
    for created, result in zip((by_value, by_hash, by_id, by_prefix, unique), results, strict=True):
        assert store.authenticate(value(created)) is None
        assert result.token == people.local.token(created.record.id)
        assert result.token is not None
        assert result.token.revoke_reason == "in a public repository"
        assert result.token.revoked_by == responder.actor.user_id
        (revoked,) = people.local.audit(AuditFilter(token=created.record.id, limit=1)).events
        assert (revoked.action, revoked.actor) == ("token.revoked", responder.actor.user_id)
        assert (revoked.address, revoked.agent) == ("192.0.2.1", "test")


def test_one_bad_target_spoils_no_other(people: People, dana: User, responder: StoreService) -> None:
    good = made(people, dana)
    whole = value(good).reveal().decode()
    targets = [
        Target(),
        Target(id=good.record.id, prefix=good.record.prefix),
        Target(prefix=good.record.prefix[:-1]),
        Target(prefix=whole[:20]),
        Target(prefix=whole),
        Target(prefix="no such thing"),
        Target(prefix=""),
        Target(prefix="kbai_pk_\0\0\0\0"),
        Target(prefix="kbai_pk_\ud800abc"),
        Target(prefix=good.record.prefix, family="no-such-family"),
        Target(prefix=good.record.prefix, family=BINBOI),
        Target(token_sha256="a" * 3),
        Target(token_sha256="g" * 64),
        Target(token_sha256="é" * 64),
        Target(id=whole),
        Target(id="tok_" + "0" * 23 + "'"),
        Target(token=Secret(b"")),
        Target(token=Secret(b"x" * 1_000_000)),
        Target(token=Secret(good.record.prefix.encode())),
        Target(id=good.record.id),
    ]
    results = responder.revoke(targets)
    assert outcomes(results) == [INVALID] * 19 + [REVOKED]
    for result in results[:-1]:
        assert result.detail
        assert result.token is None
        # Not a character of a token beyond what may be shown.
        assert whole[:13] not in repr(result)


def test_what_nobody_has_is_not_found(responder: StoreService) -> None:
    results = responder.revoke(
        [
            Target(token=Secret(plant.token(KEEBAI).encode())),
            Target(token_sha256=Secret(plant.token(KEEBAI).encode()).sha256()),
            Target(id="tok_" + "0" * 24),
            Target(prefix=plant.token(BINBOI)[:19]),
        ]
    )
    assert outcomes(results) == [NOT_FOUND] * 4


def test_what_is_revoked_stays_as_it_is(people: People, dana: User, responder: StoreService, clock: TestClock) -> None:
    created = made(people, dana)
    (first,) = responder.revoke([Target(token=value(created))], reason="first")
    clock.turn(days=1)
    (second,) = responder.revoke([Target(id=created.record.id)], reason="second")
    assert second.outcome is ALREADY
    assert second.token == first.token
    events = people.local.audit(AuditFilter(token=created.record.id)).events
    assert [event.action for event in events] == ["token.revoked", "token.created"]


def test_the_same_token_among_the_targets_twice(people: People, dana: User, responder: StoreService) -> None:
    created = made(people, dana)
    targets = [Target(id=created.record.id), Target(token=value(created)), Target(prefix=created.record.prefix)]
    assert outcomes(responder.revoke(targets, dry_run=True)) == [REVOKED, ALREADY, ALREADY]
    assert outcomes(responder.revoke(targets)) == [REVOKED, ALREADY, ALREADY]
    assert len(people.local.audit(AuditFilter(token=created.record.id)).events) == 2


def test_a_shared_prefix_is_ambiguous_and_revokes_none(
    store: Store, people: People, dana: User, responder: StoreService
) -> None:
    shared = same_prefix(store, people, dana, 3)
    target = Target(prefix=shared[0].record.prefix)
    (result,) = responder.revoke([target])
    assert result.outcome is AMBIGUOUS
    assert result.token is None
    assert {each.id for each in result.candidates} == {each.record.id for each in shared}
    assert all(people.local.token(each.record.id).revoked_at is None for each in shared)

    # One of them dead: the one that leaked may be that one, and the others innocent.
    responder.revoke([Target(id=shared[0].record.id)])
    assert outcomes(responder.revoke([target])) == [AMBIGUOUS]
    # By its value or hash each is meant exactly, whatever the prefix.
    assert outcomes(responder.revoke([Target(token=value(shared[1]))])) == [REVOKED]
    assert people.local.token(shared[2].record.id).revoked_at is None

    (result,) = responder.revoke([target], all_matching=True)
    assert (result.outcome, len(result.candidates)) == (REVOKED, 3)
    assert all(people.local.token(each.record.id).revoked_at is not None for each in shared)
    assert outcomes(responder.revoke([target])) == [ALREADY]


def test_a_dry_run_says_the_same_and_does_nothing(people: People, dana: User, responder: StoreService) -> None:
    created = made(people, dana)
    targets = [Target(token=value(created)), Target(prefix="x")]
    place = LeakPlace("git", path="a.env")
    results = responder.revoke(targets, dry_run=True, leak=place)
    assert outcomes(results) == [REVOKED, INVALID]
    assert results[0].token == people.local.token(created.record.id) == created.record
    assert not responder.leaks().leaks
    assert outcomes(responder.revoke(targets)) == [REVOKED, INVALID]


def test_without_the_right_to_respond_only_ones_own(people: People, dana: User) -> None:
    narrow = people.acting(dana, OWN)
    stranger = people.user("sam")
    mine, theirs, dead, expired = made(people, dana), *(made(people, stranger) for _ in range(3))
    people.local.revoke([Target(id=dead.record.id)])
    results = narrow.revoke(
        [
            Target(id=theirs.record.id),
            Target(token_sha256=value(theirs).sha256()),
            Target(prefix=theirs.record.prefix),
            Target(token=value(theirs)),
            Target(token=value(dead)),
            Target(token_sha256=value(dead).sha256()),
            Target(id=mine.record.id),
        ]
    )
    # A whole value that is accepted now proves itself; nothing else tells a stranger's token from none.
    assert outcomes(results) == [NOT_FOUND, NOT_FOUND, NOT_FOUND, REFUSED, NOT_FOUND, NOT_FOUND, REVOKED]
    assert all(result.token is None and not result.candidates for result in results[:-1])
    assert people.local.token(theirs.record.id).revoked_at is None
    people.local.change_user(stranger.id, active=False)
    assert outcomes(narrow.revoke([Target(token=value(expired))])) == [NOT_FOUND]


def test_others_do_not_make_ones_own_prefix_ambiguous(store: Store, people: People, dana: User) -> None:
    sam = people.user("sam")
    mine, theirs = same_prefix(store, people, dana, 2)
    with store.database.writing() as connection:
        # A token does not change hands: as if it had been Sam's from the first.
        row = connection.execute(select(token_table).where(token_table.c.id == theirs.record.id)).one()
        pepper_id, keyed = store.context.peppers.keyed(bytes(32))
        copy = dict(row._mapping) | {
            "id": store.context.new_id("tok"), "owner_id": sam.id, "keyed_hash": keyed, "pepper_id": pepper_id
        }  # fmt: skip
        connection.execute(token_table.insert().values(copy))
    responder = people.acting(people.user("riley", role="responder"), OWN, RESPOND)
    assert len(responder.revoke([Target(prefix=mine.record.prefix)])[0].candidates) == 3
    (result,) = people.acting(dana, OWN).revoke([Target(prefix=mine.record.prefix)])
    assert (result.outcome, {each.id for each in result.candidates}) == (AMBIGUOUS, {mine.record.id, theirs.record.id})
    (result,) = people.acting(sam, OWN).revoke([Target(prefix=mine.record.prefix)])
    assert result.outcome is REVOKED
    assert result.token is not None
    assert result.token.owner.id == sam.id


def test_a_narrow_token_of_a_responder_is_narrow(people: People, dana: User) -> None:
    riley = people.user("riley", role="responder")
    created = made(people, dana)
    for scopes in ((), ("leaks:report",), ("audit.read",)):
        with pytest.raises(RefusedError) as refused:
            people.acting(riley, *scopes).revoke([Target(token=value(created))])
        assert (refused.value.code, refused.value.required) == ("INSUFFICIENT_SCOPE", (OWN,))
    assert outcomes(people.acting(riley, OWN).revoke([Target(id=created.record.id)])) == [NOT_FOUND]
    assert people.local.token(created.record.id).revoked_at is None


def test_who_was_revoked_meanwhile_revokes_nothing(people: People, dana: User) -> None:
    token = people.token(dana, OWN)
    actor = people.actor(token)
    created = made(people, dana)
    people.local.revoke([Target(token=token)])
    with pytest.raises(RefusedError) as refused:
        people.store.acting(actor).revoke([Target(id=created.record.id)])
    assert refused.value.code == "UNAUTHORIZED"


def test_too_many_targets(responder: StoreService) -> None:
    with pytest.raises(RefusedError) as refused:
        responder.revoke([Target(id="x")] * 1001)
    assert (refused.value.code, refused.value.pointers) == ("VALIDATION", ("/targets",))
    assert responder.revoke([]) == ()


def test_a_leak_is_recorded_with_the_revocation(people: People, dana: User, responder: StoreService) -> None:
    created, dead = made(people, dana), made(people, dana)
    people.local.revoke([Target(id=dead.record.id)])
    seen = datetime(2026, 1, 2, tzinfo=UTC)
    token = value(created).reveal().decode()
    place = LeakPlace("github", f"https://example.org/?t={token}", f"{token}/a\x1b[2J", "c0ffee", seen)
    results = responder.revoke(
        [Target(token=value(created)), Target(token=value(dead)), Target(id="x")], leak=place, reason=f"it was {token}"
    )
    assert outcomes(results) == [REVOKED, ALREADY, INVALID]
    leaks = responder.leaks().leaks
    assert {leak.token.id for leak in leaks if leak.token} == {created.record.id, dead.record.id}
    (leak,) = (leak for leak in leaks if leak.token and leak.token.id == created.record.id)
    (sighting,) = leak.sightings
    assert (leak.state, leak.first_seen, sighting.place.seen_at) == ("open", seen, seen)
    assert sighting.place.url == f"https://example.org/?t={created.record.prefix}…"
    assert sighting.place.path == f"{created.record.prefix}…/a [2J"
    assert people.local.token(created.record.id).revoke_reason == f"it was {created.record.prefix}…"
    (event_,) = people.local.audit(AuditFilter(token=created.record.id, limit=1)).events
    assert event_.detail["leak"] == leak.id
    assert token[:13] not in repr((leaks, event_))


def test_an_owner_is_told_once_of_all_that_died(store: Store, people: People, dana: User) -> None:
    sam = people.user("sam")
    created = [made(people, dana), made(people, dana), made(people, sam)]
    targets = [Target(id=each.record.id) for each in created]
    people.local.revoke(targets, reason="leaked")
    people.local.revoke(targets, reason="again")
    with store.database.reading() as connection:
        told = [json.loads(payload) for payload in connection.execute(select(outbox.c.payload)).scalars()]
    by_owner = {each["owner"]["id"]: each for each in told}
    assert len(told) == len(by_owner) == 2
    assert {each["id"] for each in by_owner[dana.id]["tokens"]} == {each.record.id for each in created[:2]}
    assert by_owner[sam.id]["reason"] == "leaked"


def test_whoever_holds_a_token_may_end_it(store: Store, people: People, dana: User) -> None:
    created, other = made(people, dana), made(people, dana)
    stranger = store.acting(store.anyone(address="203.0.113.9"))
    unknown = Secret(plant.token(KEEBAI).encode())
    prefix = Secret(other.record.prefix.encode())
    for _ in range(2):
        stranger.revoke_leaked([value(created), unknown, prefix, Secret(b""), Secret(b"\0" * 10_000)])
    assert store.authenticate(value(created)) is None
    assert store.authenticate(value(other)) is not None
    events = people.local.audit(AuditFilter(token=created.record.id)).events
    assert [(each.action, each.actor, each.address) for each in events[:1]] == [
        ("token.revoked", "anyone", "203.0.113.9")
    ]
    assert len(events) == 2
    with pytest.raises(RefusedError):
        stranger.revoke_leaked([unknown] * 1001)
    with pytest.raises(RefusedError):
        stranger.revoke([Target(token=value(other))])


@contextmanager
def statements(store: Store) -> Iterator[list[str]]:
    """The statements that run meanwhile."""
    seen: list[str] = []

    def note(*arguments: object) -> None:
        seen.append(str(arguments[2]))

    event.listen(store.database.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(store.database.engine, "before_cursor_execute", note)


def test_a_thousand_take_as_many_statements_as_one(store: Store, people: People, dana: User) -> None:
    counts = []
    place = LeakPlace("git", path="a")
    for number in (1, 20, 80):
        tokens = [value(made(people, dana, BINBOI)) for _ in range(number)]
        targets = [Target(token=token) for token in tokens]
        # Far fewer live tokens are permitted than are revoked here: revoked ones do not count.
        with statements(store) as seen:
            results = people.local.revoke(targets, leak=place)
        assert outcomes(results) == [REVOKED] * number
        assert not any(token.reveal().decode() in statement for token in tokens for statement in seen)
        counts.append(len(seen))
    assert len(set(counts)) == 1
    assert counts[0] <= 20


def test_unknown_tokens_are_written_down_as_long_as_known_ones(store: Store) -> None:
    """A call that changed nothing would not wait for the disk, and would tell by its time."""
    stranger = store.acting(store.anyone())
    with statements(store) as seen:
        stranger.revoke_leaked([Secret(plant.token(KEEBAI).encode())])
    assert any(statement.startswith(("UPDATE", "INSERT")) for statement in seen)
