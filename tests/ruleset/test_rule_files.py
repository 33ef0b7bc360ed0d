"""Rule files: what they may say, and one clear line for each thing that is wrong with one."""

from __future__ import annotations

import os
import textwrap
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

import plant
from tokenguard.errors import RuleError, UsageError
from tokenguard.model import Severity
from tokenguard.model.mint import draw_token
from tokenguard.ruleset.assemble import combine, load_builtin, of_rules, select
from tokenguard.ruleset.load import load_file, load_paths

if TYPE_CHECKING:
    from pathlib import Path

    from tokenguard.model import Rule

GOOD = """\
rules:
  - id: acme-key
    title: Acme key
    severity: high
    pattern: acme-[0-9a-f]{32}\\b
"""
MINTED = """\
rules:
  - id: acme-key
    title: Acme key
    severity: high
    token:
      prefix: acme_
      parts:
        - {alphabet: base62, length: 20}
        - {literal: '-'}
        - {alphabet: 0123456789XYZ, length: 10}
"""
CHECKED = MINTED + "        - {checksum: crc32, length: 6}\n"


def write(folder: Path, text: str | bytes, name: str = "acme.yaml") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def the_rule(folder: Path, text: str) -> Rule:
    (rule,) = load_file(write(folder, text))
    return rule


def faults_of(folder: Path, text: str | bytes) -> tuple[str, ...]:
    """The faults without the file's name."""
    path = write(folder, text)
    with pytest.raises(RuleError) as caught:
        load_file(path)
    lines = [caught.value.message, *caught.value.faults]
    assert all(line.startswith(str(path)) and "\n" not in line for line in lines)
    assert caught.value.message.startswith(caught.value.faults[0].partition(";")[0])
    return tuple(fault.removeprefix(str(path)) for fault in caught.value.faults)


def test_a_pattern_rule(tmp_path: Path) -> None:
    rule = the_rule(tmp_path, GOOD)
    assert (rule.id, rule.title, rule.severity) == ("acme-key", "Acme key", Severity.HIGH)
    assert (rule.max_length, rule.literal_prefix, rule.visible_prefix) == (37, "acme-", 0)
    assert (rule.token, rule.random_bits, rule.source) == (None, None, f"{tmp_path}/acme.yaml:2")


def test_a_token_rule(tmp_path: Path) -> None:
    rule = the_rule(tmp_path, MINTED)
    assert rule.token is not None
    assert rule.max_length == 36
    assert rule.visible_prefix == len("acme_")
    assert rule.random_bits == pytest.approx(156.1, abs=0.1)
    token = draw_token(rule.token).encode()
    assert rule.regex.fullmatch(token)
    assert not rule.regex.search(token + b"7")


def test_a_token_rule_with_a_checksum(tmp_path: Path) -> None:
    rule = the_rule(tmp_path, CHECKED)
    assert rule.token is not None
    assert (rule.token.checksum_length, rule.max_length) == (6, 42)
    assert rule.random_bits == pytest.approx(156.1, abs=0.1)
    token = draw_token(rule.token)
    assert token.endswith(plant.checksum(token[:-6]))
    assert rule.regex.fullmatch(token.encode())
    assert not rule.regex.search(token.encode() + b"7")


def test_texts_become_one_line(tmp_path: Path) -> None:
    rule = the_rule(tmp_path, GOOD + "    remediation: |\n      Revoke\n      it.\n")
    assert rule.remediation == "Revoke it."


def test_a_pattern_as_a_block(tmp_path: Path) -> None:
    text = GOOD.replace("acme-[0-9a-f]{32}\\b", "|\n      (?x) acme- # the prefix\n      [0-9a-f]{32}\n")
    assert the_rule(tmp_path, text).regex.fullmatch(b"acme-" + b"0" * 32)


