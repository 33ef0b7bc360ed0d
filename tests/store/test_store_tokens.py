"""Tokens: made, seen, accepted and refused, the same on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

import plant
from stores import People, Place, TestClock, ruleset, with_policy
from tokenguard.errors import RefusedError, StoreError
from tokenguard.model.audit import AuditFilter
from tokenguard.model.rule import Part, Rule, Severity, TokenFormat
from tokenguard.model.secret import Secret
from tokenguard.model.token import NewToken, TokenFilter, TokenStatus
from tokenguard.ruleset.assemble import combine
from tokenguard.store.clock import moment
from tokenguard.store.store import Store

OWN = "developer.manage_tokens"


def code(refused: pytest.ExceptionInfo[RefusedError]) -> str:
    return refused.value.code


def test_a_token_of_each_family_is_made_and_accepted(people: People) -> None:
    user = people.user(plan="SCALE")
    for family in plant.RULES:
        created = people.local.create_token(NewToken("build server", family=family, owner=user.id))
        assert created.token is not None
        assert created.record.family == family
        assert created.record.status is TokenStatus.ACTIVE
        assert created.token.reveal().decode().startswith(created.record.prefix)
        actor = people.actor(created.token)
        assert (actor.user_id, actor.token_id) == (user.id, created.record.id)


def test_whoever_has_no_token_of_the_store_is_nobody(store: Store) -> None:
    for family in plant.RULES:
        assert store.authenticate(Secret(plant.token(family).encode())) is None
    for odd in (b"", b"\0", b"\xff" * 70_000, b"' OR 1=1 --"):
        assert store.authenticate(Secret(odd)) is None


def test_rights_are_the_scopes_that_the_role_grants_now(people: People) -> None:
    role = people.role("mixed", OWN, "messages:send", "messages:bulk")
    user = people.user(role=role)
    token = people.token(user, OWN, "messages:send")
    assert people.actor(token).rights == {OWN, "messages:send"}
    people.local.change_role(role, permissions=[OWN, "messages:bulk"])
    assert people.actor(token).rights == {OWN}
    people.local.change_role(role, permissions=[OWN, "messages:send"])
    assert people.actor(token).rights == {OWN, "messages:send"}


def test_a_deactivated_owners_tokens_are_refused(people: People) -> None:
    user = people.user()
    token = people.token(user)
    people.local.change_user(user.id, active=False)
    assert people.store.authenticate(token) is None
    people.local.change_user(user.id, active=True)
    assert people.store.authenticate(token) is not None


def test_a_narrow_token_mints_no_broader_one(people: People) -> None:
    user = people.user(role="admin")
    narrow = people.acting(user, OWN)
    assert narrow.create_token(NewToken("as narrow", scopes=(OWN,))).record.scopes == (OWN,)
    with pytest.raises(RefusedError) as refused:
        narrow.create_token(NewToken("broader", scopes=(OWN, "security.respond", "audit.read")))
    assert code(refused) == "SCOPE_NOT_HELD"
    assert refused.value.missing == ("security.respond", "audit.read")
    without = people.acting(user, "audit.read")
    with pytest.raises(RefusedError) as refused:
        without.create_token(NewToken("none"))
    assert code(refused) == "INSUFFICIENT_SCOPE"


def test_nobody_mints_for_another_beyond_their_own_rights(people: People) -> None:
    """Who manages users could else mint a responder's token, and respond with it."""
    manager = people.user("mia", role=people.role("managers", OWN, "admin.manage_users"))
    responder = people.user("rob", role="responder")
    acting = people.acting(manager, OWN, "admin.manage_users")
    assert acting.create_token(NewToken("for rob", owner="rob@example.org", scopes=(OWN,))).record.owner.name == "rob"
    with pytest.raises(RefusedError) as refused:
        acting.create_token(NewToken("for me", owner=responder.id, scopes=("security.respond",)))
    assert code(refused) == "SCOPE_NOT_HELD"
    with pytest.raises(RefusedError) as refused:
        people.acting(responder, OWN).create_token(NewToken("for mia", owner=manager.id))
    assert code(refused) == "INSUFFICIENT_SCOPE"


