"""The client of a store's API: every call against the real server, and every way in which one can fail to be one."""

from __future__ import annotations

import secrets
import traceback
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

import plant
from respond.web import Reply, in_turn, reply
from respond.web import serving as serving_replies
from server.serving import ADMIN, Api, serving
from tokenguard.errors import RefusedError, TokenguardError, UnavailableError
from tokenguard.model import Secret, Status
from tokenguard.model.audit import AuditFilter
from tokenguard.model.leak import LeakPlace
from tokenguard.model.revocation import Outcome, Target, TargetResult
from tokenguard.model.token import NewToken, TokenFilter, TokenStatus
from tokenguard.respond.client import Client
from tokenguard.respond.http import Patience
from tokenguard.respond.issuer import Suspect
from tokenguard.respond.store_issuer import StoreIssuer
from tokenguard.ruleset.assemble import load_builtin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tokenguard.model.service import TokenService

QUICK = Patience(connect=2, read=1, total=5, attempts=2, first_pause=0.01, longest_pause=1)
FAMILY = plant.BINBOI_ACCESS
FAR = datetime.now(UTC) + timedelta(days=30)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    folder: Path = tmp_path_factory.mktemp("server")
    with serving(folder / "store.db", folder) as running:
        yield running


def client_of(api: Api, token: str | None = None) -> Client:
    return Client(api.url, Secret((token or api.admin).encode()), patience=QUICK)


@pytest.fixture
def client(api: Api) -> Iterator[Client]:
    made = client_of(api)
    yield made
    made.close()


def made_by(client: Client, **more: Any) -> tuple[str, Secret]:
    """Id and value of a token of the admin's own family, of which there may be any number."""
    created = client.create_token(NewToken(f"a token {secrets.token_hex(2)}", **more))
    assert created.token is not None
    return created.record.id, created.token


def refusal(call: Callable[[], object]) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        call()
    return caught.value


def test_it_is_a_token_service(client: Client) -> None:
    service: TokenService = client
    assert service.whoami().email == ADMIN


def test_who_one_is_and_what_there_is(client: Client, api: Api) -> None:
    me = client.whoami()
    assert me == api.store.acting(_actor(api)).whoami()
    assert me.auth_mode == "token"
    families = client.families()
    assert FAMILY in [family.id for family in families]
    assert families == api.store.acting(_actor(api)).families()


def _actor(api: Api) -> Any:
    actor = api.store.authenticate(Secret(api.admin.encode()), address=None, agent=None)
    assert actor is not None
    return actor


def test_a_tokens_life(client: Client, api: Api) -> None:
    created = client.create_token(NewToken("ci", scopes=("security.respond",), expires_at=FAR))
    assert created.token is not None
    record = created.record
    assert (record.name, record.scopes, record.status) == ("ci", ("security.respond",), TokenStatus.ACTIVE)
    assert client.token(record.id) == record
    assert client_of(api, created.token.reveal().decode()).whoami().token_id == record.id

    successor = client.rotate_token(record.id, grace_seconds=60)
    assert successor.record.rotated_from == record.id
    assert client.token(record.id).rotated_to == successor.record.id

    revoked = client.revoke_token(successor.record.id, reason="done with")
    assert (revoked.status, revoked.revoke_reason) == (TokenStatus.REVOKED, "done with")
    assert client.revoke_token(successor.record.id, reason="again") == revoked
    assert refusal(lambda: client.revoke_token("tok_none")).code == "NOT_FOUND"
    assert refusal(lambda: client.token("tok_none")).code == "NOT_FOUND"
    for odd in ("", "..", "../users"):
        assert refusal(lambda odd=odd: client.token(odd)).code == "NOT_FOUND"  # type: ignore[misc]


def test_a_creation_that_is_repeated_makes_one(client: Client) -> None:
    key = secrets.token_hex(8)
    first, again = (client.create_token(NewToken("once"), idempotency_key=key) for _ in range(2))
    assert first.token is not None
    assert again.token is None
    assert again.record == first.record


