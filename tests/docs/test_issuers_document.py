"""docs/issuers.md says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from tokenguard.config.file import parse
from tokenguard.config.resolve import resolve
from tokenguard.config.settings import Layer
from tokenguard.model.issuer import PLACEHOLDERS, REVOKE_MEANINGS, VERIFY_MEANINGS
from tokenguard.respond.http import Patience
from tokenguard.ruleset.assemble import load_builtin
from tokenguard.ruleset.check import prove
from tokenguard.ruleset.issuers import issuer_api
from tokenguard.ruleset.parse import parse_rules

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "issuers.md").read_text(encoding="utf-8")
CONFIGURATION, RULE = re.findall(r"^```yaml\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def test_the_configuration_is_one() -> None:
    issuers = resolve(environ={}, user=parse(CONFIGURATION.encode(), "config.yaml", Layer.USER, Path("/home"))).issuers
    assert [issuer.family for issuer in issuers] == [
        "tokenguard-access-token",
        "binboi-access-token",
        "keebai-api-key",
        "acme-key",
    ]


def test_the_rule_is_one_and_keeps_what_it_says() -> None:
    (read,) = parse_rules(RULE.encode(), "acme.yaml")
    assert prove(read) == ()
    assert read.rule.issuer is not None
    assert [len(steps) for steps in (read.rule.issuer.verify, read.rule.issuer.revoke)] == [1, 2]


def test_the_tables_are_whole() -> None:
    assert re.findall(r"^\| `\{(\w+)\}` \|", TEXT, re.MULTILINE) == list(PLACEHOLDERS)
    for section, meanings in (("verify", VERIFY_MEANINGS), ("revoke", REVOKE_MEANINGS)):
        (row,) = re.findall(rf"^\| `{section}` \| (`.*) \|$", TEXT, re.MULTILINE)
        assert tuple(re.findall(r"`(\w+)`", row)) == meanings
    built_in = TEXT.partition("## Built in")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `([\w-]+)` \|", built_in, re.MULTILINE) == [
        "tokenguard-access-token",
        "binboi-access-token",
        "binboi-live-token",
        "keebai-api-key",
    ]


def test_what_is_built_in_is_what_is_said() -> None:
    apis = {rule.id: issuer_api(rule) for rule in load_builtin().rules}
    described = {rule_id: (len(api.verify), len(api.revoke)) for rule_id, api in apis.items() if api is not None}
    assert described == {"binboi-access-token": (1, 2), "keebai-api-key": (1, 0)}


def test_the_bounds_are_those_of_the_code() -> None:
    patience = Patience()
    assert (patience.attempts, patience.total, patience.size) == (4, 90, 16 << 20)
    assert "at most four times and 90 seconds" in TEXT
    assert "more than 16 MB" in TEXT
