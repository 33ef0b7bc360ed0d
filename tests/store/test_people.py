"""Users and roles: who may change them, and that an admin remains."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from stores import ADMIN, People
from tokenguard.errors import RefusedError
from tokenguard.model.audit import AuditFilter

OWN, USERS, ROLES = "developer.manage_tokens", "admin.manage_users", "admin.manage_roles"


def test_users_are_added_and_changed(people: People) -> None:
    user = people.local.create_user(email="Dana@Example.org", name="Dana", role="developer", plan="PRO")
    assert (user.email, user.plan, user.role, user.active) == ("dana@example.org", "PRO", "developer", True)
    changed = people.local.change_user("DANA@example.org", name="D.", plan="FREE", role="service", active=False)
    assert (changed.id, changed.name, changed.plan, changed.role, changed.active) == (
        user.id,
        "D.",
        "FREE",
        "service",
        False,
    )
    assert changed in people.local.users()
    assert people.local.change_user(user.id) == changed
    actions = [event.action for event in people.local.audit(AuditFilter()).events]
    assert actions[:2] == ["user.changed", "user.created"]


@pytest.mark.parametrize(
    ("values", "code", "pointer"),
    [
        ({"email": "no address"}, "VALIDATION", "/email"),
        ({"email": "a@b@c"}, "VALIDATION", "/email"),
        ({"email": "a\r\nBcc: x@example.org"}, "VALIDATION", "/email"),
        ({"email": ADMIN.upper()}, "CONFLICT", "/email"),
        ({"name": ""}, "VALIDATION", "/name"),
        ({"plan": "GOLD"}, "VALIDATION", "/plan"),
        ({"role": "nothing"}, "VALIDATION", "/role"),
    ],
)
def test_a_user_that_makes_no_sense(people: People, values: dict[str, str], code: str, pointer: str) -> None:
    with pytest.raises(RefusedError) as refused:
        people.local.create_user(**{"email": "x@example.org", "name": "X", "role": "developer", **values})
    assert (refused.value.code, refused.value.pointers) == (code, (pointer,))


def test_roles_are_added_changed_and_deleted(people: People) -> None:
    role = people.local.create_role(name="ops", permissions=["audit.read", "audit.read", "messages:send"])
    assert role.permissions == ("audit.read", "messages:send")
    assert people.local.change_role("ops", name="operators").permissions == role.permissions
    assert people.local.change_role(role.id, permissions=[]).name == "operators"
    people.user(role="operators")
    for refusal in (
        lambda: people.local.delete_role("operators"),
        lambda: people.local.create_role(name="operators", permissions=[]),
        lambda: people.local.change_role("developer", name="operators"),
    ):
        with pytest.raises(RefusedError) as refused:
            refusal()
        assert refused.value.code == "CONFLICT"
    people.local.change_user("dana@example.org", role="developer")
    people.local.delete_role(role.id)
    assert "operators" not in {each.name for each in people.local.roles()}
    with pytest.raises(RefusedError) as refused:
        people.local.create_role(name="x", permissions=["audit.read", "no:such"])
    assert refused.value.pointers == ("/permissions/1",)


def test_each_call_needs_its_permission(people: People) -> None:
    acting = people.acting(people.user(role="admin"), OWN)
    calls: dict[str, list[Callable[[], object]]] = {
        USERS: [
            acting.users,
            lambda: acting.create_user(email="x@example.org", name="x", role="developer"),
            lambda: acting.change_user("dana@example.org", name="x"),
        ],
        ROLES: [
            acting.roles,
            lambda: acting.create_role(name="x", permissions=[]),
            lambda: acting.change_role("developer", name="x"),
            lambda: acting.delete_role("developer"),
        ],
        "audit.read": [lambda: acting.audit(AuditFilter())],
    }
    for permission, each in calls.items():
        for call in each:
            with pytest.raises(RefusedError) as refused:
                call()
            assert (refused.value.code, refused.value.missing) == ("INSUFFICIENT_SCOPE", (permission,))


def test_nobody_grants_what_they_lack(people: People) -> None:
    """Who only manages roles, or only users, would else make themselves a responder."""
    user = people.user(role=people.role("half", ROLES, USERS))
    acting = people.acting(user, ROLES, USERS)
    assert acting.create_role(name="fine", permissions=[ROLES, "messages:send"]).name == "fine"
    for refusal in (
        lambda: acting.create_role(name="x", permissions=["security.respond"]),
        lambda: acting.change_role("half", permissions=[ROLES, USERS, "security.respond"]),
        lambda: acting.change_user(user.id, role="responder"),
        lambda: acting.create_user(email="x@example.org", name="x", role="admin"),
    ):
        with pytest.raises(RefusedError) as refused:
            refusal()
        assert refused.value.code == "INSUFFICIENT_SCOPE"
        assert "security.respond" in refused.value.missing


def test_the_last_admin_stays(people: People) -> None:
    for refusal in (
        lambda: people.local.change_user(ADMIN, active=False),
        lambda: people.local.change_user(ADMIN, role="developer"),
        lambda: people.local.change_role("admin", permissions=[OWN, USERS]),
    ):
        with pytest.raises(RefusedError, match="last admin") as refused:
            refusal()
        assert refused.value.code == "CONFLICT"
    second = people.user("second", role="admin")
    people.local.change_user(ADMIN, active=False)
    with pytest.raises(RefusedError, match="last admin"):
        people.local.change_user(second.id, role="developer")


def test_two_admins_do_not_remove_each_other(people: People) -> None:
    """At the same time: one of them stays."""
    admins = [people.user(f"admin{index}", role="admin") for index in range(4)]
    people.local.change_user(ADMIN, active=False)

    def remove(index: int) -> bool:
        try:
            people.local.change_user(admins[index].id, active=False)
        except RefusedError:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        removed = list(pool.map(remove, range(4)))
    assert removed.count(True) == 3
    assert [user.active for user in people.local.users() if user.role == "admin" and user.name != "local"].count(
        True
    ) == 1
