"""Users, roles and the audit in the dashboard, without a script."""

from __future__ import annotations

import re
import secrets

import pytest

from server.serving import Api
from server.visitor import Visitor, visitor, words

HOSTILE = "<b onmouseover=alert(1)>\"'>"


@pytest.fixture
def admin(api: Api) -> Visitor:
    return visitor(api)


def user_id(api: Api, email: str) -> str:
    return next(str(user["id"]) for user in api.get("/api/v1/users")["users"] if user["email"] == email)


def role_id(api: Api, name: str) -> str:
    return next(str(role["id"]) for role in api.get("/api/v1/roles")["roles"] if role["name"] == name)


def test_a_user_is_added_found_changed_and_deactivated(api: Api, admin: Visitor) -> None:
    fields = {"email": "Ada@Example.org", "name": f"Ada {HOSTILE}", "role": "developer", "plan": "PRO"}
    assert admin.send("/users/new", fields).status_code == 303
    _, token = api.mint("ada@example.org", "developer.manage_tokens")
    found = admin.send("/users/find", {"text": "ADA@"})
    assert found.headers["Location"] == "/users?text=ADA%40"
    page = admin.page("/users?text=ADA%40")
    assert HOSTILE not in page
    assert f"Ada {HOSTILE}" in words(page)
    path = f"/users/{user_id(api, 'ada@example.org')}"
    assert "checked" in admin.page(path)
    change = {"name": "Ada", "role": "responder", "plan": "SCALE"}
    assert admin.send(path, change | {"active": "yes"}).status_code == 303
    assert not api.dead(token)
    assert admin.send(path, change).status_code == 303
    assert api.dead(token)
    assert "Deactivated" in admin.page("/users?text=ada")


def test_what_is_wrong_with_a_user_is_said_beside_the_form(admin: Visitor) -> None:
    answer = admin.send("/users/new", {"email": "nobody", "name": "Kept Name", "role": "developer", "plan": "FREE"})
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text
    assert 'value="Kept Name"' in answer.text
    taken = admin.send("/users/new", {"email": "admin@example.org", "name": "A", "role": "developer", "plan": "FREE"})
    assert taken.status_code == 409
    long = {"email": "l@example.org", "name": "n" * 10_000, "role": "developer", "plan": "FREE"}
    assert admin.send("/users/new", long).status_code == 422
    assert admin.get("/users/usr_000000000000000000000000").status_code == 404


def test_whoever_manages_roles_alone_is_shown_no_form_of_users(api: Api) -> None:
    name = "n" + secrets.token_hex(4)
    narrow = visitor(api, api.mint(api.user(name, "admin.manage_roles"), "admin.manage_roles")[1])
    assert narrow.get("/roles").status_code == 200
    for path in ("/users", "/users/new", f"/users/{user_id(api, 'admin@example.org')}"):
        assert "Manage Users" in narrow.page(path, 403)


def test_the_last_admin_stays(api: Api, admin: Visitor) -> None:
    path = f"/users/{user_id(api, 'admin@example.org')}"
    for change in ({"role": "developer", "active": "yes"}, {"role": "admin"}):
        answer = admin.send(path, {"name": "Admin", "plan": "SCALE"} | change)
        assert answer.status_code == 409
        assert "the last admin stays" in answer.text.lower()
    role = role_id(api, "admin")
    before = [("before", each) for each in api.store.context.permissions]
    answer = admin.send(f"/roles/{role}", [("name", "admin"), ("permission", "audit.read"), *before])
    assert answer.status_code == 409
    assert "the last admin stays" in answer.text.lower()