def test_lists_and_their_pages(client: Client, api: Api) -> None:
    owner = api.user("lister", "developer.manage_tokens")
    ids = [api.mint(owner)[0] for _ in range(5)]
    seen, cursor = [], None
    while True:
        page = client.list_tokens(TokenFilter(owner=owner, status=TokenStatus.ACTIVE, limit=2, cursor=cursor))
        seen += [record.id for record in page.tokens]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert sorted(seen) == sorted(ids)
    assert client.list_tokens(TokenFilter(everyone=True, stale_days=1, overscoped=True, shared=True)).tokens == ()


def test_what_one_may_not(client: Client, api: Api) -> None:
    owner = api.user("nobody", "developer.manage_tokens")
    _, token = api.mint(owner, "developer.manage_tokens")
    theirs = client_of(api, token)
    error = refusal(theirs.users)
    assert (error.code, error.required, error.missing) == (
        "INSUFFICIENT_SCOPE",
        ("admin.manage_users",),
        ("admin.manage_users",),
    )
    mine, _ = made_by(client)
    assert refusal(lambda: theirs.token(mine)).code == "NOT_FOUND"
    assert refusal(lambda: theirs.revoke_token(mine)).code == "NOT_FOUND"
    assert client.token(mine).status is TokenStatus.ACTIVE
    unheld = refusal(lambda: theirs.create_token(NewToken("x", scopes=("audit.read",))))
    assert unheld.code == "SCOPE_NOT_HELD"


def test_a_wrong_request_is_pointed_at(client: Client) -> None:
    error = refusal(lambda: client.create_token(NewToken("")))
    assert error.code == "VALIDATION"
    assert refusal(lambda: client.create_token(NewToken("x", expires_in_days=-1))).pointers == ("/expires_in_days",)


def test_a_token_that_is_none_is_not_accepted(api: Api) -> None:
    token = plant.token(plant.TOKENGUARD)
    error = refusal(client_of(api, token).whoami)
    assert error.code == "UNAUTHORIZED"
    assert token not in str(error)


def test_people_and_roles(client: Client) -> None:
    role = client.create_role(name="helpers", permissions=("developer.manage_tokens",))
    assert role in client.roles()
    assert client.change_role(role.id, permissions=()).permissions == ()
    assert client.change_role(role.name, name="others").name == "others"
    user = client.create_user(email="one+two@example.org", name="One", role="others")
    assert user in client.users()
    assert not client.change_user("one+two@example.org", active=False, plan="PRO").active
    assert refusal(lambda: client.delete_role(role.id)).code == "CONFLICT"
    assert client.change_user(user.id, role="admin").role == "admin"
    client.delete_role(role.id)
    assert refusal(lambda: client.delete_role(role.id)).code == "NOT_FOUND"


def test_revocations_in_the_order_of_their_targets(client: Client, api: Api) -> None:
    by_id, (_, by_value), (third, by_hash) = made_by(client)[0], made_by(client), made_by(client)
    prefix = client.token(third).prefix
    unknown = Secret(plant.token(plant.TOKENGUARD).encode())
    targets = (
        Target(id=by_id),
        Target(token=by_value),
        Target(token=unknown),
        Target(token_sha256=by_hash.sha256()),
        Target(prefix=prefix, family=plant.TOKENGUARD),
        Target(prefix="tgd_"),
    )
    place = LeakPlace("tokenguard", path="a.env", commit="c" * 40, seen_at=FAR)
    dry = client.revoke(targets, dry_run=True)
    assert client.token(by_id).status is TokenStatus.ACTIVE
    results = client.revoke(targets, reason="leaked", leak=place)
    expected = [Outcome.REVOKED, Outcome.REVOKED, Outcome.NOT_FOUND, Outcome.REVOKED]
    assert [result.outcome for result in results[:4]] == [result.outcome for result in dry[:4]] == expected
    assert results[4].outcome in {Outcome.ALREADY_REVOKED, Outcome.REVOKED}
    assert results[5].outcome is Outcome.INVALID
    assert [result.target_index for result in results] == list(range(6))
    assert api.dead(by_value.reveal().decode())