def test_all_faults_of_a_file_are_told(tmp_path: Path) -> None:
    text = """\
    rules:
      - id: Acme Key
        titel: Acme key
        severity: hihg
        pattern: acme-[
      - id: other
        title: Other
        severity: low
        token: {prefix: o_, parts: [{alphabet: hxe, length: 8}, {length: 0}]}
    """
    assert faults_of(tmp_path, textwrap.dedent(text)) == (
        ":2: a rule needs 'title'",
        ":2: 'id' must be lower-case words joined by hyphens, at most 64 characters",
        ":3: a rule has no key 'titel'; did you mean title?",
        ":4: no severity is called 'hihg'; did you mean high?",
        ":5: the pattern cannot be used: unterminated character set at position 5",
        ":9: no alphabet is called 'hxe'; did you mean hex?",
        ":9: a part needs 'alphabet'",
        ":9: 'length' must be at least 1",
    )


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", ": empty; a rule file has 'rules:' and a list under it"),
        ("# nothing\n", ": empty; a rule file has 'rules:' and a list under it"),
        ("- a\n", ":1: a rule file is keys with values: rules"),
        ("rules:\n", ":1: 'rules' is a list"),
        ("rules: []\n", ":1: 'rules' has no rule in it"),
        ("rule: []\n", ":1: a rule file has no key 'rule'; did you mean rules?"),
        ("rules:\n  - acme\n", ":2: a rule is keys with values"),
        (GOOD.replace("pattern", "#"), ":2: a rule needs 'pattern' or 'token'"),
        (GOOD.replace("    title: Acme key\n", ""), ":2: a rule needs 'title'"),
        (GOOD.replace("Acme key", "[Acme]"), ":3: 'title' is a text"),
        (GOOD.replace("Acme key", "''"), ":3: 'title' is empty"),
        (GOOD.replace("Acme key", ""), ":3: 'title' is empty"),
        (GOOD.replace("high", "urgent"), ":4: no severity is called 'urgent'; known are critical, high, "),
        (GOOD + "    examples: acme\n", ":6: 'examples' is a list"),
        (GOOD + "    examples: [{token}]\n", ":6: each of 'examples' is a text"),
        (GOOD + "    min_entropy: much\n", ":6: 'min_entropy' is a number"),
        (GOOD + "    min_entropy: 9\n", ":6: 'min_entropy' is in bits a character, at most 8"),
        (GOOD + "    max_length: -1\n", ":6: 'max_length' is a whole number"),
        (GOOD + "    max_length: 5\n", ":6: 'max_length' is shorter than the shortest match (37)"),
        (GOOD + "    max_length: 9000\n", ":6: a match of up to 9000 bytes; at most 8192"),
        (GOOD + "    verify: {}\n", ":6: 'verify' is a list"),
        (GOOD + "    revoke: {}\n", ":6: 'revoke' is a list"),
        (GOOD.replace("{32}", "+"), ":5: the pattern has no longest match; "),
        (GOOD.replace("{32}", "{32,9000}"), ":5: a match of up to 9005 bytes; at most 8192"),
        (GOOD.replace("acme-[0-9a-f]{32}\\b", "'(?:a|b*)'"), ":5: the pattern matches the empty text"),
        (GOOD.replace("acme-[", r"\p{L}["), r":5: the pattern cannot be used: bad escape \p"),
        (GOOD.replace("acme-[", "(?L)["), ":5: the pattern cannot be used: flag L"),
        (GOOD.replace("acme-[", "é["), ":5: the pattern cannot be used: a pattern is ASCII text"),
        (GOOD.replace("acme-[", "(" * 5000 + "["), ":5: the pattern cannot be used: "),
        (GOOD.replace("acme-[", "(" * 400 + "a" + ")" * 400 + "["), ":5: the pattern cannot be used: too "),
        (
            GOOD.replace("acme-[", "(?P<sk-1234567>a)["),
            ":5: the pattern cannot be used: bad character in group name at ",
        ),
        (GOOD.replace("acme-[", "a" * 30000 + "["), ":5: a pattern of 30014 characters; at most 20000"),
        (GOOD + GOOD.partition("\n")[2], ":6: rule 'acme-key' is already defined at "),
        (GOOD + "    title: again\n", ":6: the key 'title' a second time"),
        (GOOD + "   title: again\n", ":6: not YAML: "),
        (GOOD + "\t\n  x: [", ":6: not YAML: "),
        (GOOD.encode() + b"    description: caf\xe9\n", ":6: not UTF-8"),
        (GOOD + "    description: a\x1b[31mb\n", ":6: not YAML: a control character"),
        (GOOD.replace("Acme key", "&a Acme"), ":3: an anchor or alias"),
        (GOOD.replace("Acme key", "!!python/name:os.system x"), ":3: a tag"),
        ("rules: " + "[" * 100 + "]" * 100, ":1: nested deeper than 16 levels"),
        (GOOD + "---\n" + GOOD, ":6: a second document"),
        (GOOD + "#" * (1 << 20), ": larger than 1048576 bytes"),
        (MINTED + "    pattern: acme\n", ":11: 'pattern' follows from the token section; leave it out"),
        (MINTED + "    max_length: 9\n", ":11: 'max_length' follows from the token section; leave it out"),
        (MINTED + "      random_bits: 100\n", ":11: 'random_bits' says 100, but the parts have 156.09"),
        (MINTED + "      visible_prefix: 20\n", ":11: only 66.78 random bits stay hidden; at least 100 must"),
        (MINTED + "      visible: 20\n", ":11: a token section has no key 'visible'; did you mean visible_prefix?"),
        (MINTED.replace("      prefix: acme_\n", ""), ":6: a token section needs 'prefix'"),
        (MINTED.replace("acme_", "acme key"), ":6: 'prefix' must be printable ASCII without spaces"),
        (
            MINTED.replace("alphabet: base62", "literal: '_'"),
            ":8: a part is a literal, or an alphabet and a length",
        ),
        (MINTED.replace("length: 20", "length: 9000"), ":8: a token of 9016 characters; at most 8192"),
        (MINTED.replace("XYZ", "X0"), ":10: a character stands in the alphabet twice"),
        (CHECKED.replace("crc32", "crc23"), ":11: no checksum is called 'crc23'; did you mean crc32?"),
        (CHECKED.replace("crc32", "''"), ":11: 'checksum' is empty"),
        (CHECKED.replace("length: 6", "length: 7"), ":11: a crc32 checksum has 6 characters, no other number"),
        (CHECKED.replace(", length: 6", ""), ":11: a part needs 'length'"),
        (CHECKED.replace("length: 6", "alphabet: hex, length: 6"), ":11: a part is a checksum or an alphabet, not"),
        (
            CHECKED.replace("length: 6", "literal: x"),
            ":11: a part is a literal, or an alphabet and a length, or a checksum",
        ),
        (CHECKED + "        - {literal: x}\n", ":11: a checksum is over everything before it and has to be the last"),
        (CHECKED + "      visible_prefix: 40\n", ":12: only 0 random bits stay hidden; at least 100 must"),
        (
            MINTED.partition("        - ")[0] + "        - {checksum: crc32, length: 6}\n",
            ":8: at least one part must be an alphabet",
        ),
        (
            MINTED.partition("        - ")[0] + "        - {literal: x}\n",
            ":8: at least one part must be an alphabet",
        ),
    ],
)
def test_each_fault_is_one_clear_line(tmp_path: Path, text: str | bytes, fault: str) -> None:
    faults = faults_of(tmp_path, text)
    assert len(faults) == 1
    assert faults[0].startswith(fault)


