"""`tokenguard scan files` from end to end: formats, options, exit codes, rules, configuration."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

import plant
from cli.program import CLEAN, FOUND, INCOMPLETE, USAGE, Ended, assert_hidden, found, paths, plant_many, run
from git_repository import RepositoryBuilder

OWN_RULE = """\
rules:
  - id: acme-api-key
    title: Acme API key
    severity: low
    token:
      prefix: acme_
      parts:
        - {alphabet: hex, length: 32}
      visible_prefix: 9
    examples:
      - 'ACME_KEY={token}'
"""
TELLS_FORKS = """
import os
fork = os.fork
def told():
    with open({file!r}, "a") as file:
        file.write(".")
    return fork()
os.fork = told
"""
FORMATS = ("text", "json", "jsonl", "sarif", "gitlab", "csv", "junit", "github", "markdown")


@pytest.fixture
def tokens(tmp_path: Path) -> dict[str, str]:
    """Tokens of three rules, planted in `tmp_path`."""
    made = {rule_id: plant.token(rule_id) for rule_id in plant.RULES[:3]}
    for number, token in enumerate(made.values()):
        folder = tmp_path / f"folder {number}"
        folder.mkdir()
        (folder / ".env").write_text(f"# a\nKEY={token}\n")
    (tmp_path / "clean.txt").write_text("nothing here\n")
    return made


def test_clean(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("nothing\n")
    ended = run("scan", "files", cwd=tmp_path)
    assert (ended.code, ended.err) == (CLEAN, "")
    assert ended.out == "no findings; 1 blob (8 B) read; state complete\n"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere files are searched in one process")
def test_many_files_are_searched_by_several_processes(tmp_path: Path) -> None:
    """What they find, count and cannot read is the same as what one of them does."""
    made = {f"{number}.env": plant.token(plant.RULES[number % 3]) for number in range(5, 2000, 97)}
    tree, customs = tmp_path / "tree", tmp_path / "customs"
    plant_many(tree, made)
    (tree / os.fsdecode(b"not \xff UTF-8")).write_text(plant.token(plant.KEEBAI))
    (tree / "large").write_bytes(b"." * 2_000_000 + plant.token(plant.KEEBAI).encode())
    (tree / "link").symlink_to(plant.token(plant.KEEBAI))
    customs.mkdir()
    (customs / "sitecustomize.py").write_text(TELLS_FORKS.format(file=str(tmp_path / "forks")))

    def scan(jobs: int) -> Ended:
        options = ("--format", "json", "--jobs", str(jobs), "--max-size", "1000000")
        return run("scan", "files", tree, *options, cwd=tmp_path, environ={"PYTHONPATH": str(customs)})

    alone = scan(1)
    assert not (tmp_path / "forks").exists()
    together = scan(3)
    assert (tmp_path / "forks").read_text() in {".", ".."}  # a second one where the first had enough to do
    assert (alone.code, alone.out, alone.err) == (together.code, together.out, together.err)
    assert alone.code == INCOMPLETE
    assert [each["what"] for each in alone.report["skipped"]] == [str(tree / "large")]
    assert alone.report["coverage"]["blobs"] == 2000 + 2
    assert len(alone.report["findings"]) == len(made) + 2


def test_everything_planted_is_found(tmp_path: Path, tokens: dict[str, str]) -> None:
    ended = run("scan", "files", "--format", "json", cwd=tmp_path)
    assert (ended.code, ended.err) == (FOUND, "")
    assert found(ended.report) == {(rule, plant.visible_prefix(token)) for rule, token in tokens.items()}
    assert paths(ended.report) == {f"folder {number}/.env" for number in range(3)}
    place = ended.report["findings"][0]["locations"][0]
    assert (place["source"], place["line"], place["column"]) == ("files", 2, 5)
    for token in tokens.values():
        assert_hidden(token, ended)


def test_the_text_report_names_the_places(tmp_path: Path, tokens: dict[str, str]) -> None:
    ended = run("scan", "files", cwd=tmp_path)
    assert ended.code == FOUND
    for number, token in enumerate(tokens.values()):
        assert f"folder {number}/.env:2:5" in ended.out
        assert plant.visible_prefix(token) in ended.out
        assert_hidden(token, ended)
    assert "\x1b" not in ended.out


def test_paths_are_scanned_as_given(tmp_path: Path, tokens: dict[str, str]) -> None:
    ended = run("scan", "files", "folder 0", tmp_path / "folder 1" / ".env", "clean.txt", "--format=json", cwd=tmp_path)
    assert paths(ended.report) == {"folder 0/.env", str(tmp_path / "folder 1" / ".env")}
    assert len(tokens) == 3


def test_every_format_in_one_run(tmp_path: Path, tokens: dict[str, str]) -> None:
    reports = tmp_path.parent / f"{tmp_path.name}-reports"
    reports.mkdir()
    files = [part for name in FORMATS[1:] for part in ("--format", f"{name}={reports / name}")]
    ended = run("scan", "files", "--format", "text", *files, cwd=tmp_path)
    assert (ended.code, ended.err) == (FOUND, "")
    written = {name: (reports / name).read_text() for name in FORMATS[1:]}
    everything = {"text": ended.out, **written}
    for name, text in everything.items():
        for token in tokens.values():
            assert plant.visible_prefix(token)[:-1] in text.replace("\\", ""), name
            assert token not in text
    assert len(json.loads(written["json"])["findings"]) == 3
    assert len(written["jsonl"].splitlines()) == 4
    assert len(json.loads(written["sarif"])["runs"][0]["results"]) == 3
    assert len(json.loads(written["gitlab"])["vulnerabilities"]) == 3
    assert [row["kind"] for row in csv.DictReader(io.StringIO(written["csv"]))] == [*["finding"] * 3, "summary"]
    assert len(list(ET.fromstring(written["junit"]).iter("failure"))) == 3  # noqa: S314 - our own
    assert written["github"].count("::error ") == 3
    assert {path.stat().st_mode & 0o777 for path in reports.iterdir()} == {0o600}
    assert {path.name for path in reports.iterdir()} == set(FORMATS[1:])


def test_a_report_in_a_file(tmp_path: Path, tokens: dict[str, str]) -> None:
    ended = run("scan", "files", "--format", "json", "-o", "../report.json", cwd=tmp_path)
    assert (ended.code, ended.out, ended.err) == (FOUND, "", "")
    assert len(json.loads((tmp_path.parent / "report.json").read_text())["findings"]) == len(tokens)
    ended = run("scan", "files", "-o", "../report.txt", cwd=tmp_path)
    assert (ended.code, ended.out) == (FOUND, "")
    assert "3 findings in 3 places" in (tmp_path.parent / "report.txt").read_text()


@pytest.mark.usefixtures("tokens")
def test_exit_codes(tmp_path: Path) -> None:
    assert run("scan", "files", cwd=tmp_path).code == FOUND
    ended = run("scan", "files", "--exit-zero", "--format", "json", cwd=tmp_path)
    assert (ended.code, len(ended.report["findings"])) == (CLEAN, 3)
    (tmp_path / "large").write_bytes(bytes(2048))
    ended = run("scan", "files", "--exit-zero", "--max-size", "1k", cwd=tmp_path)
    assert ended.code == INCOMPLETE
    assert ended.message == "incomplete: large: larger than --max-size 1,024 bytes"
    assert run("scan", "files", "--max-size", "1k", cwd=tmp_path).code == INCOMPLETE
    assert run("scan", "files", "--max-size", "2k", cwd=tmp_path).code == FOUND


def test_only_severe_ones_fail(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(plant.token(plant.BINBOI_LIVE))
    for lowest, code in (("info", FOUND), ("high", FOUND), ("critical", CLEAN)):
        ended = run("scan", "files", "--fail-on", lowest, "--format", "json", cwd=tmp_path)
        assert (ended.code, len(ended.report["findings"])) == (code, 1)


def test_only_one_rule(tmp_path: Path, tokens: dict[str, str]) -> None:
    ended = run("scan", "files", "--only", plant.KEEBAI, "--format", "json", cwd=tmp_path)
    assert found(ended.report) == {(plant.KEEBAI, plant.visible_prefix(tokens[plant.KEEBAI]))}
    both = ("--only", plant.KEEBAI, "--only", plant.BINBOI_LIVE)
    assert len(run("scan", "files", *both, "--format", "json", cwd=tmp_path).report["findings"]) == 2


@pytest.mark.parametrize("given", ["own.yaml", "rules"])
def test_a_users_own_rules(tmp_path: Path, given: str) -> None:
    tree, own = tmp_path / "tree", tmp_path / given
    tree.mkdir()
    (tree / "a").write_text(f"k={'acme_' + os.urandom(16).hex()}\n{plant.token(plant.KEEBAI)}\n")
    if given == "rules":
        own.mkdir()
        own /= "acme.yaml"
    own.write_text(OWN_RULE)
    ended = run("scan", "files", "tree", "--rules", given, "--format", "json", cwd=tmp_path)
    assert ended.code == FOUND
    assert {rule for rule, _ in found(ended.report)} == {"acme-api-key", plant.KEEBAI}
    ended = run(
        "scan", "files", "tree", "--rules", given, "--only", "acme-api-key", "--fail-on", "medium", cwd=tmp_path
    )
    assert ended.code == CLEAN
    assert run("scan", "files", "tree", "--only", "acme-api-key", cwd=tmp_path).code == USAGE


def test_the_users_configuration(tmp_path: Path, home: Path, tokens: dict[str, str]) -> None:
    own = home / ".config" / "tokenguard"
    own.mkdir(parents=True)
    (own / "acme.yaml").write_text(OWN_RULE)
    (own / "config.yaml").write_text("fail_on: critical\nrules: [acme.yaml]\n")
    (tmp_path / "own").write_text(f"acme_{os.urandom(16).hex()}\n")
    report = run("scan", "files", "--format", "json", cwd=tmp_path).report
    assert {rule for rule, _ in found(report)} == {"acme-api-key", *tokens}
    only_low = ("--only", "acme-api-key")
    assert run("scan", "files", *only_low, cwd=tmp_path).code == CLEAN
    assert run("scan", "files", *only_low, "--fail-on", "low", cwd=tmp_path).code == FOUND
    assert run("scan", "files", *only_low, cwd=tmp_path, environ={"TOKENGUARD_FAIL_ON": "low"}).code == FOUND
    elsewhere = {"TOKENGUARD_CONFIG": str(tmp_path / "none.yaml")}
    assert run("scan", "files", cwd=tmp_path, environ=elsewhere).code == USAGE


def test_the_repositorys_configuration(tmp_path: Path, tokens: dict[str, str]) -> None:
    (tmp_path / ".tokenguard.yaml").write_text(
        f"ignore:\n  - path: folder 0/**\n    reason: made up\n  - rule: {plant.KEEBAI}\n    reason: gone\n"
        "    expires: 2020-01-01\n"
    )
    ended = run("scan", "files", "--format", "json", cwd=tmp_path)
    assert ended.code == FOUND
    assert paths(ended.report) == {"folder 1/.env", "folder 2/.env"}
    assert ended.message == ".tokenguard.yaml:4: this entry expired on 2020-01-01: what it covers counts again"
    (suppressed,) = ended.report["suppressed"]
    assert (suppressed["by"], suppressed["reason"]) == ("config", "made up")
    assert suppressed["prefix"] == plant.visible_prefix(tokens[plant.BINBOI_ACCESS])
    (tmp_path / ".tokenguard.yaml").write_text("fail_on: critical\n")
    ended = run("scan", "files", cwd=tmp_path)
    assert ended.code == USAGE
    assert ended.message.startswith(".tokenguard.yaml:1: a repository's own file may not say fail_on")


def test_an_inline_allowance(tmp_path: Path) -> None:
    token = plant.token(plant.KEEBAI)
    (tmp_path / "a").write_text(f"# tokenguard:allow {plant.KEEBAI} never issued\nkey={token}\n")
    ended = run("scan", "files", "--format", "json", cwd=tmp_path)
    assert (ended.code, ended.report["findings"]) == (CLEAN, [])
    assert [(each["by"], each["reason"]) for each in ended.report["suppressed"]] == [("inline", "never issued")]
    assert_hidden(token, ended)


def test_what_is_ignored_by_git_is_scanned_unless_asked_otherwise(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("*.env\n")
    (tmp_path / "secret.env").write_text(plant.token(plant.KEEBAI))
    run_git = ("scan", "files", "--format", "json")
    assert run(*run_git, cwd=tmp_path).code == FOUND
    RepositoryBuilder(tmp_path)
    assert run(*run_git, cwd=tmp_path).code == FOUND
    assert run(*run_git, "--respect-gitignore", cwd=tmp_path).code == CLEAN


def test_a_name_cannot_write_to_the_terminal(tmp_path: Path) -> None:
    (tmp_path / "a\x1b]0;pwned\x07\n.env").write_text(plant.token(plant.KEEBAI))
    for name in FORMATS:
        ended = run("scan", "files", "--format", name, cwd=tmp_path)
        assert ended.code == FOUND
        assert not {"\x1b", "\x07"} & set(ended.out + ended.err)


def test_the_cache_can_be_turned_off(tmp_path: Path, home: Path) -> None:
    (tmp_path / "a").write_text("nothing")
    assert run("scan", "files", "--no-cache", cwd=tmp_path).code == CLEAN
    assert not (home / ".cache" / "tokenguard").exists()
