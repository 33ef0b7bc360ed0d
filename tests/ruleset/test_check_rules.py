"""`check`: every claim of a rule file is put to the proof, and a broken one is told with its line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tokenguard.ruleset.check import check

MINTED = """\
rules:
  - id: acme-key
    title: Acme key
    severity: high
    token:
      prefix: acme_
      parts: [{alphabet: hex, length: 32}]
    examples:
      - 'key={token}'
    negative_examples:
      - '{token}0'
"""
CHECKED = MINTED.replace("length: 32}]", "length: 32}, {checksum: crc32, length: 6}]")
WRONG = f"acme_{'0' * 32}000000"
PATTERN = """\
rules:
  - id: acme-key
    title: Acme key
    severity: high
    pattern: 'key=(acme-[0-9a-z]{4,9})(?!\\.\\.\\.)'
    min_entropy: 1
    examples:
      - 'key=acme-1234'
    negative_examples:
      - 'key=acme-'
"""


def faults(folder: Path, text: str) -> list[str]:
    path = folder / "acme.yaml"
    path.write_text(text)
    return [str(fault).removeprefix(str(path)) for fault in check([path])]


@pytest.mark.parametrize("text", [MINTED, CHECKED, CHECKED + f"      - {WRONG}\n", PATTERN])
def test_what_holds_is_silent(tmp_path: Path, text: str) -> None:
    assert faults(tmp_path, text) == []


def test_the_examples_of_the_guide_hold(tmp_path: Path) -> None:
    guide = Path(__file__).parents[2].joinpath("docs", "rules.md").read_text(encoding="utf-8")
    files = [block for block in re.findall(r"```yaml\n(.*?)```", guide, re.DOTALL) if block.startswith("rules:")]
    assert len(files) == 2
    for text in files:
        assert faults(tmp_path, text) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (MINTED.replace("key={token}", "key={token}x"), ":9: in this example no secrets are found; "),
        (MINTED.replace("key={token}", "no key"), ":9: in this example no secrets are found; "),
        (MINTED.replace("'{token}0'", "'{token}-'"), ":11: in this negative example a secret is found"),
        (MINTED.replace("      - 'key={token}'\n", "      []\n"), ":2: no 'examples': nothing proves"),
        (CHECKED.replace("'key={token}'", WRONG), ":9: in this example no secrets are found; "),
        (CHECKED + f"    samples: [{WRONG}]\n", ":12: this sample is not what the rule finds"),
        (MINTED + "    samples: [acme_1234]\n", ":12: this sample is not what the rule finds"),
        (PATTERN.replace("acme-1234'", "acme-1234, key=acme-5678'"), ":8: in this example 2 secrets are found; "),
        (PATTERN.replace("acme-'", "acme-1234'"), ":10: in this negative example a secret is found"),
        (PATTERN.replace("entropy: 1", "entropy: 7"), ":8: in this example no secrets are found; "),
        (PATTERN + "    samples: [key=acme-1234]\n", ":11: this sample is not what the rule finds"),
        (PATTERN.replace("'key=(acme", r"'\Bk\bey=(acme"), ":2: stage 1 (Hyperscan) does not take the pattern: "),
        (PATTERN.replace("acme-key", "binboi-access-token"), ":2: rule 'binboi-access-token' is built in (rules/"),
        (PATTERN.replace("(acme", "(?acme"), ":5: the pattern cannot be used: "),
        ("", ": empty; "),
    ],
)
def test_what_does_not_hold_is_told(tmp_path: Path, text: str, fault: str) -> None:
    told = faults(tmp_path, text)
    assert len(told) == 1
    assert told[0].startswith(fault)


def test_the_same_token_twice_is_one_secret(tmp_path: Path) -> None:
    assert faults(tmp_path, MINTED.replace("key={token}", "{token} {token}")) == []


def test_samples_are_proved(tmp_path: Path) -> None:
    assert faults(tmp_path, PATTERN + "    samples: [acme-1234]\n") == [
        ":11: this sample is not what the rule finds: it could never be recognised"
    ]
    bare = PATTERN.replace("key=(acme-[0-9a-z]{4,9})", "(?:acme-[0-9a-z]{4,9})").replace("acme-'", "acme-1'")
    assert faults(tmp_path, bare + "    samples: [acme-1234]\n") == []


def test_the_example_of_the_documentation(tmp_path: Path) -> None:
    text = Path(__file__).parents[2].joinpath("docs", "rules.md").read_text(encoding="utf-8")
    assert faults(tmp_path, text.partition("```yaml\n")[2].partition("```")[0]) == []


def test_every_file_is_checked(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(MINTED.replace("acme", "a1"))
    (tmp_path / "b.yaml").write_text("rules: 1")
    (tmp_path / "c.yaml").write_text(MINTED.replace("acme", "a1").replace("0'", "'"))
    told = [str(fault) for fault in check([tmp_path, tmp_path / "missing.yaml"])]
    assert [line.removeprefix(f"{tmp_path}/").split(" ")[0] for line in told] == [
        "b.yaml:1:",
        "c.yaml:2:",
        "c.yaml:11:",
        "missing.yaml:",
    ]
    assert "already defined at" in told[1]