def test_the_permission_table_and_a_role_of_ones_own(api: Api, admin: Visitor) -> None:
    fields = [("name", f"on call {HOSTILE}"), ("permission", "security.respond"), ("permission", "audit.read")]
    assert admin.send("/roles/new", fields).status_code == 303
    page = admin.page("/roles")
    assert HOSTILE not in page
    text = words(page)
    assert "Developer Manage API Tokens developer.manage_tokens" in text
    role = role_id(api, f"on call {HOSTILE}")
    form = admin.page(f"/roles/{role}")
    assert len(re.findall(r'name="permission"[^>]* checked', form)) == 2
    before = [("before", "security.respond"), ("before", "audit.read")]
    changed = admin.send(f"/roles/{role}", [("name", "on call"), ("permission", "audit.read"), *before])
    assert changed.status_code == 303
    stale = admin.send(f"/roles/{role}", [("name", "on call"), ("permission", "leaks:report"), *before])
    assert stale.status_code == 409
    assert "meanwhile" in stale.text
    assert admin.send(f"/roles/{role}/delete", {}).status_code == 303
    assert admin.get(f"/roles/{role}").status_code == 404
    used = admin.send(f"/roles/{role_id(api, 'admin')}/delete", {})
    assert used.status_code == 409
    unknown = admin.send("/roles/new", [("name", "x"), ("permission", "everything")])
    assert unknown.status_code == 422


def test_nobody_grants_what_they_do_not_have(api: Api) -> None:
    token = api.mint(api.user("mallory", "admin.manage_roles"), "admin.manage_roles")[1]
    mallory = visitor(api, token)
    answer = mallory.send("/roles/new", [("name", "mine"), ("permission", "security.respond")])
    assert answer.status_code == 403
    assert "mine" not in [role["name"] for role in api.get("/api/v1/roles")["roles"]]


def test_the_audit_is_narrowed_by_token_actor_and_day(api: Api, admin: Visitor) -> None:
    token_id, _ = api.mint()
    api.ask("DELETE", f"/api/v1/tokens/{token_id}")
    text = words(admin.page(f"/audit?token={token_id}"))
    assert "token.revoked" in text
    assert "token.created" in text
    assert "user.created" not in text
    assert "Admin" in text
    assert "token.revoked" in admin.page("/audit?actor=admin@example.org")
    assert "Nothing was done that matches" in admin.page("/audit?actor=nobody")
    assert "Nothing was done that matches" in admin.page("/audit?since=2999-01-01")
    assert "This is no day" in admin.page("/audit?since=yesterday")


def test_the_audit_has_pages(api: Api, admin: Visitor) -> None:
    token_id, _ = api.mint()
    for _ in range(60):
        api.mint()
    first = admin.page("/audit?actor=admin@example.org")
    following = re.search(r'href="(\?[^"]+)" rel="next"', first)
    assert following
    second = admin.page("/audit" + following[1].replace("&amp;", "&"))
    assert token_id not in first
    assert token_id in second
    assert "To the first page" in second
    assert admin.get("/audit?cursor=nonsense").status_code == 422


@pytest.mark.parametrize("path", ["/users/find", "/audit/find"])
def test_a_token_that_is_pasted_gets_into_no_address(api: Api, admin: Visitor, path: str) -> None:
    token = "kbai_pk_" + secrets.token_hex(32)
    answer = admin.send(path, {"text": token, "token": f"see {token}", "actor": "somebody"})
    assert answer.status_code == 303
    assert token[12:] not in answer.headers["Location"]
    assert "actor=somebody" in answer.headers["Location"]
    assert token not in "".join(api.log)


def test_a_page_that_is_not_there_says_so_once(admin: Visitor) -> None:
    text = words(admin.page("/nothing", 404))
    assert text.count("Not found") == 2, "as the window's title and the page's"
    assert text.count("There is nothing here") == 1


def test_charts_say_in_a_table_what_they_draw(admin: Visitor) -> None:
    page = admin.page("/charts")
    assert page.count('<svg class="chart"') >= 1
    assert "style=" not in page
    assert "The numbers as a table" in page
    policy = admin.get("/charts").headers["Content-Security-Policy"]
    assert "unsafe" not in policy
