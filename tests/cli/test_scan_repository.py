"""`tokenguard scan git`, `staged`, `commits`, `push` and `receive` from end to end, in real repositories."""

from __future__ import annotations

from pathlib import Path

import pytest

import plant
from cli.program import CLEAN, FOUND, INCOMPLETE, USAGE, assert_hidden, found, paths, run
from git_repository import RepositoryBuilder
from tokenguard.app.perform import perform
from tokenguard.app.repository import scan_repository
from tokenguard.app.sight import Sight
from tokenguard.config.file import parse
from tokenguard.config.settings import Settings
from tokenguard.git import history
from tokenguard.ruleset.assemble import load_builtin

NOTHING = "0" * 40
AS_JSON = ("--format", "json")


@pytest.fixture
def repository(tmp_path: Path) -> RepositoryBuilder:
    """A repository with one clean commit."""
    made = RepositoryBuilder(tmp_path / "repository")
    made.commit({"a.txt": "nothing\n"})
    return made


@pytest.fixture
def token() -> str:
    return plant.token(plant.KEEBAI)


def name_of(token: str) -> set[tuple[str, str]]:
    """How a report names a Keebai token."""
    return {(plant.KEEBAI, plant.visible_prefix(token))}


# scan git


def test_git_finds_what_was_removed_again(repository: RepositoryBuilder, token: str) -> None:
    commit = repository.commit({"conf/a.env": f"KEY={token}\n"})
    repository.commit({"conf/a.env": None})
    ended = run("scan", "git", *AS_JSON, cwd=repository.path)
    assert (ended.code, ended.err, found(ended.report)) == (FOUND, "", name_of(token))
    place = ended.report["findings"][0]["locations"][0]
    assert (place["path"], place["line"], place["column"], place["commit"]) == ("conf/a.env", 1, 5, commit)
    assert (place["author"], place["reachable"]) == ("Test Author <test@example.org>", True)
    assert_hidden(token, ended)


def test_git_from_a_folder_inside_and_by_its_path(repository: RepositoryBuilder, tmp_path: Path, token: str) -> None:
    repository.commit({"conf/a.env": token})
    for cwd, given in (
        (repository.path / "conf", ()),
        (tmp_path, (repository.path.name,)),
        (tmp_path, ("repository/conf",)),
    ):
        ended = run("scan", "git", *given, *AS_JSON, cwd=cwd)
        assert (ended.code, found(ended.report)) == (FOUND, name_of(token))


def test_git_twice_says_the_same(repository: RepositoryBuilder, token: str) -> None:
    repository.commit({"a.env": token})
    first, second = (run("scan", "git", *AS_JSON, cwd=repository.path) for _ in range(2))
    assert first.code == second.code == FOUND
    assert first.report["findings"] == second.report["findings"]
    assert first.report["state"] == second.report["state"] == "complete"


def test_git_goes_by_the_repositorys_own_configuration(repository: RepositoryBuilder, token: str) -> None:
    repository.commit({"a.env": token, ".tokenguard.yaml": "ignore:\n  - path: a.env\n    reason: sample\n"})
    ended = run("scan", "git", *AS_JSON, cwd=repository.path)
    assert (ended.code, ended.report["findings"], len(ended.report["suppressed"])) == (CLEAN, [], 1)
    repository.run("clone", "-q", "--bare", ".", "../bare.git")
    bare = run("scan", "git", "bare.git", *AS_JSON, cwd=repository.path.parent)
    assert (bare.code, len(bare.report["suppressed"])) == (CLEAN, 1)


@pytest.mark.parametrize("lost", [True, False], ids=["lost", "reachable"])
@pytest.mark.parametrize("by", ["configuration", "baseline"])
def test_the_same_content_at_a_path_that_is_not_ignored(
    repository: RepositoryBuilder, token: str, by: str, *, lost: bool
) -> None:
    repository.commit({"tests/a.env": token})
    options: tuple[str, ...] = ()
    if by == "configuration":
        repository.commit({".tokenguard.yaml": "ignore:\n  - path: tests/**\n    reason: samples\n"})
    else:
        options = ("--baseline", str(repository.path.parent / "known"))
        run("baseline", "create", "--by-path", "--reason", "samples", *options, cwd=repository.path)
    assert run("scan", "git", *options, *AS_JSON, cwd=repository.path).code == CLEAN
    repository.commit({"prod/a.env": token})
    if lost:
        repository.run("reset", "-q", "--hard", "HEAD^")
    else:
        repository.commit({"prod/a.env": None})
    ended = run("scan", "git", *options, *AS_JSON, cwd=repository.path)
    assert (ended.code, paths(ended.report)) == (FOUND, {"prod/a.env"})
    assert {place["path"] for each in ended.report["suppressed"] for place in each["locations"]} == {"tests/a.env"}


