"""From a leaked file to a dead token at its provider, as a user does it: the installed program, real HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import plant
from cli.program import FOUND, INCOMPLETE, USAGE, Ended, assert_hidden, run
from mounted import mounted
from respond.providers import Acme, Binboi, Keebai
from respond.web import Reply, Web, serving
from tokenguard.model.mint import draw_token
from tokenguard.ruleset.load import load_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ACME = """\
rules:
  - id: acme-key
    title: Acme key
    severity: high
    token:
      prefix: acme_
      parts: [{alphabet: base62, length: 30}]
      visible_prefix: 9
    examples: ['{token}']
    verify:
      - method: POST
        url: '{url}/check'
        headers: {X-Acme-Operator: '{credential}'}
        json: {keys: ['{token}']}
        answers:
          - {status: 200, equals: {state.now: live}, means: active}
          - {status: 200, equals: {state.now: dead}, means: revoked}
    revoke:
      - method: POST
        url: '{url}/kill'
        headers: {X-Acme-Operator: '{credential}'}
        json: {keys: ['{token}'], why: '{reason}'}
        answers:
          - {status: 200, equals: {killed: 'true'}, means: revoked}
          - {status: 200, equals: {already: 'true'}, means: already_revoked}
          - {status: 403, means: credential_refused}