def test_more_targets_than_a_call_takes(client: Client, api: Api) -> None:
    ids = [made_by(client)[0] for _ in range(3)]
    targets = [Target(id="tok_none")] * 2101
    for place, token_id in zip((0, 1000, 2100), ids, strict=True):
        targets[place] = Target(id=token_id)
    results = client.revoke(targets, reason="many")
    assert [result.target_index for result in results] == list(range(2101))
    # Not REVOKED each: a call that a slow machine answers too late is made again, and finds them dead.
    assert [result.target_index for result in results if result.outcome.dead] == [0, 1000, 2100]
    assert client.revoke(()) == ()
    assert sum("/api/v1/revocations" in line for line in api.log) >= 3 or not api.log


def test_who_holds_a_token_may_kill_it(client: Client, api: Api) -> None:
    (token_id, token) = made_by(client)
    Client(api.url, None, patience=QUICK).revoke_leaked([token, Secret(plant.token(FAMILY).encode())])
    assert client.token(token_id).status is TokenStatus.REVOKED


def test_introspection(client: Client) -> None:
    token_id, token = made_by(client)
    assert client.introspect(token=token).client_id == token_id
    assert client.introspect(token_sha256=token.sha256()).active
    assert client.introspect(token=token) == client.introspect(token_sha256=token.sha256())
    assert not client.introspect(token=Secret(b"tgd_nothing")).active


def test_leaks(client: Client) -> None:
    token_id, token = made_by(client)
    finding = {
        "rule_id": plant.TOKENGUARD,
        "prefix": client.token(token_id).prefix,
        "token_sha256": token.sha256(),
        "fingerprint": secrets.token_hex(16),
    }
    (match,) = client.report_leaks({"finding": finding, "seen_at": "2026-11-21T10:00:00Z", "url": "https://a.example"})
    assert match.matched == "hash"
    leak = client.leak(match.id)
    assert leak.token is not None
    assert leak.token.id == token_id
    assert leak in client.leaks(state="open", limit=1000).leaks
    assert client.resolve_leak(match.id, "rotated").state == "resolved"


def test_the_audit(client: Client) -> None:
    token_id, _ = made_by(client)
    client.revoke_token(token_id, reason="look")
    page = client.audit(AuditFilter(token=token_id, since=datetime.now(UTC) - timedelta(minutes=1)))
    assert {event.token_id for event in page.events} == {token_id}
    assert len(page.events) == 2


def suspect(token: Secret, *, path: str = "a.env", hashed: bool = True, here: bool = True) -> Suspect:
    rule = load_builtin().by_id(plant.TOKENGUARD)
    assert rule is not None
    value = token if here else None
    place = LeakPlace("tokenguard", path=path, seen_at=datetime.now(UTC))
    return Suspect(rule, "f" * 32, "", token.sha256() if hashed else None, lambda: value, place)


def test_a_store_is_an_issuer(client: Client) -> None:
    issuer = StoreIssuer(client, client.name)
    assert issuer.name == client.name
    live, dead, short = made_by(client), made_by(client), made_by(client, expires_at=FAR)
    client.revoke_token(dead[0])
    suspects = [
        suspect(live[1]),
        suspect(dead[1], path="b.env"),
        suspect(Secret(plant.token(plant.TOKENGUARD).encode())),
        suspect(short[1], hashed=False),
        suspect(short[1], hashed=False, here=False),
    ]
    assert issuer.verify(suspects) == [
        Status.ACTIVE,
        Status.REVOKED,
        Status.UNKNOWN,
        Status.ACTIVE,
        Status.UNVERIFIED,
    ]
    expected = [
        Outcome.REVOKED,
        Outcome.ALREADY_REVOKED,
        Outcome.NOT_FOUND,
        Outcome.REVOKED,
        Outcome.UNREACHABLE,
    ]
    for dry_run in (True, False):
        results = issuer.revoke(suspects, reason="leaked", dry_run=dry_run)
        assert [result.outcome for result in results] == expected
        assert [result.target_index for result in results] == list(range(5))
    assert client.token(live[0]).revoke_reason == "leaked"


