"""The `verify` and `revoke` sections: what they may say, and one clear line for each thing that is wrong."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tokenguard.config.installed import rules_folder
from tokenguard.errors import RuleError
from tokenguard.model.issuer import Meaning
from tokenguard.ruleset import builtin_issuers, generate
from tokenguard.ruleset.assemble import digest_of, load_builtin
from tokenguard.ruleset.issuers import issuer_api
from tokenguard.ruleset.load import load_paths, load_repository_rules
from tokenguard.ruleset.parse import parse_rules

if TYPE_CHECKING:
    from tokenguard.model import Rule

RULE = """\
rules:
  - id: acme-key
    title: Acme key
    severity: high
    pattern: acme-[0-9a-f]{32}
"""
VERIFY = """\
    verify:
      - method: POST
        url: https://api.acme.example/check
        headers: {X-Key: 'key {token}'}
        json: {keys: ['{token}'], deep: {yes: true, no: 'true', many: 3}}
        answers:
          - {status: [200, 203], equals: {state.now: [on, 1]}, means: active}
          - {status: 200, has: [gone_at], means: revoked}
"""
FIND = "find: {list: keys, field: name, equals: '{prefix}', take: id}"
REVOKE = f"""\
    revoke:
      - method: GET
        url: https://api.acme.example/keys?name={{prefix}}
        headers: {{X-Key: '{{credential}}'}}
        {FIND}
        answers:
          - {{status: 403, means: credential_refused}}
      - method: DELETE
        url: https://api.acme.example/keys/{{id}}
        headers: {{X-Key: '{{credential}}'}}
        answers:
          - {{status: 204, means: revoked}}
