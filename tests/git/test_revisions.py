"""Names and files of revisions, beyond what the ranges of `test_changes_commits.py` use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from git_repository import RepositoryBuilder
from tokenguard.errors import GitError
from tokenguard.git.repository import locate
from tokenguard.git.revisions import Named, file_at, look_up, shallow_commits
from tokenguard.git.runner import Git

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def repository(tmp_path: Path) -> RepositoryBuilder:
    return RepositoryBuilder(tmp_path / "repository")


def test_a_file_as_it_stood(repository: RepositoryBuilder) -> None:
    first = repository.commit({"dir/a b": "1"})
    repository.commit({"dir/a b": "2"})
    git = Git(locate(repository.path))
    assert file_at(git, first, "dir/a b", 100) == b"1"
    assert file_at(git, "HEAD", "dir/a b", 100) == b"2"
    assert file_at(git, "HEAD", "dir/none", 100) is None
    assert file_at(git, "HEAD", "dir", 100) is None
    assert file_at(git, "HEAD", "dir\nHEAD:dir/a b", 100) is None


def test_a_file_that_is_too_large_or_gone_is_an_error(repository: RepositoryBuilder) -> None:
    repository.commit({"large": "12345", "gone": "1"})
    git = Git(locate(repository.path))
    assert file_at(git, "HEAD", "large", 5) == b"12345"
    with pytest.raises(GitError, match="larger than 4 bytes"):
        file_at(git, "HEAD", "large", 4)
    blob = repository.oid("HEAD:gone")
    (repository.path / ".git/objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(GitError, match="missing"):
        file_at(git, "HEAD", "gone", 5)


def test_what_names_stand_for(repository: RepositoryBuilder) -> None:
    commit = repository.commit({"a": "1"})
    repository.run("tag", "-am", "tagged", "tagged")
    git = Git(locate(repository.path))
    names = ["HEAD", "tagged", "tagged^{commit}", "HEAD:a", "HEAD^{tree}", "nonsense", "-h", "HEAD extra", "\udcff", ""]
    assert look_up(git, names) == [
        Named(commit, "commit"),
        Named(repository.oid("tagged"), "tag"),
        Named(commit, "commit"),
        Named(repository.oid("HEAD:a"), "blob"),
        Named(repository.oid("HEAD^{tree}"), "tree"),
        *[None] * 5,
    ]
    assert look_up(git, []) == []


def test_a_whole_clone_is_not_shallow(repository: RepositoryBuilder) -> None:
    assert shallow_commits(Git(locate(repository.path))) == frozenset()