@pytest.mark.parametrize("ignored", [True, False])
def test_a_long_history_is_walked_over_every_path_where_one_is_ignored(
    repository: RepositoryBuilder, token: str, monkeypatch: pytest.MonkeyPatch, *, ignored: bool
) -> None:
    monkeypatch.setattr(history, "_SHORT", 0)
    repository.commit({"tests/a.env": token})
    repository.commit({"prod/a.env": token})
    repository.commit({"prod/a.env": None, "tests/a.env": None})
    text = "ignore:\n  - path: nothing/**\n    reason: samples\n" if ignored else ""
    settings = Settings(ignore=parse(text.encode(), ".tokenguard.yaml").ignore)
    where = str(repository.path)
    report = perform(Sight({}), settings, load_builtin(), lambda session: scan_repository(session, where)).report
    (finding,) = report.findings
    assert len(finding.locations) == (2 if ignored else 1)


def test_every_path_that_the_same_content_had(repository: RepositoryBuilder, token: str) -> None:
    first = repository.commit({"one.env": token})
    second = repository.commit({"copies/two.env": token})
    third = repository.commit({"one.env": None, "three.env": token})
    repository.commit({"three.env": None, "copies/two.env": None})
    ended = run("scan", "git", *AS_JSON, cwd=repository.path)
    places = ended.report["findings"][0]["locations"]
    assert {(place["path"], place["commit"]) for place in places} == {
        ("one.env", first),
        ("copies/two.env", second),
        ("three.env", third),
    }


def test_a_merge_that_puts_known_content_elsewhere(repository: RepositoryBuilder, token: str) -> None:
    """As `git subtree add` does: no commit on either side has it there."""
    trunk = repository.run("symbolic-ref", "--short", "HEAD")
    repository.run("checkout", "-q", "-b", "library")
    brought = repository.commit({"a.env": token})
    repository.run("checkout", "-q", trunk)
    repository.commit({"b.txt": "nothing\n"})
    repository.run("merge", "-q", "--no-commit", "library")
    repository.run("mv", "a.env", "vendored.env")
    merge = repository.commit({})
    ended = run("scan", "git", *AS_JSON, cwd=repository.path)
    places = {(place["path"], place["commit"]) for place in ended.report["findings"][0]["locations"]}
    assert {("a.env", brought), ("vendored.env", merge)} <= places


def test_a_partial_clone_knows_where_findings_came_from(
    repository: RepositoryBuilder, tmp_path: Path, token: str
) -> None:
    repository.run("config", "uploadpack.allowFilter", "true")
    repository.commit({"a.env": "before\n"})
    commit = repository.commit({"a.env": token})
    url = repository.path.as_uri()
    repository.run("clone", "-q", "--filter=blob:none", url, str(tmp_path / "partial"))
    ended = run("scan", "git", *AS_JSON, cwd=tmp_path / "partial")
    assert ended.code == INCOMPLETE
    assert not any("came from" in each["what"] for each in ended.report["skipped"])
    assert commit in {place["commit"] for place in ended.report["findings"][0]["locations"]}


def test_a_missing_object_is_named_and_the_rest_reported(repository: RepositoryBuilder, token: str) -> None:
    repository.commit({"a.env": token, "lost.txt": "will be lost\n"})
    oid = repository.oid("HEAD:lost.txt")
    (repository.path / ".git" / "objects" / oid[:2] / oid[2:]).unlink()
    ended = run("scan", "git", *AS_JSON, cwd=repository.path)
    assert (ended.code, found(ended.report)) == (INCOMPLETE, name_of(token))
    assert any(oid in each["what"] for each in ended.report["skipped"])
    assert oid in ended.message


# scan staged