"""
USERS = re.sub(r"url: https://api.acme.example(.*)", r"url: '{url}/v2\1'", VERIFY + REVOKE)
"""Both sections, at an address that the user configures."""


def the_rule(text: str) -> Rule:
    (read,) = parse_rules(text.encode(), "acme.yaml")
    return read.rule


def test_what_is_written_is_what_is_read() -> None:
    api = the_rule(RULE + VERIFY + REVOKE).issuer
    assert api is not None
    assert api.url == "https://api.acme.example"
    (verify,) = api.verify
    assert (verify.method, verify.path, verify.headers) == ("POST", "/check", (("X-Key", "key {token}"),))
    assert json.loads(verify.json) == {"keys": ["{token}"], "deep": {"yes": True, "no": "true", "many": 3}}
    assert verify.answers == (
        Meaning("active", (200, 203), (), (("state.now", ("on", "1")),)),
        Meaning("revoked", (200,), ("gone_at",)),
    )
    find, kill = api.revoke
    assert find.find is not None
    assert (find.find.lists, find.find.fields, find.find.take) == (("keys",), ("name",), ("id",))
    assert kill.path == "/keys/{id}"
    assert find.placeholders() == {"prefix", "credential"}


def test_the_address_can_be_the_users() -> None:
    api = the_rule(RULE + USERS).issuer
    assert api is not None
    assert api.url == ""
    assert api.verify[0].path == "/v2/check"


def test_they_do_not_change_what_is_found() -> None:
    with_sections, without = the_rule(RULE + VERIFY + REVOKE), the_rule(RULE)
    assert with_sections == without
    assert digest_of([with_sections]) == digest_of([without])


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (VERIFY.replace("method: POST", "method: HEAD"), ":7: 'method' is none of those known, 'HEAD'; "),
        (VERIFY.replace("method: POST", "methd: POST"), "a step has no key 'methd'; did you mean method?"),
        (VERIFY.replace("method: POST", "method: GET"), ":7: a GET has neither 'form' nor 'json'"),
        (VERIFY.replace("        json:", "        form: {a: b}\n        json:"), "'form' or 'json', not both"),
        (VERIFY.replace("https://api.acme.example/check", "https://api.acme.example/{token}"), "a token does not"),
        (VERIFY.replace("https://api.acme.example/check", "https://api.acme.example/{credential}"), "a token does not"),
        (VERIFY.replace("https://api.acme.example", "http://api.acme.example"), "plain http would show the token"),
        (VERIFY.replace("https://api.acme.example", "https://me:pw@api.acme.example"), "a URL with a login"),
        (VERIFY.replace("https://api.acme.example/check", "/check"), "'url' begins with https://, or with {url}"),
        (VERIFY.replace("/check", "/a/../check"), "without . and .. in it"),
        (VERIFY.replace("/check", "/a b"), "a path of plain characters"),
        (VERIFY.replace("key {token}", "key {tokn}"), ":9: {tokn} means nothing here; did you mean token?"),
        (VERIFY.replace("key {token}", "{id}"), "{id} means nothing here; "),
        (VERIFY.replace("X-Key:", "'X Key':"), "'X Key' is no header that"),
        (VERIFY.replace("X-Key:", "Host:"), "'Host' is no header that"),
        (VERIFY.replace("'key {token}'", '"a\\r\\nb"'), "a text of one line"),
        (VERIFY.replace("means: active", "means: alive"), "'alive'; did you mean active?"),
        (VERIFY.replace("means: active", "means: unknown"), ":7: no answer means 'active'"),
        (VERIFY.replace("status: [200, 203]", "status: ok"), "'status' is a status of HTTP"),
        (VERIFY.replace("status: [200, 203]", "status: []"), "an empty list"),
        (VERIFY.replace("status: [200, 203], ", ""), ":12: an answer needs 'status'"),
        (VERIFY.replace("state.now", "state..now"), "a key of the answer is expected"),
        (VERIFY.replace("{state.now: [on, 1]}", "on"), "'equals' is keys of the answer"),
        (VERIFY.replace("        answers:", "        " + FIND + "\n        answers:"), "the first of two steps"),
        ("    verify: []\n", ":6: 'verify' is a list of one or two steps"),
        ("    verify: {}\n", ":6: 'verify' is a list"),
        ("    verify:\n      - later\n", "a step is keys with values"),
        (REVOKE.replace("        " + FIND + "\n", ""), "the first of two steps, and only it"),
        (REVOKE.replace("take: id", "take: id, tak: id"), "'find' has no key 'tak'; did you mean take?"),
        (REVOKE.replace("take: id", "records: [{means: revoked}]"), "a record needs 'has' or 'equals'"),
        (REVOKE.replace("take: id", "take: id, next: cursor"), "'next' and 'parameter' belong together"),
        (REVOKE.replace("take: id", "take: id, next: [a, b], parameter: c"), "'next' is one key of the answer"),
        (REVOKE.replace("take: id", "take: id, next: a, parameter: 'c&d'"), "'next' is one key of the answer"),
        (REVOKE.replace("equals: '{prefix}'", "equals: '{token}'"), "a token does not belong"),
        (REVOKE.replace("means: revoked", "means: refused"), "no answer means 'revoked'"),
        (VERIFY + REVOKE.replace("acme.example/keys/", "evil.example/keys/"), "go to one address"),
        (VERIFY + USERS.partition("    revoke:")[1] + USERS.partition("    revoke:")[2], "go to one address"),
    ],
)  # fmt: skip
def test_each_fault_is_one_clear_line(text: str, fault: str) -> None:
    with pytest.raises(RuleError) as caught:
        the_rule(RULE + text)
    assert any(fault in line for line in caught.value.faults), caught.value.faults
    assert all(line.startswith("acme.yaml:") for line in caught.value.faults)


def test_a_repositorys_own_rule_has_none() -> None:
    with pytest.raises(RuleError) as caught:
        load_repository_rules((RULE + VERIFY + REVOKE).encode(), "acme.yaml")
    assert [line.split(" may ")[1] for line in caught.value.faults] == ["not have 'verify'", "not have 'revoke'"]


def test_the_precompiled_ones_are_those_of_the_files() -> None:
    for rule in load_paths([rules_folder()]):
        built = load_builtin().by_id(rule.id)
        assert built is not None
        assert built.issuer is None
        assert issuer_api(built) == rule.issuer == issuer_api(rule)
    with open(str(builtin_issuers.__file__), encoding="utf-8") as module:
        assert module.read() == generate.issuers_module(rules_folder()), "run make generate"


def test_start_up_does_not_read_them(unmeasured: dict[str, str]) -> None:
    script = (
        "import sys; from tokenguard.ruleset.assemble import load_builtin; rule = load_builtin().rules[0];"
        "print(sorted(name for name in sys.modules if 'issuer' in name))"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=unmeasured)
    assert result.stdout == "[]\n"
