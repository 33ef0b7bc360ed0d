"""Where a repository is: our answers against those of GitPython, an independent reader."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from git import Repo
from git_repository import RepositoryBuilder
from tokenguard.errors import NotARepositoryError
from tokenguard.git.repository import Repository, locate, views


@pytest.fixture
def made(tmp_path: Path) -> RepositoryBuilder:
    repository = RepositoryBuilder(tmp_path / "made")
    repository.commit({"folder/inner/a": "1\n"})
    return repository


def witness(start: Path) -> Repository:
    """What GitPython says of the repository that `start` lies in."""
    with Repo(start, search_parent_directories=True) as repo:
        worktree = None if repo.bare else Path(str(repo.working_tree_dir)).resolve()
        return Repository(Path(repo.git_dir).resolve(), Path(repo.common_dir).resolve(), worktree)


def bare(made: RepositoryBuilder, folder: Path) -> Path:
    made.run("clone", "-q", "--bare", ".", str(folder))
    return folder


def linked(made: RepositoryBuilder, folder: Path) -> Path:
    made.run("worktree", "add", "-q", "--detach", str(folder))
    return folder


def linked_to_bare(made: RepositoryBuilder, folder: Path) -> Path:
    origin = RepositoryBuilder(bare(made, folder / "bare.git"))
    return linked(origin, folder / "linked")


def submodule(made: RepositoryBuilder, folder: Path) -> Path:
    outer = RepositoryBuilder(folder)
    outer.run("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(made.path), "sub/module")
    return folder / "sub/module"


def apart(made: RepositoryBuilder, folder: Path) -> Path:
    """A git folder that lies elsewhere."""
    made.run("clone", "-q", f"--separate-git-dir={folder}.git", ".", str(folder))
    return folder


def behind_a_link(made: RepositoryBuilder, folder: Path) -> Path:
    folder.symlink_to(made.path)
    return folder


def inside_another(made: RepositoryBuilder, folder: Path) -> Path:
    inner = RepositoryBuilder(made.path / "folder" / folder.name)
    inner.commit({"b": "2\n"})
    return inner.path


KINDS = (bare, linked, linked_to_bare, submodule, apart, behind_a_link, inside_another)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_it_agrees_with_gitpython(made: RepositoryBuilder, tmp_path: Path, kind: object) -> None:
    assert callable(kind)
    start = kind(made, tmp_path / "other")
    found = locate(start)
    assert found == witness(start)
    assert (found.worktree is None) == (kind is bare)
    assert found.objects_dir.is_dir()


@pytest.mark.parametrize("start", ["", "folder", "folder/inner", "folder/inner/a", ".git"])
def test_it_agrees_from_everywhere_inside(made: RepositoryBuilder, start: str) -> None:
    whole = witness(made.path)
    assert whole == Repository(made.path / ".git", made.path / ".git", made.path)
    assert locate(made.path / start) == whole


def test_sha256(tmp_path: Path) -> None:
    """Without the witness: GitPython's readers fail on it."""
    made = RepositoryBuilder(tmp_path / "made", object_format="sha256")
    made.commit({"a": "1\n"})
    assert locate(made.path) == Repository(made.path / ".git", made.path / ".git", made.path)


def test_the_configuration_does_not_move_the_worktree(made: RepositoryBuilder, tmp_path: Path) -> None:
    """Git, and GitPython with it, would go where the repository says."""
    (tmp_path / "elsewhere").mkdir()
    made.run("config", "core.worktree", str(tmp_path / "elsewhere"))
    assert locate(made.path).worktree == made.path


def test_every_worktree_is_a_view(made: RepositoryBuilder, tmp_path: Path) -> None:
    for name in ("b", "a"):
        linked(made, tmp_path / name)
    seen = views(locate(tmp_path / "a"))
    with Repo(made.path) as repo:
        listed = repo.git.worktree("list", "--porcelain").count("worktree ")
    assert len(seen) == listed == 3
    assert {view.git_dir for view in seen} == {
        made.path / ".git",
        made.path / ".git/worktrees/a",
        made.path / ".git/worktrees/b",
    }
    assert {view.common_dir for view in seen} == {made.path / ".git"}


@pytest.mark.parametrize("name", ["folder", "file", "missing", "lost", "hollow"])
def test_what_is_no_repository(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "lost").mkdir()
    (tmp_path / "lost/.git").write_text("gitdir: ../gone\n")
    os.makedirs(tmp_path / "hollow/.git/objects")
    with pytest.raises(NotARepositoryError):
        locate(tmp_path / name)


def test_a_linked_worktree_whose_repository_is_gone(made: RepositoryBuilder, tmp_path: Path) -> None:
    linked(made, tmp_path / "linked")
    shutil.rmtree(made.path)
    with pytest.raises(NotARepositoryError):
        locate(tmp_path / "linked")
