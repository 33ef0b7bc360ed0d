"""`--policy`: the first entry that applies decides; what is not understood is an error with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tokenguard.errors import ConfigError
from tokenguard.model import Finding, Location, Severity
from tokenguard.respond.policy import Action, Policy, parse, read, require_known
from tokenguard.ruleset.assemble import load_builtin

POLICY = b"""\
# Fixtures are for people; what lies in a history dies.
default: notify
rules:
  - {path: "tests/**", action: notify}
  - {rule: keebai-api-key, action: revoke}
  - {source: shell, action: revoke}
"""


def finding(*places: tuple[str, str], rule: str = "keebai-api-key") -> Finding:
    locations = tuple(Location(source, path, 1, 1, 1, 2) for source, path in places)
    return Finding(rule, Severity.HIGH, "", "", "", None, "0" * 32, locations)


@pytest.mark.parametrize(
    ("found", "action"),
    [
        (finding(("git", "a.env")), "revoke"),
        (finding(("git", "tests/a.env")), "notify"),
        (finding(("git", "tests/a.env"), ("git", "src/a.env")), "revoke"),
        (finding(("git", "a.env"), rule="other"), "notify"),
        (finding(("shell", "/home/ada/.zsh_history"), rule="other"), "revoke"),
        (finding(("shell", "tests/x"), rule="other"), "notify"),
    ],
)
def test_the_first_entry_that_applies_decides(found: Finding, action: str) -> None:
    assert parse(POLICY, "p.yaml").action(found).value == action


def test_without_one_every_token_is_revoked() -> None:
    assert Policy().action(finding(("stdin", "x"))) is Action.REVOKE
    assert parse(b"rules: []\n", "p").action(finding(("stdin", "x"))) is Action.REVOKE


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "p.yaml: says nothing"),
        ("- a\n", "p.yaml:1: expected keys"),
        ("default: maybe\n", "p.yaml:1: default: 'maybe' is neither revoke nor notify"),
        ("defaults: notify\n", "p.yaml:1: unknown key 'defaults'; did you mean default?"),
        ("\nrules:\n  a: b\n", "p.yaml:3: rules: expected a list"),
        ("rules:\n  - notify\n", "p.yaml:2: an entry without keys"),
        ("rules:\n  - {rule: x}\n", "p.yaml:2: an entry without an action"),
        ("rules:\n  - {action: notify}\n", "p.yaml:2: an entry that names nothing"),
        ("rules:\n  - {rul: x, action: notify}\n", "p.yaml:2: unknown key 'rul' in an entry; did you mean rule?"),
        ("rules:\n  - {rule: 'a b', action: notify}\n", "p.yaml:2: rule: not the id"),
        ("rules:\n  - {path: '!a', action: notify}\n", "p.yaml:2: path: a negated pattern"),
        ("rules:\n  - {source: shel, action: notify}\n", "p.yaml:2: source: 'shel' is none; did you mean shell?"),
        ("rules:\n  - {rule: x, action: [revoke]}\n", "p.yaml:2: action: expected one value"),
        ("default: notify\ndefault: revoke\n", "p.yaml:2"),
        ("default: !!python/object x\n", "p.yaml:1"),
    ],
)
def test_what_is_not_understood_names_its_line(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text.encode(), "p.yaml")
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        read(tmp_path / "none")


def test_a_slip_in_a_rules_name_is_seen() -> None:
    require_known(parse(POLICY, "p"), (load_builtin(),), "p")
    with pytest.raises(ConfigError, match="there is no rule keebai-api-kex; did you mean keebai-api-key"):
        require_known(parse(POLICY.replace(b"api-key", b"api-kex"), "p"), (load_builtin(),), "p")