@pytest.mark.parametrize(
    ("new", "pointer"),
    [
        (NewToken(""), "/name"),
        (NewToken("   "), "/name"),
        (NewToken("x" * 201), "/name"),
        (NewToken("two\nlines"), "/name"),
        (NewToken("nul\0"), "/name"),
        (NewToken("x", family="no-such-family"), "/family"),
        (NewToken("x", scopes=("no:such",)), "/scopes/0"),
        (NewToken("x", scopes=(OWN, "no:such")), "/scopes/1"),
        (NewToken("x", family="keebai-api-key", scopes=(OWN,)), "/scopes/0"),
        (NewToken("x", expires_in_days=0), "/expires_in_days"),
        (NewToken("x", expires_in_days=10**9), "/expires_in_days"),
        (NewToken("x", expires_in_days=1, never_expires=True), "/expires_at"),
        (NewToken("x", owner="nobody@example.org"), "/owner"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_pointer(people: People, new: NewToken, pointer: str) -> None:
    with pytest.raises(RefusedError) as refused:
        people.local.create_token(new)
    assert code(refused) == "VALIDATION"
    assert pointer in refused.value.pointers


def test_a_token_pasted_as_a_name_is_refused_and_not_repeated(people: People) -> None:
    pasted = plant.token(plant.BINBOI_ACCESS)
    with pytest.raises(RefusedError) as refused:
        people.local.create_token(NewToken(f"my {pasted}"))
    assert code(refused) == "VALIDATION"
    assert pasted not in str(refused.value)


def test_anothers_token_is_not_found(people: People) -> None:
    owner, other, responder = people.user("olga"), people.user("ben"), people.user("rob", role="responder")
    token_id = people.acting(owner, OWN).create_token(NewToken("mine")).record.id
    stranger = people.acting(other, OWN)
    for call in (stranger.token, stranger.revoke_token, stranger.rotate_token):
        refusals = set()
        for each in (token_id, "tok_000000000000000000000000", "x"):
            with pytest.raises(RefusedError) as refused:
                call(each)
            refusals.add((refused.value.code, str(refused.value)))
        assert len(refusals) == 1, "another's id and no id are told apart"
        assert refusals.pop()[0] == "NOT_FOUND"
    responding = people.acting(responder, OWN, "security.respond")
    assert responding.token(token_id).owner.name == "olga"
    with pytest.raises(RefusedError) as refused:
        responding.rotate_token(token_id)
    assert code(refused) == "INSUFFICIENT_SCOPE"
    assert responding.revoke_token(token_id, reason="leaked").revoked_by == responder.id


def test_revoked_is_at_once_and_for_good(people: People, clock: TestClock) -> None:
    user = people.user()
    token = people.token(user)
    acting = people.acting(user, OWN)
    token_id = people.actor(token).token_id or ""
    first = acting.revoke_token(token_id, reason="not needed")
    assert people.store.authenticate(token) is None
    assert (first.status, first.revoke_reason, first.revoked_by) == (TokenStatus.REVOKED, "not needed", user.id)
    clock.turn(seconds=10)
    assert people.local.revoke_token(token_id, reason="again") == first


def test_a_caller_whose_token_died_meanwhile_makes_nothing(people: People) -> None:
    """Authenticated, then revoked, then the transaction: nothing may come of it."""
    user = people.user()
    token = people.token(user, OWN)
    acting = people.store.acting(people.actor(token))
    people.local.revoke_token(people.actor(token).token_id or "")
    with pytest.raises(RefusedError) as refused:
        acting.create_token(NewToken("after"))
    assert code(refused) == "UNAUTHORIZED"
    user = people.user("eve")
    acting = people.acting(user, OWN)
    people.local.change_user(user.id, active=False)
    with pytest.raises(RefusedError) as refused:
        acting.create_token(NewToken("after"))
    assert code(refused) == "UNAUTHORIZED"


def test_limits_by_plan_and_flat(people: People) -> None:
    for plan, family, most in (("FREE", plant.BINBOI_ACCESS, 3), ("PRO", plant.KEEBAI, 10)):
        user = people.user(plan.lower(), plan=plan)
        acting = people.acting(user, OWN)
        made = [acting.create_token(NewToken("x", family=family)).record.id for _ in range(most)]
        with pytest.raises(RefusedError) as refused:
            acting.create_token(NewToken("one too many", family=family))
        assert code(refused) == "TOKEN_LIMIT_REACHED"
        limit = acting.list_tokens(TokenFilter()).limits[family]
        assert (limit.max_active, limit.active) == (most, most)
        acting.revoke_token(made[0])
        acting.create_token(NewToken("in its place", family=family))


def test_an_expired_token_frees_its_place_and_the_contact_is_told(place: Place, clock: TestClock) -> None:
    policies = replace(with_policy(plant.KEEBAI, max_active=1), contact="tokens@example.org")
    people = People(place.open(clock=clock, policies=policies))
    acting = people.store.acting(people.actor(people.token(people.user(), OWN, never_expires=True)))
    acting.create_token(NewToken("x", family=plant.KEEBAI, expires_in_days=1))
    with pytest.raises(RefusedError, match=r"tokens@example\.org"):
        acting.create_token(NewToken("y", family=plant.KEEBAI))
    clock.turn(days=1)
    acting.create_token(NewToken("y", family=plant.KEEBAI))


def test_expiry_is_as_the_policy_says(place: Place, clock: TestClock) -> None:
    policies = with_policy(plant.BINBOI_LIVE, default_lifetime_days=None)
    policies = with_policy(plant.KEEBAI, policies, max_lifetime_days=30)
    people = People(place.open(clock=clock, policies=policies))
    now = moment(clock.now)

    def expiry(family: str, **asked: object) -> datetime | None:
        return people.local.create_token(NewToken("x", family=family, **asked)).record.expires_at  # type: ignore[arg-type]

    assert expiry(plant.TOKENGUARD) == now + timedelta(days=90)
    assert expiry(plant.TOKENGUARD, never_expires=True) is None
    assert expiry(plant.TOKENGUARD, expires_at=now + timedelta(seconds=1)) == now + timedelta(seconds=1)
    assert expiry(plant.BINBOI_LIVE) is None
    assert expiry(plant.KEEBAI) == now + timedelta(days=30)
    for asked in (
        {"never_expires": True},
        {"expires_in_days": 31},
        {"expires_at": now},
        {"expires_at": now.replace(tzinfo=None)},
    ):
        with pytest.raises(RefusedError) as refused:
            expiry(plant.KEEBAI, **asked)
        assert code(refused) == "VALIDATION"


def test_a_taken_prefix_is_drawn_again(place: Place) -> None:
    """A family of 16 prefixes: all of them can be had, and each once."""
    rules = combine(ruleset(), (tiny_family(visible=5),))
    people = People(place.open(rules=rules, policies=with_policy("tiny", unique_prefix=True)))

    def make_too_many() -> None:
        for _ in range(17):
            people.local.create_token(NewToken("x", family="tiny"))

    with pytest.raises(StoreError, match="no free visible prefix"):
        make_too_many()
    page = people.local.list_tokens(TokenFilter(family="tiny"))
    assert 8 <= len({record.prefix for record in page.tokens}) == len(page.tokens) <= 16


def test_prefixes_that_are_not_unique_repeat(place: Place) -> None:
    people = People(place.open(rules=combine(ruleset(), (tiny_family(visible=5),))))
    for _ in range(20):
        people.local.create_token(NewToken("x", family="tiny"))
    page = people.local.list_tokens(TokenFilter(family="tiny"))
    assert len(page.tokens) == 20 > len({record.prefix for record in page.tokens})


def tiny_family(visible: int) -> Rule:
    """`tny_` and hexadecimal digits."""
    token = TokenFormat("tny_", (Part(alphabet="0123456789abcdef", length=40),), visible, 160.0)
    pattern = "tny_[0-9a-f]{40}"
    return Rule("tiny", "Tiny", Severity.LOW, pattern, pattern, 44, token=token, visible_prefix=visible)


def test_the_local_user_needs_no_set_up(people: People) -> None:
    identity = people.local.whoami()
    assert (identity.name, identity.auth_mode, identity.token_id) == ("local", "local", None)
    created = people.local.create_token(NewToken("x", scopes=("security.respond",)))
    assert created.record.owner.name == "local"
    assert people.local.audit(AuditFilter()).events[0].actor == "local:tester"


def test_families_say_what_the_caller_may_choose(people: People) -> None:
    user = people.user(role=people.role("sender", OWN, "messages:send"))
    families = {family.id: family for family in people.acting(user, OWN, "messages:send").families()}
    assert set(families) == set(plant.RULES)
    assert families[plant.KEEBAI].scopes == ("messages:send",)
    assert families[plant.TOKENGUARD].scopes == (OWN, "messages:send")
    assert (families[plant.BINBOI_ACCESS].visible_prefix, families[plant.BINBOI_ACCESS].max_active) == (19, 3)
    assert {family.id: family for family in people.acting(user, OWN).families()}[plant.KEEBAI].scopes == ()