"""


@pytest.fixture
def leaky(tmp_path: Path) -> Path:
    folder = tmp_path / "leaky"
    folder.mkdir()
    return folder


@pytest.fixture
def binboi() -> Binboi:
    return Binboi()


@pytest.fixture
def web(binboi: Binboi) -> Iterator[Web]:
    with serving(binboi) as running:
        yield running


def configured(home: Path, text: str) -> None:
    file = home / ".config" / "tokenguard" / "config.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def scan(leaky: Path, *flags: str, **more: Any) -> Ended:
    return run("scan", "files", "--format", "json", *flags, cwd=leaky, **more)


def statuses(ended: Ended) -> dict[str, str]:
    return {finding["prefix"]: finding["status"] for finding in ended.report["findings"]}


def outcomes(ended: Ended) -> list[str]:
    return [each["outcome"] for each in ended.report["revocations"]]


def test_a_leaked_token_is_dead_in_one_command(home: Path, leaky: Path, binboi: Binboi, web: Web) -> None:
    configured(home, f"issuers:\n  binboi-access-token: {{api: provider, url: '{web.url}'}}\n")
    token = binboi.issue(plant.BINBOI_ACCESS)
    (leaky / "a.env").write_text(f"TOKEN={token}\n")

    verified = scan(leaky, "--verify")
    assert (verified.code, statuses(verified)) == (FOUND, {plant.visible_prefix(token): "active"})
    dry = scan(leaky, "--revoke")
    assert (dry.code, binboi.live(token)) == (FOUND, True)
    done = scan(leaky, "--revoke", "--yes")
    assert (done.code, outcomes(done), binboi.live(token)) == (FOUND, ["revoked"], False)
    again = scan(leaky, "--revoke", "--yes")
    assert outcomes(again) == ["already_revoked"]
    for ended in (verified, dry, done, again):
        assert_hidden(token, ended)
    assert all(token not in asked.path for asked in web.asked)
    kept = [file for file in home.rglob("*") if file.is_file() and token.encode() in file.read_bytes()]
    assert kept == []


def test_without_an_issuer_nobody_is_asked(leaky: Path, binboi: Binboi, web: Web) -> None:
    token = binboi.issue(plant.BINBOI_ACCESS)
    (leaky / "a.env").write_text(f"TOKEN={token}\n")
    assert statuses(scan(leaky, "--verify")) == {plant.visible_prefix(token): "unknown"}
    assert web.asked == []


def test_an_api_that_is_down_is_said_and_finished_later(home: Path, leaky: Path, binboi: Binboi, web: Web) -> None:
    configured(home, f"issuers:\n  binboi-access-token: {{api: provider, url: '{web.url}'}}\n")
    token = binboi.issue(plant.BINBOI_ACCESS)
    (leaky / "a.env").write_text(f"TOKEN={token}\n")
    binboi.fault = Reply(302, headers={"Location": "https://elsewhere.example/login"})
    failed = scan(leaky, "--revoke", "--yes")
    assert (failed.code, outcomes(failed)) == (INCOMPLETE, ["unreachable"])
    assert "elsewhere.example" in failed.err
    assert_hidden(token, failed)
    binboi.fault = None
    resumed = run("revoke", "--resume", "--yes", cwd=leaky)
    assert (resumed.code, binboi.live(token)) == (0, False), resumed.err
    assert_hidden(token, resumed)


def test_keebai_is_for_people_to_revoke(home: Path, leaky: Path) -> None:
    keebai = Keebai()
    with serving(keebai) as web:
        configured(home, f"issuers:\n  keebai-api-key: {{api: provider, url: '{web.url}'}}\n")
        token = keebai.issue(plant.KEEBAI)
        (leaky / "a.env").write_text(f"KEY={token}\n")
        done = scan(leaky, "--verify", "--revoke", "--yes")
    assert outcomes(done) == ["refused"]
    assert statuses(done) == {plant.visible_prefix(token): "active"}
    assert "Developer, API Tokens" in done.err
    assert_hidden(token, done)


def test_a_third_provider_takes_no_python(home: Path, leaky: Path, tmp_path: Path) -> None:
    rules = tmp_path / "acme.yaml"
    rules.write_text(ACME)
    (rule,) = load_file(rules)
    assert rule.token is not None
    token = draw_token(rule.token)
    acme = Acme()
    acme.register(token, token[:9])
    with serving(acme) as web:
        where = f"{{api: provider, url: '{web.url}', token_env: ACME_OPERATOR}}"
        configured(home, f"rules: [{rules}]\nissuers:\n  acme-key: {where}\n")
        (leaky / "a.env").write_text(f"ACME={token}\n")
        environ = {"ACME_OPERATOR": acme.operator}
        assert statuses(scan(leaky, "--verify", environ=environ)) == {token[:9]: "active"}
        done = scan(leaky, "--revoke", "--yes", environ=environ)
        assert outcomes(done) == ["revoked"]
        assert statuses(scan(leaky, "--verify", environ=environ)) == {token[:9]: "revoked"}
        missing = scan(leaky, "--verify")
        operator = home / "operator"
        operator.write_text(acme.operator)
        operator.chmod(0o644)
        where = f"{{api: provider, url: '{web.url}', token_file: '{operator}'}}"
        configured(home, f"rules: [{rules}]\nissuers:\n  acme-key: {where}\n")
        read_by_others = scan(leaky, "--verify")
        operator.chmod(0o600)
        assert statuses(scan(leaky, "--verify")) == {token[:9]: "revoked"}
    assert read_by_others.code == USAGE
    assert "operator: others may read the token in it; chmod 600 it" in read_by_others.err
    assert not acme.live(token)
    assert missing.code == USAGE
    assert "ACME_OPERATOR is not set" in missing.err
    assert token[9:] not in done.out + done.err
    assert acme.operator not in done.out + done.err


def test_an_operators_token_that_is_a_mounted_secret(
    home: Path, leaky: Path, tmp_path: Path, binboi: Binboi, web: Web
) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    operator = tmp_path / "operator"
    operator.write_text(binboi.issue(plant.BINBOI_ACCESS))
    where = f"{{api: provider, url: '{web.url}', token_file: '{secrets / 'operator'}'}}"
    configured(home, f"issuers:\n  binboi-access-token: {where}\n")
    token = binboi.issue(plant.BINBOI_ACCESS)
    (leaky / "a.env").write_text(f"TOKEN={token}\n")
    done = scan(leaky, "--revoke", "--yes", before=mounted(operator, secrets))
    assert (outcomes(done), binboi.live(token)) == (["revoked"], False)


def test_a_repositorys_own_rule_does_not_say_where_a_token_goes(leaky: Path, binboi: Binboi, web: Web) -> None:
    (leaky / "own.yaml").write_text(ACME.replace("{url}", web.url))
    (leaky / ".tokenguard.yaml").write_text("rules: [own.yaml]\n")
    (leaky / "a.env").write_text(f"TOKEN={binboi.issue(plant.BINBOI_ACCESS)}\n")
    refused = scan(leaky, "--verify")
    assert refused.code == USAGE
    assert "a repository's own rule may not have" in refused.err
    assert web.asked == []