def test_staged(repository: RepositoryBuilder, token: str) -> None:
    old = plant.token(plant.BINBOI_LIVE)
    repository.commit({"a.env": f"{old}\n"})
    ended = run("scan", "staged", *AS_JSON, cwd=repository.path)
    assert (ended.code, ended.report["coverage"]["blobs"]) == (CLEAN, 0)
    repository.add({"a.env": f"{old}\n{token}\n"})
    ended = run("scan", "staged", *AS_JSON, cwd=repository.path)
    assert (ended.code, found(ended.report)) == (FOUND, name_of(token))
    assert ended.report["coverage"]["blobs"] >= 1
    elsewhere = run("scan", "staged", "--repo", "repository", cwd=repository.path.parent)
    assert elsewhere.code == FOUND
    assert_hidden(token, elsewhere)


def test_staged_with_an_allowance_of_its_own(repository: RepositoryBuilder, token: str) -> None:
    repository.add({"a.env": f"# tokenguard:allow {plant.KEEBAI} a sample\n{token}\n"})
    ended = run("scan", "staged", *AS_JSON, cwd=repository.path)
    assert (ended.code, len(ended.report["suppressed"])) == (CLEAN, 1)
    assert "Allowed by this very change" in run("scan", "staged", cwd=repository.path).out
    strict = run("scan", "staged", "--strict-allow", *AS_JSON, cwd=repository.path)
    assert (strict.code, found(strict.report)) == (FOUND, name_of(token))
    assert "allowed by this very change, which does not count here" in strict.message


# scan commits


def test_commits(repository: RepositoryBuilder, token: str) -> None:
    repository.run("tag", "before")
    repository.commit({"a.env": token})
    repository.commit({"a.env": None})
    repository.run("tag", "after")
    repository.commit({"b.txt": "clean\n"})
    ended = run("scan", "commits", "before..HEAD", *AS_JSON, cwd=repository.path)
    assert (ended.code, found(ended.report), ended.report["coverage"]["commits"]) == (FOUND, name_of(token), 3)
    assert run("scan", "commits", "after..HEAD", cwd=repository.path).code == CLEAN
    ended = run("scan", "commits", "after..HEAD", "before..after", cwd=repository.path)
    assert ended.code == USAGE
    assert ended.message == "several ranges: git would leave out of each what another excludes; scan one by one"


def test_commits_of_a_branch_with_an_upstream(repository: RepositoryBuilder, token: str) -> None:
    repository.run("branch", "base")
    repository.run("branch", "-q", "--set-upstream-to=base")
    assert run("scan", "commits", cwd=repository.path).code == CLEAN
    repository.commit({"a.env": token})
    assert run("scan", "commits", cwd=repository.path).code == FOUND


def test_commits_in_a_shallow_clone(repository: RepositoryBuilder, tmp_path: Path, token: str) -> None:
    base = repository.oid("HEAD")
    repository.commit({"a.env": token})
    repository.commit({"a.env": None})
    repository.run("clone", "-q", "--depth=1", f"file://{repository.path}", str(tmp_path / "shallow"))
    ended = run("scan", "commits", f"{base}..HEAD", *AS_JSON, cwd=tmp_path / "shallow")
    assert ended.code == INCOMPLETE
    assert "shallow" in ended.message


# scan push, scan receive


def test_push(repository: RepositoryBuilder, token: str) -> None:
    base = repository.oid("HEAD")
    tip = repository.commit({"a.env": token})
    line = f"refs/heads/main {tip} refs/heads/main {base}\n".encode()
    ended = run("scan", "push", "origin", "https://example.org/x.git", *AS_JSON, cwd=repository.path, stdin=line)
    assert (ended.code, found(ended.report)) == (FOUND, name_of(token))
    new = f"refs/heads/main {tip} refs/heads/new {NOTHING}\n".encode()
    assert run("scan", "push", "origin", cwd=repository.path, stdin=new).code == FOUND
    deleted = f"(delete) {NOTHING} refs/heads/main {tip}\n".encode()
    assert run("scan", "push", "origin", cwd=repository.path, stdin=deleted).code == CLEAN
    assert run("scan", "push", "origin", cwd=repository.path, stdin=b"").code == CLEAN


def test_receive(repository: RepositoryBuilder, token: str) -> None:
    base = repository.oid("HEAD")
    repository.run("checkout", "-q", "--detach")
    tip = repository.commit({"a.env": f"# tokenguard:allow {plant.KEEBAI} please\n{token}\n"})
    repository.run("checkout", "-q", "main")
    ended = run("scan", "receive", *AS_JSON, cwd=repository.path, stdin=f"{base} {tip} refs/heads/main\n".encode())
    assert (ended.code, found(ended.report), paths(ended.report)) == (FOUND, name_of(token), {"a.env"})
    assert "allowed by this very change" in ended.message
