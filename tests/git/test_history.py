"""Where a blob came from: told by the walk that proves completeness as it is by a look at every commit."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from git_repository import RepositoryBuilder
from tokenguard.app.perform import perform
from tokenguard.app.repository import scan_repository
from tokenguard.app.sight import Sight
from tokenguard.config.settings import Settings
from tokenguard.git.history import History, Introduction
from tokenguard.git.repository import locate
from tokenguard.git.runner import Git
from tokenguard.git.walk import Walk
from tokenguard.ruleset.assemble import load_builtin

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tokenguard.git.walk import Proof
    from tokenguard.model import Finding


def asked(path: Path) -> tuple[Proof, History, list[str]]:
    """The proof and the history of a repository, and the ids of its blobs."""
    git = Git(locate(path))
    listing = git.run("cat-file", "--batch-all-objects", "--batch-check").decode()
    return Walk(git).proof(), History(git), [line.split()[0] for line in listing.splitlines() if " blob " in line]


def told(path: Path) -> tuple[dict[str, tuple[Introduction, ...]], dict[str, tuple[Introduction, ...]]]:
    """What the walk tells of every blob, and what all commits tell."""
    proof, history, blobs = asked(path)
    assert proof.skipped == ()
    listed = proof.listed(blobs)
    return history.introductions(blobs, listed), history.introductions(blobs, listed, everywhere=True)


def scanned(path: Path, *, every_place: bool = False) -> tuple[Finding, ...]:
    """What `scan git` finds."""
    settings, rules = Settings(cache=False), load_builtin()
    done = perform(
        Sight({}), settings, rules, lambda session: scan_repository(session, str(path)), every_place=every_place
    )
    return done.report.findings


def wander(repository: RepositoryBuilder, chance: random.Random) -> None:
    """Some commits: files that come, go, move, are copied and come back, on branches that are merged and lost."""
    contents = [f"content {number}\n" for number in range(12)]
    for step in range(30):
        path = f"{chance.choice('ab')}/{chance.choice('xyz')}"
        match chance.randrange(8):
            case 0:
                repository.run("checkout", "-q", "-B", chance.choice(("one", "two")))
            case 1 if repository.run("branch", "--list", "one"):
                repository.run("merge", "-q", "--no-ff", "-X", "ours", "-m", "merge", "one")
            case 2:
                repository.run("commit", "-q", "--amend", "--allow-empty", "-m", f"amended {step}")
            case 3:
                repository.run("checkout", "-q", "--detach", "HEAD")
            case 4 if (repository.path / path).exists():
                repository.commit({path: None})
            case _:
                repository.commit({path: chance.choice(contents)})


@pytest.mark.parametrize("seed", range(6))
def test_the_walk_knows_the_commit_that_all_commits_tell(seed: int, tmp_path: Path) -> None:
    repository = RepositoryBuilder(tmp_path)
    repository.commit({"a/x": "the first\n"})
    wander(repository, random.Random(seed))  # noqa: S311
    repository.run("tag", "-a", "v1", "-m", "annotated")
    repository.run("tag", "tree", "HEAD^{tree}")
    repository.run("tag", "file", repository.run("hash-object", "-w", "--stdin", stdin=b"content 3\n"))
    repository.add({"c": "staged, in no commit\n"})
    short, whole = told(tmp_path)
    assert short.keys() == whole.keys()
    assert len(short) > 6
    for blob, places in short.items():
        assert set(places) <= set(whole[blob])
        assert {place.reachable for place in places} == {place.reachable for place in whole[blob]}


class CountingGit(Git):
    """Git, and the subcommands that it was asked for."""

    def __init__(self, path: Path) -> None:
        super().__init__(locate(path))
        self.asked: list[str] = []

    def run(self, *arguments: str, stdin: bytes = b"") -> bytes:
        self.asked.append(arguments[0])
        return super().run(*arguments, stdin=stdin)


def test_no_second_walk_where_the_first_tells(tmp_path: Path) -> None:
    repository = RepositoryBuilder(tmp_path)
    commits = [repository.commit({f"folder/{name}": f"{name}\n"}) for name in "abc"]
    repository.run("mv", "folder", "moved")
    repository.commit()
    git = CountingGit(tmp_path)
    blobs = [repository.oid(f"HEAD:moved/{name}") for name in "abc"]
    found = History(git).introductions(blobs, Walk(git).proof().listed(blobs))
    assert [(place.path, place.commit) for blob in blobs for place in found[blob]] == [
        (f"folder/{name}", commit) for name, commit in zip("abc", commits, strict=True)
    ]
    assert "rev-list" not in git.asked


@pytest.mark.parametrize("name", ["line\nfeed", "*", ":(top)x", " ", "-", "é", "[a]"])
def test_any_file_name(name: str, tmp_path: Path) -> None:
    repository = RepositoryBuilder(tmp_path)
    repository.commit({"x": "another\n"})
    commit = repository.commit({name: "wanted\n"})
    short, _ = told(tmp_path)
    assert [(each.path, each.commit) for each in short[repository.oid(f"HEAD:{name}")]] == [(name, commit)]


def test_of_a_broken_history_it_is_not_said_that_refs_reach_a_blob(
    tmp_path: Path, fresh_token: Callable[[str], str]
) -> None:
    repository = RepositoryBuilder(tmp_path)
    root = repository.commit({"a": "1\n"})
    repository.commit({"b": "2\n"})
    repository.commit({"lost.env": fresh_token("keebai-api-key")})
    repository.run("reset", "-q", "--hard", "HEAD~1")
    (tmp_path / ".git" / "objects" / root[:2] / root[2:]).unlink()
    ((place,),) = [finding.locations for finding in scanned(tmp_path)]
    assert (place.path, place.reachable) == ("lost.env", None)


@pytest.mark.parametrize(("every_place", "paths"), [(False, ["a"]), (True, ["a", "b/c"])])
def test_who_decides_by_paths_sees_all_of_a_long_history(
    every_place: bool,  # noqa: FBT001 - a parameter
    paths: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fresh_token: Callable[[str], str],
) -> None:
    monkeypatch.setattr("tokenguard.git.history._SHORT", 0)
    repository = RepositoryBuilder(tmp_path)
    leak = fresh_token("keebai-api-key")
    repository.commit({"a": leak})
    repository.commit({"b/c": leak})
    repository.commit({"a": None, "b/c": None})
    found = scanned(tmp_path, every_place=every_place)
    assert [place.path for finding in found for place in finding.locations] == paths