def test_many_places_are_not_many_calls(client: Client) -> None:
    calls: list[int] = []

    class Counting(Client):
        def revoke(self, targets: Sequence[Target], **more: Any) -> tuple[TargetResult, ...]:
            calls.append(len(targets))
            return client.revoke(targets, **more)

    issuer = StoreIssuer(Counting("http://127.0.0.1:1", None))
    unknown = [Secret(plant.token(plant.TOKENGUARD).encode()) for _ in range(1200)]
    suspects = [suspect(token, path=f"{index}.env") for index, token in enumerate(unknown)]
    assert {result.outcome for result in issuer.revoke(suspects, reason="", dry_run=True)} == {Outcome.NOT_FOUND}
    issuer.revoke(suspects[:3], reason="", dry_run=True)
    assert calls == [1000, 200, 1, 1, 1]


def test_who_may_only_introspect_is_told_less(client: Client, api: Api) -> None:
    owner = api.user("checker", "tokens.introspect")
    _, token = api.mint(owner, "tokens.introspect")
    issuer = StoreIssuer(client_of(api, token))
    live, dead = made_by(client), made_by(client)
    client.revoke_token(dead[0])
    assert issuer.verify([suspect(live[1]), suspect(dead[1])]) == [Status.ACTIVE, Status.UNKNOWN]
    nobody = StoreIssuer(client_of(api, api.mint(api.user("noone", "developer.manage_tokens"))[1]))
    assert nobody.verify([suspect(live[1])]) == [Status.UNKNOWN]
    stranger = StoreIssuer(client_of(api, plant.token(plant.TOKENGUARD)))
    assert stranger.verify([suspect(live[1])]) == [Status.UNVERIFIED]
    (result,) = stranger.revoke([suspect(live[1])], reason="", dry_run=False)
    assert result.outcome is Outcome.UNREACHABLE


