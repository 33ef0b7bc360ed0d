"""A leaked narrow token, or one that was revoked a moment ago: what it must not find out, and must not do."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from stores import People
from tokenguard.errors import RefusedError
from tokenguard.model.audit import AuditFilter
from tokenguard.model.revocation import Outcome, Target
from tokenguard.model.token import NewToken, TokenFilter, TokenSort
from tokenguard.store.cursor import cursor_after
from tokenguard.store.engine import open_database
from tokenguard.store.service import StoreService

OWN = "developer.manage_tokens"


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(RefusedError) as refused:
        call()
    return refused.value.code


def test_a_token_without_scopes_lists_nothing_not_even_by_naming_its_owner(people: People) -> None:
    user = people.user()
    acting = people.acting(user)
    for which in (TokenFilter(), TokenFilter(owner=user.id), TokenFilter(owner=user.email)):
        assert code_of(partial(acting.list_tokens, which)) == "INSUFFICIENT_SCOPE"


def test_a_cursor_at_a_strangers_token_does_not_tell_its_name(people: People) -> None:
    user, other = people.user(), people.user("ben")
    theirs = people.local.create_token(NewToken("m: of somebody else", owner=other.id)).record
    acting = people.acting(user, OWN)
    for name in ("a", "z"):
        acting.create_token(NewToken(name))
    pages = [
        acting.list_tokens(TokenFilter(sort=TokenSort.NAME, cursor=cursor_after(0, token_id))).tokens
        for token_id in (theirs.id, "tok_" + "0" * 24)
    ]
    assert pages[0] == pages[1]


def test_a_cursor_that_somebody_wrote_is_no_fault(people: People) -> None:
    acting = people.acting(people.user("ada", role="admin"), OWN, "security.respond", "audit.read")
    for row_id in ("\ud800", "a\0", "\x1b[2J"):
        written = cursor_after(0, row_id)
        for call in (
            partial(acting.list_tokens, TokenFilter(cursor=written)),
            partial(acting.list_tokens, TokenFilter(cursor=written, sort=TokenSort.NAME)),
            partial(acting.leaks, cursor=written),
            partial(acting.audit, AuditFilter(cursor=written)),
        ):
            assert code_of(call) == "VALIDATION"


def test_a_strangers_honeytoken_is_not_told_from_a_token_that_never_was(people: People) -> None:
    user, other = people.user(), people.user("ben")
    acting = people.acting(user, OWN)
    bait = people.token(other, honeytoken=True)
    (result,) = acting.revoke([Target(token=bait)], dry_run=True)
    assert result.outcome is Outcome.NOT_FOUND
    (result,) = acting.revoke([Target(token=bait)])
    assert result.outcome is Outcome.NOT_FOUND


CHANGES: dict[str, Callable[[StoreService], object]] = {
    "user added": lambda acting: acting.create_user(email="new@example.org", name="new", role="developer"),
    "user changed": lambda acting: acting.change_user("ben@example.org", plan="PRO"),
    "role added": lambda acting: acting.create_role(name="new", permissions=[]),
    "role changed": lambda acting: acting.change_role("scanner", permissions=[]),
    "role deleted": lambda acting: acting.delete_role("scanner"),
    "leak reported": lambda acting: acting.report_leaks({"finding": {"rule_id": "x", "prefix": "x"}}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_request_whose_token_died_on_the_way_changes_nothing(people: People, change: str) -> None:
    people.user("ben")
    admin = people.user("ada", role="admin")
    token = people.token(admin, OWN, "admin.manage_users", "admin.manage_roles", "leaks:report")
    acting = people.store.acting(people.actor(token))
    people.local.revoke([Target(token=token)])
    assert code_of(lambda: CHANGES[change](acting)) == "UNAUTHORIZED"


def test_a_password_in_a_urls_query_is_in_no_name() -> None:
    database = open_database("postgresql://ada:hidden1@db.example.org/tokens?password=hidden2&sslpassword=hidden3")
    assert "hidden" not in database.name
    assert "db.example.org/tokens" in database.name
