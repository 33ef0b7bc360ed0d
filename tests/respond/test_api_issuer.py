"""Issuers described as data, over real HTTP, against the documented answers of the providers and every way to fail."""

from __future__ import annotations

import itertools
import secrets
import textwrap
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

import plant
from respond.providers import Acme, Binboi, Keebai
from respond.web import Asked, Reply, Web, reply, serving
from tokenguard.model import Secret, Status
from tokenguard.model.leak import LeakPlace
from tokenguard.model.mint import draw_token
from tokenguard.model.revocation import Outcome, TargetResult
from tokenguard.respond.api_issuer import ApiIssuer
from tokenguard.respond.http import Http, Patience
from tokenguard.respond.issuer import Issuer, Suspect
from tokenguard.ruleset.assemble import load_builtin
from tokenguard.ruleset.issuers import issuer_api
from tokenguard.ruleset.load import load_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tokenguard.model import Rule

QUICK = Patience(connect=2, read=0.5, total=3, attempts=2, first_pause=0.01, longest_pause=1)
BINBOI_SHAPES = ("flat_me", "bare_list", "active_only", "label", "deleted_list", "flat_errors")


def rule_of(rule_id: str) -> Rule:
    rule = load_builtin().by_id(rule_id)
    assert rule is not None
    return rule


def suspect(token: str, rule: Rule | None = None, *, here: bool = True, prefix: str | None = None) -> Suspect:
    """A finding; `here`: its location still holds it."""
    rule = rule or rule_of(plant.BINBOI_ACCESS if token.startswith("binboi") else plant.KEEBAI)
    secret = Secret(token.encode())
    shown = token[: rule.visible_prefix] if prefix is None else prefix
    hashed = secret.token_sha256(rule.random_bits)
    return Suspect(rule, "f" * 32, shown, hashed, lambda: secret if here else None, LeakPlace())


def issuer_of(rule: Rule, web: Web, *, operator: str | None = None) -> ApiIssuer:
    api = issuer_api(rule)
    assert api is not None
    return ApiIssuer(api, Http(web.url, patience=QUICK), operator=Secret(operator.encode()) if operator else None)


def verify(issuer: Issuer, *suspects: Suspect) -> list[Status]:
    return issuer.verify(suspects)


def revoke(issuer: Issuer, *suspects: Suspect, dry_run: bool = False) -> list[TargetResult]:
    results = issuer.revoke(suspects, reason="leaked", dry_run=dry_run)
    assert [result.target_index for result in results] == list(range(len(suspects)))
    return results


def outcome(issuer: Issuer, one: Suspect, *, dry_run: bool = False) -> Outcome:
    (result,) = revoke(issuer, one, dry_run=dry_run)
    return result.outcome


@pytest.fixture
def binboi() -> Binboi:
    return Binboi()


@pytest.fixture
def web(binboi: Binboi) -> Iterator[Web]:
    with serving(binboi) as running:
        yield running


@pytest.fixture
def issuer(web: Web) -> ApiIssuer:
    return issuer_of(rule_of(plant.BINBOI_ACCESS), web)


@pytest.mark.parametrize("shape", [(), *itertools.combinations(BINBOI_SHAPES, 1), BINBOI_SHAPES])
def test_binboi_in_all_its_documented_shapes(shape: tuple[str, ...]) -> None:
    flags: dict[str, Any] = dict.fromkeys(shape, True)
    binboi = Binboi(**flags)
    with serving(binboi) as web:
        issuer = issuer_of(rule_of(plant.BINBOI_ACCESS), web)
        token, other = binboi.issue(plant.BINBOI_ACCESS), binboi.issue(plant.BINBOI_ACCESS)
        never = suspect(plant.token(plant.BINBOI_ACCESS))
        assert verify(issuer, suspect(token), never) == [Status.ACTIVE, Status.REVOKED]
        assert outcome(issuer, suspect(token), dry_run=True) is Outcome.REVOKED
        assert binboi.live(token)
        assert outcome(issuer, suspect(token)) is Outcome.REVOKED
        assert not binboi.live(token)
        assert binboi.live(other)
        assert verify(issuer, suspect(token), suspect(other)) == [Status.REVOKED, Status.ACTIVE]
        assert outcome(issuer, suspect(token)) is Outcome.ALREADY_REVOKED
        assert outcome(issuer, suspect(token), dry_run=True) is Outcome.ALREADY_REVOKED


