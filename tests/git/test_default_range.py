"""A range that nobody gave: what a CI job scans in the checkouts that CI systems make."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from git_repository import RepositoryBuilder
from tokenguard.errors import RangeError
from tokenguard.git.changes import commits
from tokenguard.git.default_range import default_ranges
from tokenguard.git.repository import locate
from tokenguard.git.runner import Git

if TYPE_CHECKING:
    from pathlib import Path

    from tokenguard.git.change_set import ChangeSet

ZERO = "0" * 40


@pytest.fixture
def origin(tmp_path: Path) -> RepositoryBuilder:
    return RepositoryBuilder(tmp_path / "origin")


def checkout(origin: RepositoryBuilder, path: Path, *options: str) -> RepositoryBuilder:
    """A clone as a CI job gets it: HEAD is detached."""
    subprocess.run(["git", "clone", "-q", *options, origin.path.as_uri(), path], check=True, capture_output=True)
    clone = RepositoryBuilder(path)
    clone.run("checkout", "-q", "--detach")
    return clone


def job(clone: RepositoryBuilder, before: str, head: str, branch: str = "topic") -> ChangeSet:
    """What a GitLab job that runs for a push scans."""
    git = Git(locate(clone.path))
    environ = {
        "GITLAB_CI": "true",
        "CI_PIPELINE_SOURCE": "push",
        "CI_DEFAULT_BRANCH": "main",
        "CI_COMMIT_BRANCH": branch,
        "CI_COMMIT_BEFORE_SHA": before,
        "CI_COMMIT_SHA": head,
    }
    return commits(git, default_ranges(git, environ))


def topic(origin: RepositoryBuilder) -> tuple[list[str], list[str]]:
    """Commits of main, and of a branch that is checked out."""
    main = [origin.commit({"a": str(number)}) for number in range(3)]
    origin.run("checkout", "-qb", "topic")
    return main, [origin.commit({"b": str(number)}) for number in range(3)]


def test_a_push_to_a_branch(origin: RepositoryBuilder, tmp_path: Path) -> None:
    _, branch = topic(origin)
    found = job(checkout(origin, tmp_path / "clone"), branch[0], branch[2])
    assert (found.commits, found.base, found.skipped) == (tuple(branch[1:]), branch[0], ())


def test_a_first_push_is_compared_with_the_default_branch(origin: RepositoryBuilder, tmp_path: Path) -> None:
    main, branch = topic(origin)
    found = job(checkout(origin, tmp_path / "clone"), ZERO, branch[2])
    assert (found.commits, found.base, found.skipped) == (tuple(branch), main[2], ())


def test_a_first_push_where_the_default_branch_is_not_there(origin: RepositoryBuilder, tmp_path: Path) -> None:
    main, branch = topic(origin)
    clone = checkout(origin, tmp_path / "clone", "--single-branch", "--branch=topic")
    found = job(clone, ZERO, branch[2])
    assert (found.commits, found.base) == ((*main, *branch), None)


def test_the_first_push_of_the_default_branch_is_all_of_it(origin: RepositoryBuilder, tmp_path: Path) -> None:
    main = [origin.commit({"a": str(number)}) for number in range(3)]
    assert job(checkout(origin, tmp_path / "clone"), ZERO, main[2], "main").commits == tuple(main)


@pytest.mark.parametrize("before", [ZERO, "base"])
def test_a_shallow_checkout_is_never_clean(origin: RepositoryBuilder, tmp_path: Path, before: str) -> None:
    _, branch = topic(origin)
    clone = checkout(origin, tmp_path / "clone", "--depth=1", "--branch=topic")
    found = job(clone, branch[0] if before == "base" else before, branch[2])
    assert found.commits == (branch[2],)
    assert found.skipped
    assert all("fetch-depth: 0" in skipped.why and "GIT_DEPTH: 0" in skipped.why for skipped in found.skipped)


def test_a_checkout_without_the_head_is_never_clean(origin: RepositoryBuilder, tmp_path: Path) -> None:
    """A pull request's head is not in a checkout of the target branch."""
    main, branch = topic(origin)
    clone = checkout(origin, tmp_path / "clone", "--single-branch", "--branch=main")
    found = job(clone, main[2], branch[2])
    assert (found.commits, [skipped.what for skipped in found.skipped]) == ((), [f"commit {branch[2]}"])


def test_a_forced_push_whose_old_tip_is_gone_is_compared_with_the_default_branch(
    origin: RepositoryBuilder, tmp_path: Path
) -> None:
    _, branch = topic(origin)
    origin.run("reset", "-q", "--hard", branch[0])
    rewritten = origin.commit({"b": "rewritten"})
    found = job(checkout(origin, tmp_path / "clone"), branch[2], rewritten)
    # No clone can have the old tip: calling this incomplete would leave nothing that the user could do.
    assert (found.commits, found.skipped) == ((branch[0], rewritten), ())


def test_a_pushed_tag_has_a_message_of_its_own(origin: RepositoryBuilder, tmp_path: Path) -> None:
    """Also where its commit is on the default branch already; one that is no object has none."""
    main, _ = topic(origin)
    origin.run("tag", "-a", "-m", "first", "v1", main[2])
    origin.run("tag", "plain", main[2])
    git = Git(locate(checkout(origin, tmp_path / "clone").path))
    environ = {"GITLAB_CI": "true", "CI_DEFAULT_BRANCH": "main", "CI_COMMIT_SHA": main[2], "CI_COMMIT_TAG": "v1"}
    found = commits(git, default_ranges(git, environ))
    assert (found.commits, found.tags) == ((), (origin.oid("v1"),))
    assert commits(git, default_ranges(git, environ | {"CI_COMMIT_TAG": "plain"})).tags == ()


def test_outside_ci_the_upstream_counts(origin: RepositoryBuilder, tmp_path: Path) -> None:
    main, _ = topic(origin)
    origin.run("checkout", "-q", "main")
    subprocess.run(["git", "clone", "-q", origin.path, tmp_path / "clone"], check=True)
    clone = RepositoryBuilder(tmp_path / "clone")
    commit = clone.commit({"c": "1"})
    git = Git(locate(clone.path))
    found = commits(git, default_ranges(git, {}))
    assert (found.commits, found.base) == ((commit,), main[2])


def test_without_an_upstream_a_range_is_needed(origin: RepositoryBuilder) -> None:
    topic(origin)
    with pytest.raises(RangeError, match=r"no upstream.*tokenguard scan commits main\.\.HEAD"):
        default_ranges(Git(locate(origin.path)), {})


@pytest.mark.parametrize(
    "environ",
    [
        {"GITLAB_CI": "true", "CI_PIPELINE_SOURCE": "schedule"},
        {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "schedule"},
        {"CI": "true"},
    ],
)
def test_in_ci_the_upstream_says_nothing(origin: RepositoryBuilder, tmp_path: Path, environ: dict[str, str]) -> None:
    """GitHub's checkout makes a branch that tracks what was checked out: nothing would be read, and called clean."""
    topic(origin)
    subprocess.run(["git", "clone", "-q", origin.path, tmp_path / "clone"], check=True)
    event = tmp_path / "event.json"
    event.write_text('{"schedule": "17 4 * * 1"}')
    with pytest.raises(RangeError, match="about no push"):
        default_ranges(Git(locate(tmp_path / "clone")), environ | {"GITHUB_EVENT_PATH": str(event)})
