"""`tokenguard baseline …` from end to end: a file that makes old findings not count, and new ones count."""

from __future__ import annotations

from pathlib import Path

import pytest

import plant
from cli.program import CLEAN, FOUND, INCOMPLETE, USAGE, assert_hidden, found, run
from git_repository import RepositoryBuilder

NAME = ".tokenguard-baseline"
AS_JSON = ("--format", "json")


@pytest.fixture
def repository(tmp_path: Path) -> RepositoryBuilder:
    return RepositoryBuilder(tmp_path / "repository")


def entries(folder: Path, name: str = NAME) -> list[str]:
    """The lines of a baseline after its first."""
    header, *lines = (folder / name).read_text().splitlines()
    assert header == "tokenguard-baseline 1"
    return lines


def test_a_life(repository: RepositoryBuilder) -> None:
    top = repository.path
    old, removed, new = (plant.token(rule_id) for rule_id in plant.RULES[:3])
    repository.commit({"a.env": old, "b.env": removed, ".tokenguard.yaml": f"baseline: {NAME}\n"})
    repository.commit({"b.env": None})

    ended = run("baseline", "create", "--reason", "revoked long ago", cwd=top)
    assert (ended.code, ended.out, ended.err) == (CLEAN, "2 entries: 2 added, 0 dropped\n", "")
    assert all(line.endswith(" # revoked long ago") for line in entries(top))
    assert not {token for token in (old, removed) if token in (top / NAME).read_text()}
    scanned = run("scan", "git", *AS_JSON, cwd=top)
    assert (scanned.code, len(scanned.report["suppressed"])) == (CLEAN, 2)
    assert {each["by"] for each in scanned.report["suppressed"]} == {"baseline"}

    (top / "c.env").write_text(new)
    scanned = run("scan", "git", *AS_JSON, cwd=top)
    assert (scanned.code, found(scanned.report)) == (FOUND, {(plant.KEEBAI, plant.visible_prefix(new))})
    before = entries(top)
    assert run("baseline", "update", cwd=top).out == "3 entries: 1 added, 0 dropped\n"
    assert set(before) < set(entries(top))
    assert run("scan", "git", cwd=top).code == CLEAN
    assert run("baseline", "update", cwd=top).out == "3 entries: 0 added, 0 dropped\n"

    (top / "c.env").unlink()
    assert run("baseline", "prune", cwd=top).out == "2 entries: 0 added, 1 dropped\n"
    assert entries(top) == before
    assert run("scan", "git", cwd=top).code == CLEAN


def test_create_does_not_overwrite(repository: RepositoryBuilder) -> None:
    repository.commit({"a.env": plant.token(plant.KEEBAI)})
    (repository.path / NAME).write_text("something else\n")
    ended = run("baseline", "create", cwd=repository.path)
    assert (ended.code, ended.out) == (USAGE, "")
    assert ended.message == f"{repository.path / NAME}: is there already; use: tokenguard baseline update, or --force"
    assert (repository.path / NAME).read_text() == "something else\n"
    assert run("baseline", "create", "--force", cwd=repository.path).code == CLEAN
    assert len(entries(repository.path)) == 1


def test_an_unused_baseline_is_told(repository: RepositoryBuilder) -> None:
    repository.commit({"a.env": plant.token(plant.KEEBAI)})
    ended = run("baseline", "create", cwd=repository.path)
    assert (ended.code, ended.out) == (CLEAN, "1 entry: 1 added, 0 dropped\n")
    assert ended.message == (
        f"{repository.path / NAME}: scans do not use it yet; name it as `baseline` in .tokenguard.yaml, or --baseline"
    )
    assert run("scan", "git", cwd=repository.path).code == FOUND
    assert run("scan", "git", "--baseline", NAME, cwd=repository.path).code == CLEAN


@pytest.mark.parametrize("command", ["update", "prune"])
def test_there_has_to_be_one(repository: RepositoryBuilder, command: str) -> None:
    repository.commit({"a": "nothing"})
    ended = run("baseline", command, cwd=repository.path)
    assert (ended.code, ended.message) == (
        USAGE,
        f"{repository.path / NAME}: no such file; make it: tokenguard baseline create",
    )
    (repository.path / NAME).write_text("tokenguard-baseline 1\nnonsense\n")
    ended = run("baseline", command, cwd=repository.path)
    assert (ended.code, ended.out) == (USAGE, "")
    assert ended.message.startswith(f"{repository.path / NAME}:2: not an entry; ")


def test_a_broken_one_can_be_made_anew(repository: RepositoryBuilder) -> None:
    repository.commit({"a": plant.token(plant.KEEBAI), ".tokenguard.yaml": f"baseline: {NAME}\n", NAME: "nonsense\n"})
    assert run("baseline", "create", "--force", cwd=repository.path).code == CLEAN
    assert run("scan", "git", cwd=repository.path).code == CLEAN


def test_an_incomplete_scan_prunes_nothing(repository: RepositoryBuilder) -> None:
    top = repository.path
    repository.commit({"a.env": plant.token(plant.KEEBAI), "lost": "lost\n"})
    assert run("baseline", "create", cwd=top).code == CLEAN
    before = (top / NAME).read_bytes()
    oid = repository.oid("HEAD:lost")
    (top / ".git" / "objects" / oid[:2] / oid[2:]).unlink()
    (top / "a.env").unlink()
    ended = run("baseline", "prune", cwd=top)
    assert (ended.code, ended.out) == (INCOMPLETE, "")
    assert "the scan is incomplete, so nothing was pruned from the baseline" in ended.err
    assert oid in ended.err
    assert (top / NAME).read_bytes() == before
    ended = run("baseline", "create", "--force", cwd=top)
    assert (ended.code, ended.out) == (INCOMPLETE, "1 entry: 1 added, 0 dropped\n")
    assert "incomplete: " in ended.err


def test_files(tmp_path: Path) -> None:
    token = plant.token(plant.KEEBAI)
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.env").write_text(token)
    ended = run("baseline", "create", "--files", "src", "--baseline", "known", "--by-path", cwd=tmp_path)
    assert ended.code == CLEAN
    (line,) = entries(tmp_path, "known")
    assert " src/a.env # " in line
    assert_hidden(token, ended)
    assert run("scan", "files", "src", "--baseline", "known", cwd=tmp_path).code == CLEAN
    (tmp_path / "src" / "b.env").write_text(token)
    assert run("scan", "files", "src", "--baseline", "known", cwd=tmp_path).code == FOUND
    assert run("baseline", "update", "--files", "src", "--baseline", "known", cwd=tmp_path).code == CLEAN
    assert run("scan", "files", "src", "--baseline", "known", cwd=tmp_path).code == CLEAN


def test_a_users_own_rules(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(
        "rules:\n  - id: own\n    title: Own\n    severity: low\n    pattern: 'own_[0-9]{6}'\n"
    )
    (tmp_path / "a").write_text("own_123456\n")
    arguments = ("--files", "a", "--baseline", "known", "--rules", "own.yaml")
    assert run("baseline", "create", *arguments, cwd=tmp_path).out == "1 entry: 1 added, 0 dropped\n"
    assert "own_123456" not in (tmp_path / "known").read_text()
    assert run("scan", "files", "a", "--baseline", "known", "--rules", "own.yaml", cwd=tmp_path).code == CLEAN


def test_a_baseline_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("nothing")
    ended = run("baseline", "create", "--files", "a", "--baseline", "missing/known", cwd=tmp_path)
    assert (ended.code, ended.out) == (INCOMPLETE, "")
    assert ended.message.startswith("cannot write the baseline to missing/known: No such file or directory; ")
