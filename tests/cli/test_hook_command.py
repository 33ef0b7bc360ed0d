"""`tokenguard hook …` from end to end; what the installed hooks then do is in tests/hooks."""

from __future__ import annotations

from pathlib import Path

import pytest

import plant
from cli.program import CLEAN, FOUND, USAGE, assert_hidden, run
from git_repository import RepositoryBuilder


@pytest.fixture
def repository(tmp_path: Path) -> RepositoryBuilder:
    made = RepositoryBuilder(tmp_path / "repository")
    made.commit({"a": "nothing\n"})
    return made


def states(out: str) -> dict[str, str]:
    """Name and second column of each line of a table."""
    return {words[0]: words[1] for line in out.splitlines() if (words := line.split()) and not words[0].endswith(":")}


def test_a_life(repository: RepositoryBuilder) -> None:
    top = repository.path
    ended = run("hook", "status", cwd=top)
    assert (ended.code, states(ended.out)) == (CLEAN, {"pre-commit": "missing", "pre-push": "missing"})
    assert "pre-push: nothing stops a leak here; run: tokenguard hook install" in ended.out
    ended = run("hook", "install", cwd=top)
    assert (ended.code, states(ended.out)) == (CLEAN, {"pre-commit": "installed", "pre-push": "installed"})
    assert states(run("hook", "install", cwd=top).out) == {"pre-commit": "unchanged", "pre-push": "unchanged"}
    assert states(run("hook", "status", cwd=top).out) == {"pre-commit": "installed", "pre-push": "installed"}
    ended = run("hook", "uninstall", "pre-push", "--repo", top.name, cwd=top.parent)
    assert (ended.code, states(ended.out)) == (CLEAN, {"pre-push": "removed"})
    assert set(states(run("hook", "uninstall", cwd=top).out).values()) == {"removed", "absent"}
    assert not [path for path in (top / ".git" / "hooks").iterdir() if path.suffix != ".sample"]


def test_an_earlier_hook_is_kept(repository: RepositoryBuilder) -> None:
    hook = repository.path / ".git" / "hooks" / "pre-commit"
    hook.write_text("#!/bin/sh\nexit 0\n")
    hook.chmod(0o755)
    assert "somebody else's" in run("hook", "status", cwd=repository.path).out
    ended = run("hook", "install", "pre-commit", cwd=repository.path)
    assert "calls pre-commit.before-tokenguard first" in ended.out
    assert states(run("hook", "uninstall", "pre-commit", cwd=repository.path).out) == {"pre-commit": "restored"}
    assert hook.read_text() == "#!/bin/sh\nexit 0\n"


def test_a_folder_that_serves_others_needs_force(repository: RepositoryBuilder, tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    repository.run("config", "core.hooksPath", str(tmp_path / "shared"))
    ended = run("hook", "install", cwd=repository.path)
    assert (ended.code, ended.out) == (USAGE, "")
    assert "lies outside the repository and serves others too; give --force" in ended.message
    assert run("hook", "install", "--force", cwd=repository.path).code == CLEAN
    assert (tmp_path / "shared" / "pre-push").exists()


def test_a_hook_that_there_is_not(repository: RepositoryBuilder) -> None:
    ended = run("hook", "install", "pre-rebase", cwd=repository.path)
    assert (ended.code, ended.message) == (
        USAGE,
        "pre-rebase: no such hook; known are: pre-commit, pre-push, pre-receive",
    )


def test_a_bare_repository(tmp_path: Path) -> None:
    bare = RepositoryBuilder(tmp_path / "bare.git", bare=True)
    assert states(run("hook", "install", cwd=bare.path).out) == {"pre-receive": "installed"}


def test_run(repository: RepositoryBuilder) -> None:
    token = plant.token(plant.KEEBAI)
    repository.add({"a.env": token})
    ended = run("hook", "run", "pre-commit", cwd=repository.path)
    assert (ended.code, ended.err) == (FOUND, "")
    assert plant.visible_prefix(token) in ended.out
    assert_hidden(token, ended)
    tip, base = repository.commit({"a.env": token}), repository.oid("HEAD~1")
    line = f"refs/heads/main {tip} refs/heads/main {base}\n".encode()
    assert run("hook", "run", "pre-push", "origin", "url", cwd=repository.path, stdin=line).code == FOUND


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_run_has_a_help(repository: RepositoryBuilder, option: str) -> None:
    ended = run("hook", "run", option, cwd=repository.path)
    assert ended.code == CLEAN
    assert ended.out.startswith("Usage: tokenguard hook run ")