NO_SERVER = {
    "a page": Reply(200, b"<html>", {"Content-Type": "text/html"}),
    "nothing": Reply(200),
    "null": reply(None),
    "a list": reply([1]),
    "another API": reply({"hello": "world"}),
    "wrong types": reply({"id": 1, "tokens": {}, "results": "x", "leaks": [[]], "users": [None], "active": "yes"}),
    "half": Reply(200, b'{"id": "usr_1"}', sent=5),
    "nothing at all": Reply(reset=True),
    "a redirect": Reply(307, headers={"Location": "https://evil.example/"}),
    "500": Reply(500, b"Traceback: secret"),
    "503": Reply(503, headers={"Retry-After": "7200"}),
    "429": Reply(429, headers={"Retry-After": "7200"}),
    "404 of a proxy": Reply(404, b"<h1>Not Found</h1>"),
    "a problem without a code": reply({"detail": "no"}, 422),
    "deep": Reply(200, b"[" * 100_000),
    "not UTF-8": Reply(200, b'{"id": "\xff"}'),
}
CALLS: dict[str, Callable[[Client], object]] = {
    "whoami": lambda client: client.whoami(),
    "families": lambda client: client.families(),
    "list": lambda client: client.list_tokens(TokenFilter()),
    "create": lambda client: client.create_token(NewToken("x")),
    "rotate": lambda client: client.rotate_token("tok_1"),
    "revoke": lambda client: client.revoke([Target(id="tok_1")]),
    "introspect": lambda client: client.introspect(token_sha256="0" * 64),
    "leaks": lambda client: client.leaks(),
    "report": lambda client: client.report_leaks({}),
    "users": lambda client: client.users(),
    "audit": lambda client: client.audit(AuditFilter()),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("name", NO_SERVER)
def test_what_is_no_answer_is_one_line(name: str, call: str) -> None:
    token = Secret(plant.token(plant.TOKENGUARD).encode())
    with serving_replies(lambda _: NO_SERVER[name]) as web:
        client = Client(web.url, token, patience=QUICK)
        with pytest.raises(UnavailableError) as caught:
            CALLS[call](client)
    assert "\n" not in str(caught.value)
    assert web.url.partition("//")[2] in str(caught.value)
    if name in {"503", "429"}:
        assert caught.value.retry_after == 7200


@pytest.mark.parametrize(("call", "times"), [("create", 2), ("revoke", 2), ("whoami", 2), ("rotate", 1), ("report", 2)])
def test_what_is_asked_again(call: str, times: int) -> None:
    with serving_replies(in_turn(Reply(503))) as web, pytest.raises(UnavailableError):
        CALLS[call](Client(web.url, Secret(b"x"), patience=QUICK))
    assert len(web.asked) == times
    assert len({asked.headers.get("idempotency-key") for asked in web.asked}) == 1
    assert ("idempotency-key" in web.asked[0].headers) == (call == "create")


def test_what_is_said_of_one_target_holds_no_token() -> None:
    """It goes into the journal."""
    mine, theirs = (Secret(plant.token(FAMILY).encode()) for _ in range(2))
    said = f"no such token: {theirs.reveal().decode()}, asked with {mine.reveal().decode()}\x1b[2J" + "x" * 10_000
    answer = {"results": [{"target_index": 0, "outcome": "invalid", "token": None, "candidates": [], "detail": said}]}
    with serving_replies(lambda _: reply(answer)) as web:
        (result,) = Client(web.url, mine, patience=QUICK).revoke([Target(token=theirs)])
    assert not any(each.reveal().decode() in result.detail for each in (mine, theirs))
    assert result.detail.startswith("no such token: …")
    assert result.detail.isprintable()
    assert len(result.detail) <= 500


def test_nobodys_word_holds_a_token() -> None:
    """A server that repeats what it was sent: nothing of it is shown."""
    mine, theirs = plant.token(plant.TOKENGUARD), plant.token(FAMILY)
    detail = f"not {mine}\x1b[31m, nor '{theirs}', nor xyz"
    said = {"code": "VALIDATION", "detail": detail, "pointers": [f"/{theirs}", 1], "required": theirs}
    with serving_replies(lambda _: reply(said, 422)) as web:
        client = Client(web.url, Secret(mine.encode()), patience=QUICK)
        errors = [
            refusal(lambda: client.revoke([Target(token=Secret(theirs.encode()))])),
            refusal(lambda: client.revoke_leaked([Secret(theirs.encode())])),
        ]
    for error in errors:
        assert "xyz" in str(error)
        assert str(error).isprintable()
        assert theirs not in _everything_about(error)
    assert mine not in _everything_about(errors[0])
    assert all(mine not in asked.path and theirs not in asked.path for asked in web.asked)
    assert "authorization" in web.asked[0].headers
    assert "authorization" not in web.asked[1].headers


def _everything_about(error: TokenguardError) -> str:
    assert error.__context__ is None
    return f"{error!r} {error} {error.__dict__}" + "".join(traceback.format_exception(error))


def test_a_result_too_few_is_no_answer() -> None:
    results = [{"target_index": 0, "outcome": "revoked"}]
    with serving_replies(lambda _: reply({"results": results})) as web:
        client = Client(web.url, Secret(b"x"), patience=QUICK)
        assert client.revoke([Target(id="a")])[0].outcome is Outcome.REVOKED
        with pytest.raises(UnavailableError):
            client.revoke([Target(id="a"), Target(id="b")])
        (one, two) = StoreIssuer(client).revoke(
            [suspect(Secret(b"a")), suspect(Secret(b"b"))], reason="", dry_run=False
        )
    assert (one.outcome, two.outcome) == (Outcome.UNREACHABLE, Outcome.UNREACHABLE)


def test_an_address_below_a_path() -> None:
    with serving_replies(lambda _: reply({"families": []})) as web:
        assert Client(f"{web.url}/guard/", Secret(b"x"), patience=QUICK).families() == ()
    assert web.asked[0].path == "/guard/api/v1/families"


def test_none_is_not_said_and_nought_is(client: Client) -> None:
    """0 equals False: a token for 0 days was once made for the policy's ninety."""
    wrong = refusal(lambda: client.create_token(NewToken("a", expires_in_days=0)))
    assert wrong.code == "VALIDATION"
    wrong = refusal(lambda: client.list_tokens(TokenFilter(limit=0)))
    assert wrong.code == "VALIDATION"
