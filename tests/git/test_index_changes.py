"""The index against HEAD, as `tokenguard.git.index_changes.staged` sees it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import tokenguard
from git_repository import RepositoryBuilder
from tokenguard.errors import GitError
from tokenguard.git.change_set import Change, NewPath
from tokenguard.git.index_changes import staged, whole_index
from tokenguard.git.repository import locate
from tokenguard.git.runner import Git

LINES = "".join(f"line {number}\n" for number in range(40))


@pytest.fixture
def repository(tmp_path: Path) -> RepositoryBuilder:
    return RepositoryBuilder(tmp_path / "repository")


def git_on(repository: RepositoryBuilder) -> Git:
    return Git(locate(repository.path))


def test_nothing_staged(repository: RepositoryBuilder) -> None:
    repository.commit({"a": "1"})
    repository.write("a", "changed in the worktree only")
    found = staged(git_on(repository))
    assert (found.changes, found.paths, found.base) == ((), (), "HEAD")


def test_a_changed_file_has_its_old_content_as_base(repository: RepositoryBuilder) -> None:
    repository.commit({"a": "1"})
    repository.add({"a": "2", "b": "3"})
    found = staged(git_on(repository))
    assert found.changes == (
        Change("a", repository.oid(":a"), (repository.oid("HEAD:a"),)),
        Change("b", repository.oid(":b")),
    )
    assert found.paths == (NewPath("b"),)
    assert found.commits == ()


def test_before_the_first_commit_everything_is_new(repository: RepositoryBuilder) -> None:
    repository.add({"a": "1", "dir/b": "2"})
    found = staged(git_on(repository))
    assert [change.path for change in found.changes] == ["a", "dir/b"]
    assert all(change.bases == () for change in found.changes)
    assert found.base is None


def test_an_empty_repository(repository: RepositoryBuilder) -> None:
    assert staged(git_on(repository)).changes == ()


def test_a_head_that_cannot_be_read_is_no_empty_repository(repository: RepositoryBuilder) -> None:
    commit = repository.commit({"a": "1"})
    (repository.path / ".git/objects" / commit[:2] / commit[2:]).unlink()
    with pytest.raises(GitError):
        staged(git_on(repository))


def test_an_intent_to_add_is_not_part_of_the_commit(repository: RepositoryBuilder) -> None:
    repository.commit({"a": "1"})
    repository.write("later", "content")
    repository.run("add", "-N", "later")
    found = staged(git_on(repository))
    assert (found.changes, found.paths) == ((), ())


def test_a_rename_keeps_its_source_as_base(repository: RepositoryBuilder) -> None:
    repository.commit({"old": LINES})
    source = repository.oid("HEAD:old")
    repository.add({"old": None, "new": LINES + "one more\n"})
    found = staged(git_on(repository))
    assert found.changes == (Change("new", repository.oid(":new"), (source,)),)
    assert found.paths == (NewPath("new"),)


def test_a_mere_rename_and_a_mode_add_no_content(repository: RepositoryBuilder) -> None:
    repository.commit({"old": LINES, "script": "run\n"})
    repository.run("mv", "old", "new")
    repository.run("update-index", "--chmod=+x", "script")
    found = staged(git_on(repository))
    assert found.changes == ()
    assert found.paths == (NewPath("new"),)


def test_a_copy_has_no_base(repository: RepositoryBuilder) -> None:
    repository.commit({"old": LINES})
    repository.add({"copy": LINES, "old": LINES + "x\n"})
    changes = {change.path: change for change in staged(git_on(repository)).changes}
    assert changes["copy"].bases == ()
    assert changes["old"].bases == (repository.oid("HEAD:old"),)


def test_a_file_that_becomes_a_symlink(repository: RepositoryBuilder) -> None:
    repository.commit({"a": "content\n"})
    (repository.path / "a").unlink()
    (repository.path / "a").symlink_to("elsewhere")
    repository.add({})
    [change] = staged(git_on(repository)).changes
    assert change == Change("a", repository.oid(":a"), (repository.oid("HEAD:a"),))


def test_a_submodule_has_no_content_but_a_name(repository: RepositoryBuilder) -> None:
    commit = repository.commit({"a": "1"})
    repository.run("update-index", "--add", "--cacheinfo", f"160000,{commit},module")
    found = staged(git_on(repository))
    assert found.changes == ()
    assert found.paths == (NewPath("module"),)
    repository.run("commit", "-qm", "module")
    repository.run("rm", "-q", "--cached", "module")
    repository.add({"module": "a file now"})
    assert staged(git_on(repository)).changes == (Change("module", repository.oid(":module")),)


def test_any_file_name(repository: RepositoryBuilder) -> None:
    names = [
        b"with space",
        b"line\nfeed",
        b"tab\there",
        b'quo"te',
        b"back\\slash",
        b"\xff\xfe not utf-8",
        b":colon",
        b"-dash",
    ]
    repository.commit({"a": "1"})
    repository.add(dict.fromkeys(names, b"content"))
    found = staged(git_on(repository))
    assert {os.fsencode(change.path) for change in found.changes} == set(names)
    assert {os.fsencode(new.path) for new in found.paths} == set(names)


def test_all_versions_of_an_unmerged_path(repository: RepositoryBuilder) -> None:
    repository.commit({"a": "0\n", "b": "0\n"})
    repository.run("checkout", "-qb", "other")
    repository.commit({"a": "theirs\n", "b": "b theirs\n", "c": "c theirs\n"})
    theirs = repository.oid("HEAD:a")
    repository.run("checkout", "-q", "main")
    repository.commit({"a": "ours\n"})
    ours, before = repository.oid("HEAD:a"), repository.oid("HEAD~:a")
    subprocess.run(["git", "merge", "-q", "other"], cwd=repository.path, check=False, capture_output=True)
    found = staged(git_on(repository))
    # What `other` already has is not new: the commit will have it as a parent.
    assert found.changes == (Change("a", before, (ours, theirs)),)
    repository.add({"a": "settled\n", "evil": "new in the merge\n"})
    found = staged(git_on(repository))
    assert found.changes == (
        Change("a", repository.oid(":a"), (ours, theirs)),
        Change("evil", repository.oid(":evil")),
    )
    assert found.paths == (NewPath("evil"),)


def test_unmerged_entries_without_a_merge(repository: RepositoryBuilder) -> None:
    repository.commit({"a": "0\n"})
    blobs = [repository.object("blob", f"version {stage}".encode()) for stage in (1, 2, 3)]
    entries = "".join(f"100644 {blob} {stage}\ta\n" for stage, blob in enumerate(blobs, 1))
    repository.run("update-index", "--index-info", stdin=b"0 " + b"0" * 40 + b"\ta\n" + entries.encode())
    found = staged(git_on(repository))
    assert [change.blob for change in found.changes] == blobs
    assert all(change.bases == (repository.oid("HEAD:a"),) for change in found.changes)
    assert [change.blob for change in whole_index(git_on(repository)).changes] == blobs


IN_A_HOOK = """\
import os, sys
from pathlib import Path
from tokenguard.git import index_changes, repository, runner