def test_a_bomb_of_aliases_is_refused_at_once(tmp_path: Path) -> None:
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 100))
    assert faults_of(tmp_path, bomb) == (":1: an anchor or alias, which is not supported here; write the value out",)


def test_a_token_in_the_wrong_place_is_not_repeated(tmp_path: Path) -> None:
    secret = "sk-" + os.urandom(20).hex()
    for text in (GOOD.replace("acme-key", secret.upper()), GOOD.replace("high", secret), GOOD + f"    {secret}: x\n"):
        assert all(secret[:11].lower() not in fault.lower() for fault in faults_of(tmp_path, text))


@pytest.mark.usefixtures("ordinary_user")
@pytest.mark.parametrize(
    "kind", ["missing", "folder of nothing", "dangling link", "link to itself", "pipe", "unreadable"]
)
def test_a_file_that_cannot_be_read(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "rules.yaml"
    match kind:
        case "folder of nothing":
            path.mkdir()
        case "dangling link":
            path.symlink_to(tmp_path / "nowhere")
        case "link to itself":
            path.symlink_to(path)
        case "pipe":
            os.mkfifo(path)
        case "unreadable":
            path.touch(0)
        case _:
            pass
    with pytest.raises(RuleError) as caught:
        load_paths([path])
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_a_folder_is_all_its_rule_files(tmp_path: Path) -> None:
    write(tmp_path, GOOD.replace("acme", "b"), "b.yml")
    write(tmp_path, GOOD.replace("acme", "a"), "a.yaml")
    write(tmp_path, "not a rule file", "README.md")
    assert [rule.id for rule in load_paths([tmp_path])] == ["a-key", "b-key"]


def test_an_id_twice_in_two_files(tmp_path: Path) -> None:
    write(tmp_path, GOOD, "a.yaml")
    write(tmp_path, GOOD, "b.yaml")
    with pytest.raises(RuleError, match=r"b\.yaml:2: rule 'acme-key' is already defined at .*a\.yaml:2"):
        load_paths([tmp_path])


def test_rules_add_to_the_built_in_ones(tmp_path: Path) -> None:
    builtin, rule = load_builtin(), the_rule(tmp_path, GOOD)
    both = combine(builtin, [rule])
    assert both.rules == (*builtin.rules, rule)
    assert both.digest != builtin.digest
    assert combine(builtin) is builtin


def test_a_built_in_id_cannot_be_taken(tmp_path: Path) -> None:
    rule = the_rule(tmp_path, GOOD.replace("acme-key", "keebai-api-key"))
    with pytest.raises(RuleError, match=r"acme\.yaml:2: rule 'keebai-api-key' is already .* rules/keebai\.yaml:3"):
        combine(load_builtin(), [rule])


def test_selecting_rules() -> None:
    builtin = load_builtin()
    assert [rule.id for rule in select(builtin, ["keebai-api-key"]).rules] == ["keebai-api-key"]
    assert select(builtin, [rule.id for rule in builtin.rules]).digest == builtin.digest
    with pytest.raises(UsageError, match=r"no rule is called 'keebai-api-kee'; did you mean keebai-api-key\?"):
        select(builtin, ["keebai-api-kee"])


def test_the_digest_names_what_can_change_a_result(tmp_path: Path) -> None:
    rule = the_rule(tmp_path, MINTED)
    digest = of_rules([rule]).digest
    assert digest.startswith("sha256:")
    assert len(digest) == len("sha256:") + 64
    assert of_rules([replace(rule, source="elsewhere:1", examples=("x",))]).digest == digest
    for change in (
        {"id": "other"},
        {"title": "Other"},
        {"severity": Severity.LOW},
        {"pattern": "x"},
        {"sieve": "x"},
        {"max_length": 1},
        {"visible_prefix": 1},
        {"random_bits": None},
        {"min_entropy": 3.0},
        {"literal_prefix": ""},
        {"sample_hashes": frozenset({"00"})},
        {"token": None},
        {"foreign": True},
    ):
        assert of_rules([replace(rule, **change)]).digest != digest