def test_a_dry_run_asks_and_changes_nothing(binboi: Binboi, web: Web, issuer: ApiIssuer) -> None:
    revoke(issuer, suspect(binboi.issue(plant.BINBOI_ACCESS)), dry_run=True)
    assert {asked.method for asked in web.asked} == {"GET"}


@pytest.mark.parametrize("active_only", [False, True])
def test_an_operators_token_spares_the_leaked_one(*, active_only: bool) -> None:
    binboi = Binboi(active_only=active_only)
    operator, token = binboi.issue(plant.BINBOI_ACCESS), binboi.issue(plant.BINBOI_ACCESS)
    with serving(binboi) as web:
        issuer = issuer_of(rule_of(plant.BINBOI_ACCESS), web, operator=operator)
        assert not issuer.needs_value
        assert outcome(issuer, suspect(token, here=False)) is Outcome.REVOKED
    assert not binboi.live(token)
    assert {asked.bearer for asked in web.asked} == {operator}


def test_an_operator_of_another_owner_does_not_see_it_the_leaked_token_itself_does(binboi: Binboi, web: Web) -> None:
    operator = binboi.issue(plant.BINBOI_ACCESS, owner="usr_2")
    issuer = issuer_of(rule_of(plant.BINBOI_ACCESS), web, operator=operator)
    token, gone = binboi.issue(plant.BINBOI_ACCESS), binboi.issue(plant.BINBOI_ACCESS)
    assert outcome(issuer, suspect(token)) is Outcome.REVOKED
    assert outcome(issuer, suspect(gone, here=False)) is Outcome.NOT_FOUND
    assert binboi.live(gone)


def test_a_dead_operators_token_is_not_a_dead_token(binboi: Binboi, web: Web) -> None:
    token = binboi.issue(plant.BINBOI_ACCESS)
    issuer = issuer_of(rule_of(plant.BINBOI_ACCESS), web, operator=plant.token(plant.BINBOI_ACCESS))
    (result,) = revoke(issuer, suspect(token, here=False))
    assert result.outcome is Outcome.REFUSED
    assert "operator" in result.detail
    assert outcome(issuer, suspect(token)) is Outcome.REVOKED


def test_a_list_for_sessions_only_does_not_make_a_live_token_dead() -> None:
    binboi = Binboi(session_only=True)
    with serving(binboi) as web:
        issuer = issuer_of(rule_of(plant.BINBOI_ACCESS), web)
        (result,) = revoke(issuer, suspect(binboi.issue(plant.BINBOI_ACCESS)))
        assert outcome(issuer, suspect(plant.token(plant.BINBOI_ACCESS))) is Outcome.ALREADY_REVOKED
    assert result.outcome is Outcome.REFUSED
    assert rule_of(plant.BINBOI_ACCESS).remediation in result.detail


@pytest.mark.parametrize("dry_run", [False, True])
def test_who_shares_a_prefix_is_not_killed(binboi: Binboi, web: Web, *, dry_run: bool) -> None:
    operator = binboi.issue(plant.BINBOI_ACCESS)
    token = binboi.issue(plant.BINBOI_ACCESS)
    twin = binboi.issue(plant.BINBOI_ACCESS, prefix=plant.visible_prefix(token))
    issuer = issuer_of(rule_of(plant.BINBOI_ACCESS), web, operator=operator)
    (result,) = revoke(issuer, suspect(token), dry_run=dry_run)
    assert result.outcome is Outcome.AMBIGUOUS
    assert {binboi.of(token).id, binboi.of(twin).id} == set(result.detail.rpartition(": ")[2].split(", "))
    assert binboi.live(token)
    assert binboi.live(twin)