git = runner.Git(repository.locate(Path.cwd(), os.environ), hook=True)
Path(sys.argv[1]).write_text(" ".join(change.path for change in index_changes.staged(git).changes))
"""


@pytest.mark.parametrize(("arguments", "expected"), [((), "staged"), (("-a",), "named staged"), (("named",), "named")])
def test_a_hook_sees_the_index_that_will_be_committed(
    repository: RepositoryBuilder, tmp_path: Path, arguments: tuple[str, ...], expected: str
) -> None:
    """`commit -a` and `commit PATH` build an index of their own and name it in GIT_INDEX_FILE."""
    repository.commit({"named": "1", "staged": "1"})
    repository.write("named", "2")
    repository.write("staged", "2")
    repository.run("add", "staged")
    program = tmp_path / "program.py"
    program.write_text(IN_A_HOOK)
    source = Path(tokenguard.__file__).parents[1]
    hook = repository.path / ".git/hooks/pre-commit"
    hook.write_text(f"#!/bin/sh\nPYTHONPATH='{source}' exec '{sys.executable}' '{program}' '{tmp_path}/told'\n")
    hook.chmod(0o755)
    repository.run("commit", "-qm", "x", *arguments)
    assert (tmp_path / "told").read_text() == expected


def test_whole_index(repository: RepositoryBuilder) -> None:
    commit = repository.commit({"a": "1", "dir/b": "2"})
    found = whole_index(git_on(repository))
    assert found.changes == (Change("a", repository.oid(":a")), Change("dir/b", repository.oid(":dir/b")))
    assert found.paths == (NewPath("a"), NewPath("dir/b"))
    assert found.base == commit


def test_an_unchanged_index_is_taken_whole_where_that_was_asked_for(repository: RepositoryBuilder) -> None:
    repository.commit({"a": "1", "b": "2"})
    git = git_on(repository)
    assert staged(git, else_all=True) == whole_index(git)
    repository.add({"b": None})
    # A commit that only deletes is a commit all the same.
    assert staged(git, else_all=True).changes == ()


def test_one_process(repository: RepositoryBuilder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The start of git is most of what a hook costs."""
    repository.commit({"a": "1"})
    repository.add({"a": "2"})
    git = git_on(repository)
    log = tmp_path / "trace"
    monkeypatch.setitem(git._environment, "GIT_TRACE2_EVENT", str(log))
    assert staged(git).changes
    assert log.read_text().count('"event":"start"') == 1


