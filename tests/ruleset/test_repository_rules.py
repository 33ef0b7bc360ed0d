"""Rules that a scanned repository brings along: they can add, and neither excuse nor stall."""

from __future__ import annotations

import time

import pytest

from tokenguard.errors import RuleError
from tokenguard.ruleset.assemble import combine, load_builtin
from tokenguard.ruleset.load import load_repository_rules


def rule_file(pattern: str, more: str = "") -> bytes:
    lines = ["rules:", "- id: acme-key", "  title: Acme", "  severity: low", f"  pattern: '{pattern}'", more]
    return "\n".join(lines).encode()


def test_they_add() -> None:
    rules = load_repository_rules(rule_file("acme_[0-9a-z]{20,40}(?![0-9a-z])"), "rules.yaml")
    assert [rule.id for rule in combine(load_builtin(), rules).rules][-1] == "acme-key"
    assert rules[0].source == "rules.yaml:2"


def test_they_replace_nothing() -> None:
    rules = load_repository_rules(rule_file("x").replace(b"acme-key", b"keebai-api-key"), "rules.yaml")
    with pytest.raises(RuleError, match="already defined"):
        combine(load_builtin(), rules)


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (rule_file("acme", "  samples: [acme]"), "a repository's own rule may not have 'samples'"),
        (rule_file("acme", "  token: {prefix: a_, parts: []}"), "a repository's own rule may not have 'token'"),
        (rule_file("acme", "  verify: {}"), "a repository's own rule may not have 'verify'"),
        (rule_file("acme", "  revoke: {}"), "a repository's own rule may not have 'revoke'"),
        (rule_file("[a-z]{1,1025}"), "a match of up to 1025 bytes; at most 1024"),
        (rule_file("a+", "  max_length: 100"), "too many ways"),
        (rule_file("a" * 1001), "a pattern of 1001 characters"),
        (rule_file("(?:a|a){1,40}b"), "too many ways"),
        (rule_file("(?:a{0,2}){1,40}b"), "too many ways"),
        (rule_file("(?:(?:a?){1,9}){1,9}b"), "too many ways"),
        (rule_file("a{0,99}a{0,99}a{0,99}b"), "too many ways"),
        (rule_file("(?=a{0,99}a{0,99}a{0,99}b)a"), "too many ways"),
        (b"rules:" + b"".join(rule_file("x").replace(b"acme", b"a%d" % n)[6:-1] for n in range(51)), "more than 50"),
    ],
)
def test_they_are_bounded(data: bytes, fault: str) -> None:
    with pytest.raises(RuleError) as caught:
        load_repository_rules(data, "rules.yaml")
    assert any(fault in line for line in caught.value.faults)


@pytest.mark.parametrize("pattern", ["(?:a|a){1,15}b", "a{0,40}a{0,40}a{0,40}b", "(?:a|aa){1,9}(?:a|aa){1,5}b"])
def test_the_worst_that_is_accepted_is_quick(pattern: str) -> None:
    (rule,) = load_repository_rules(rule_file(pattern), "rules.yaml")
    start = time.process_time()
    assert rule.regex.match(b"a" * 1024) is None
    assert time.process_time() - start < 1