def test_a_prefix_that_is_not_to_be_trusted_is_not_used(binboi: Binboi, web: Web) -> None:
    operator, victim = binboi.issue(plant.BINBOI_ACCESS), binboi.issue(plant.BINBOI_ACCESS)
    issuer = issuer_of(rule_of(plant.BINBOI_ACCESS), web, operator=operator)
    assert outcome(issuer, suspect(victim, here=False, prefix="")) is Outcome.UNREACHABLE
    assert binboi.live(victim)
    # Its own prefix, from the token where it is still to be found.
    assert outcome(issuer, suspect(victim, prefix="")) is Outcome.REVOKED


def test_without_the_token_there_is_nothing_to_ask_with(binboi: Binboi, web: Web, issuer: ApiIssuer) -> None:
    token = binboi.issue(plant.BINBOI_ACCESS)
    assert issuer.needs_value
    (result,) = revoke(issuer, suspect(token, here=False))
    assert result.outcome is Outcome.UNREACHABLE
    assert "takes the token itself" in result.detail
    assert verify(issuer, suspect(token, here=False)) == [Status.UNVERIFIED]
    assert web.asked == []


FAULTS = {
    "500": Reply(500),
    "503": Reply(503, headers={"Retry-After": "0"}),
    "503, later": Reply(503, headers={"Retry-After": "3600"}),
    "429": Reply(429, headers={"Retry-After": "0"}),
    "nothing in time": Reply(wait=30),
    "nothing at all": Reply(reset=True),
    "half an answer": Reply(200, b'{"user": {"id": "usr_1"}, "tokens": []}', sent=10),
    "elsewhere": Reply(302, headers={"Location": "http://127.0.0.1:1/login"}),
    "a page": Reply(200, b"<html>Welcome</html>", {"Content-Type": "text/html"}),
    "a page that refuses": Reply(401, b"<html>Log in</html>", {"Content-Type": "text/html"}),
    "an answer to something else": reply({"hello": "world"}),
    "a list of nonsense": reply({"tokens": "all of them"}),
    "null": reply(None),
    "deep": Reply(200, b"[" * 100_000),
    "giant": Reply(200, b" " * 20_000_000),
    "a status that is none": Reply(299),
    "not found": Reply(404, b'{"error": "no such page"}'),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_went_wrong_is_not_known_and_never_dead(name: str, binboi: Binboi, issuer: ApiIssuer) -> None:
    token = binboi.issue(plant.BINBOI_ACCESS)
    binboi.fault = FAULTS[name]
    assert verify(issuer, suspect(token))[0] in {Status.UNKNOWN, Status.UNVERIFIED}
    for dry_run in (True, False):
        assert outcome(issuer, suspect(token), dry_run=dry_run) is Outcome.UNREACHABLE
    binboi.fault = None
    assert outcome(issuer, suspect(token)) is Outcome.REVOKED


@pytest.mark.parametrize("name", FAULTS)
def test_nor_when_only_the_last_step_goes_wrong(name: str, binboi: Binboi, issuer: ApiIssuer) -> None:
    if name in {"an answer to something else", "a list of nonsense"}:
        return  # any JSON with 200 is the documented answer to DELETE
    token = binboi.issue(plant.BINBOI_ACCESS)
    binboi.fault, binboi.fault_at = FAULTS[name], binboi.of(token).id
    assert outcome(issuer, suspect(token)) in {Outcome.UNREACHABLE, Outcome.NOT_FOUND}
    assert binboi.live(token)


@pytest.mark.parametrize("fault", [Reply(503), Reply(reset=True), Reply(200, b'{"tokens": []}', sent=3)])
def test_a_short_fault_is_overcome(fault: Reply, binboi: Binboi, issuer: ApiIssuer) -> None:
    token = binboi.issue(plant.BINBOI_ACCESS)
    binboi.faults = [fault]
    assert outcome(issuer, suspect(token)) is Outcome.REVOKED


def test_a_lost_answer_to_the_deletion_is_looked_into() -> None:
    """The deletion was done, its answer got lost, and asked again there is no such token: dead, says /auth/me."""

    class Forgetful(Binboi):
        def _deleted(self, caller: Any, token_id: str) -> Reply:
            super()._deleted(caller, token_id)
            self.issued = [each for each in self.issued if each.id != token_id]
            return Reply(reset=True)

    binboi = Forgetful()
    with serving(binboi) as web:
        issuer = issuer_of(rule_of(plant.BINBOI_ACCESS), web)
        assert outcome(issuer, suspect(binboi.issue(plant.BINBOI_ACCESS))) is Outcome.ALREADY_REVOKED


def test_a_silent_api_is_not_waited_for_again_and_again(binboi: Binboi, web: Web, issuer: ApiIssuer) -> None:
    binboi.fault = Reply(reset=True)
    suspects = [suspect(plant.token(plant.BINBOI_ACCESS)) for _ in range(20)]
    results = revoke(issuer, *suspects)
    assert {result.outcome for result in results} == {Outcome.UNREACHABLE}
    assert len(web.asked) == 2 * QUICK.attempts
    assert verify(issuer, *suspects) == [Status.UNVERIFIED] * 20


@pytest.mark.parametrize(
    "odd", ["..", "", ".", "a/b", "../../users/1", "a?b", "a#b", "a b", "x" * 300, None, 1.5, ["x"], {}]
)
def test_an_id_that_leads_elsewhere_is_not_followed(odd: Any, binboi: Binboi, web: Web, issuer: ApiIssuer) -> None:
    token = binboi.issue(plant.BINBOI_ACCESS)
    binboi.of(token).extra = {"id": odd}
    (result,) = revoke(issuer, suspect(token))
    assert result.outcome is Outcome.UNREACHABLE
    assert "no usable id" in result.detail
    assert {asked.method for asked in web.asked} == {"GET"}


def test_an_id_that_is_the_token_is_neither_shown_nor_sent(binboi: Binboi, web: Web, issuer: ApiIssuer) -> None:
    token = binboi.issue(plant.BINBOI_ACCESS)
    binboi.of(token).extra = {"id": token}
    (alone,) = revoke(issuer, suspect(token))
    binboi.issue(plant.BINBOI_ACCESS, prefix=plant.visible_prefix(token))
    (shared,) = revoke(issuer, suspect(token))
    assert (alone.outcome, shared.outcome) == (Outcome.UNREACHABLE, Outcome.AMBIGUOUS)
    assert token not in alone.detail + shared.detail
    assert all(token not in asked.path for asked in web.asked)


def test_an_id_may_be_a_number(binboi: Binboi, web: Web, issuer: ApiIssuer) -> None:
    token = binboi.issue(plant.BINBOI_ACCESS)
    binboi.of(token).extra = {"id": 42}
    revoke(issuer, suspect(token))
    assert "/api/v1/tokens/42" in [asked.path for asked in web.asked if asked.method == "DELETE"]


def test_keebai_is_verified_and_revoked_by_hand() -> None:
    keebai = Keebai()
    with serving(keebai) as web:
        issuer = issuer_of(rule_of(plant.KEEBAI), web)
        token, never = keebai.issue(plant.KEEBAI), plant.token(plant.KEEBAI)
        assert verify(issuer, suspect(token), suspect(never)) == [Status.ACTIVE, Status.REVOKED]
        keebai.lacks_scope = True
        assert verify(issuer, suspect(token)) == [Status.ACTIVE]
        before = len(web.asked)
        (result,) = revoke(issuer, suspect(token))
        assert result.outcome is Outcome.REFUSED
        assert result.detail.endswith(rule_of(plant.KEEBAI).remediation)
        assert len(web.asked) == before


@pytest.mark.parametrize("name", sorted(FAULTS.keys() - {"null"}))
def test_keebai_out_of_order_is_not_known(name: str) -> None:
    if FAULTS[name].status == 200 and FAULTS[name].body.startswith(b"{") and FAULTS[name].sent is None:
        return  # any JSON with 200 is the documented answer to /v1/me
    keebai = Keebai(fault=FAULTS[name])
    with serving(keebai) as web:
        issuer = issuer_of(rule_of(plant.KEEBAI), web)
        (status,) = verify(issuer, suspect(plant.token(plant.KEEBAI)))
    assert status in {Status.UNKNOWN, Status.UNVERIFIED}


ACME = """\
rules:
  - id: acme-key
    title: Acme key
    severity: high
    token:
      prefix: acme_
      parts: [{alphabet: base62, length: 30}]
      visible_prefix: 9
    verify:
      - method: POST
        url: '{url}/check'
        headers: {X-Acme-Operator: '{credential}'}
        json: {keys: ['{token}'], strict: true}
        answers:
          - {status: 200, equals: {state.now: live}, means: active}
          - {status: 200, equals: {state.now: [dead, gone]}, means: revoked}
          - {status: 200, equals: {state.now: none}, means: unknown}
          - {status: 403, means: unknown}
    revoke:
      - method: POST
        url: '{url}/kill'
        headers: {X-Acme-Operator: '{credential}'}
        json: {keys: ['{token}'], why: '{reason}'}
        answers:
          - {status: 200, equals: {killed: 'true'}, means: revoked}
          - {status: 200, equals: {already: 'true'}, means: already_revoked}
          - {status: 200, has: keys, means: unknown}
          - {status: 403, means: credential_refused}
"""


@pytest.fixture
def acme_rule(tmp_path: Path) -> Rule:
    text = ACME.replace("          - {status: 200, has: keys, means: unknown}\n", "")
    (tmp_path / "acme.yaml").write_text(textwrap.dedent(text))
    (rule,) = load_file(tmp_path / "acme.yaml")
    return rule


def test_a_provider_that_only_a_users_file_knows(acme_rule: Rule) -> None:
    """No line of Python is about it."""
    acme = Acme()
    assert acme_rule.token is not None
    token = draw_token(acme_rule.token)
    acme.register(token, token[:9])
    with serving(acme) as web:
        issuer = issuer_of(acme_rule, web, operator=acme.operator)
        one, never = suspect(token, acme_rule), suspect(draw_token(acme_rule.token), acme_rule)
        assert issuer.needs_value
        assert verify(issuer, one, never) == [Status.ACTIVE, Status.UNKNOWN]
        assert outcome(issuer, one, dry_run=True) is Outcome.REVOKED
        assert acme.live(token)
        assert outcome(issuer, one) is Outcome.REVOKED
        assert not acme.live(token)
        assert web.asked[-1].json() == {"keys": [token], "why": "leaked"}
        assert verify(issuer, one) == [Status.REVOKED]
        assert outcome(issuer, one, dry_run=True) is Outcome.ALREADY_REVOKED
        assert outcome(issuer, one) is Outcome.ALREADY_REVOKED
        assert outcome(issuer, never) is Outcome.UNREACHABLE
        stranger = issuer_of(acme_rule, web, operator=secrets.token_hex(8))
        assert outcome(stranger, one) is Outcome.REFUSED
    assert all(token not in asked.path for asked in web.asked)


def test_a_form_and_a_hash(tmp_path: Path) -> None:
    text = """\
    rules:
      - id: acme-key
        title: Acme key
        severity: high
        pattern: acme_[0-9a-f]{32}
        verify:
          - method: GET
            url: '{url}/keys/{sha256}?prefix={prefix}'
            answers: [{status: 200, equals: {live: 'true', uses: '3'}, means: active}]
        revoke:
          - method: POST
            url: '{url}/revoke'
            form: {token: '{token}', why: '{reason}'}
            answers: [{status: 200, means: revoked}]
    """
    (tmp_path / "acme.yaml").write_text(textwrap.dedent(text))
    (rule,) = load_file(tmp_path / "acme.yaml")
    token = "acme_" + secrets.token_hex(16)
    one = replace(suspect(token, rule), prefix="a&b/c")
    with serving(lambda _: reply({"live": True, "uses": 3})) as web:
        issuer = issuer_of(rule, web)
        assert verify(issuer, one) == [Status.ACTIVE]
        assert outcome(issuer, one) is Outcome.REVOKED
    hashed = Secret(token.encode()).sha256()
    assert web.asked[0].path.startswith(f"/keys/{hashed}?prefix=")
    assert web.asked[-1].body == f"token={token}&why=leaked".encode()
    assert web.asked[-1].headers["content-type"] == "application/x-www-form-urlencoded"


def test_a_token_that_no_header_takes(tmp_path: Path) -> None:
    text = """\
    rules:
      - id: acme-key
        title: Acme key
        severity: high
        pattern: (?s)acme_.{32}
        verify:
          - method: GET
            url: '{url}/me'
            headers: {Authorization: 'Bearer {token}'}
            answers: [{status: 200, means: active}]
    """
    (tmp_path / "acme.yaml").write_text(textwrap.dedent(text))
    (rule,) = load_file(tmp_path / "acme.yaml")
    with serving(lambda _: reply({})) as web:
        assert verify(issuer_of(rule, web), suspect("acme_\r\nX-Evil: 1" + "x" * 22, rule)) == [Status.UNKNOWN]
    assert web.asked == []


def test_nothing_that_is_said_of_a_provider_holds_a_token(binboi: Binboi, web: Web, issuer: ApiIssuer) -> None:
    for fault in FAULTS.values():
        token = binboi.issue(plant.BINBOI_ACCESS)
        binboi.fault = replace(fault, body=fault.body + token.encode()) if fault.sent is None else fault
        (result,) = revoke(issuer, suspect(token))
        assert token not in repr(result)
        binboi.fault = None
    assert web.asked


PAGED = """\
rules:
  - id: acme-key
    title: Acme key
    severity: high
    token:
      prefix: acme_
      parts: [{alphabet: base62, length: 30}]
      visible_prefix: 9
    revoke:
      - method: GET
        url: '{url}/keys?kind=all'
        find: {list: keys, field: name, equals: '{prefix}', take: id, next: page.next, parameter: after}
        answers: [{status: 401, means: credential_refused}]
      - method: DELETE
        url: '{url}/keys/{id}'
        answers: [{status: 204, means: revoked}]
"""


@pytest.mark.parametrize(
    ("pages", "expected"),
    [
        ([["x"], ["x"], ["mine"]], Outcome.REVOKED),
        ([["mine"], ["x"], ["mine"]], Outcome.AMBIGUOUS),
        ([["x"], ["x"]], Outcome.NOT_FOUND),
        ([["mine"]] * 101, Outcome.UNREACHABLE),
    ],
)
def test_a_list_in_pages_is_read_to_its_end(pages: list[list[str]], expected: Outcome, tmp_path: Path) -> None:
    (tmp_path / "acme.yaml").write_text(PAGED)
    (rule,) = load_file(tmp_path / "acme.yaml")
    assert rule.token is not None
    token = draw_token(rule.token)

    def answer(asked: Asked) -> Reply:
        if asked.method == "DELETE":
            return Reply(204)
        number = int(asked.path.partition("&after=p%26")[2] or 0)
        keys = [{"id": f"k{number}", "name": token[:9] if name == "mine" else name} for name in pages[number]]
        more = number + 1 < len(pages)
        return reply({"keys": keys, "page": {"next": f"p&{number + 1}" if more else None}})

    with serving(answer) as web:
        assert outcome(issuer_of(rule, web), suspect(token, rule)) is expected
    assert web.asked[0].path == "/keys?kind=all"