def test_sha256(tmp_path: Path) -> None:
    repository = RepositoryBuilder(tmp_path / "sha256", object_format="sha256")
    repository.commit({"old": LINES})
    repository.add({"old": None, "new": LINES + "x\n", "other": "1"})
    found = staged(git_on(repository))
    assert [(change.path, len(change.blob), len(change.bases)) for change in found.changes] == [
        ("new", 64, 1),
        ("other", 64, 0),
    ]


def test_a_linked_worktree_has_its_own_index(repository: RepositoryBuilder, tmp_path: Path) -> None:
    repository.commit({"a": "1"})
    repository.run("worktree", "add", "-q", str(tmp_path / "linked"), "-b", "linked")
    linked = RepositoryBuilder(tmp_path / "linked")
    linked.add({"a": "2"})
    assert staged(git_on(repository)).changes == ()
    assert [change.path for change in staged(git_on(linked)).changes] == ["a"]


HOSTILE = {
    "color.ui": "always",
    "color.diff": "always",
    "diff.noprefix": "true",
    "diff.external": "touch EXECUTED",
    "diff.renames": "false",
    "diff.renameLimit": "1",
    "diff.orderFile": "/nonexistent",
    "diff.ignoreSubmodules": "all",
    "core.quotePath": "true",
    "core.abbrev": "4",
    "core.fsmonitor": "touch EXECUTED",
    "core.hooksPath": "hooks",
    "core.attributesFile": "attributes",
    "diff.driver.textconv": "touch EXECUTED;",
    "diff.driver.command": "touch EXECUTED;",
    "filter.driver.clean": "touch EXECUTED;",
}


def test_hostile_settings_change_nothing_and_run_nothing(repository: RepositoryBuilder) -> None:
    repository.commit({"old": LINES, "caf\u00e9": "1", ".gitattributes": "* diff=driver\n"})
    repository.add({"old": None, "new": LINES + "x\n", "caf\u00e9": "2"})
    before = staged(git_on(repository)), whole_index(git_on(repository))
    for key, value in HOSTILE.items():
        repository.run("config", key, value)
    (repository.path / ".gitattributes").write_text("* diff=driver filter=driver\n")
    assert (staged(git_on(repository)), whole_index(git_on(repository))) == before
    assert not list(repository.path.rglob("EXECUTED"))
