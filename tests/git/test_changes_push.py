"""What a push adds, at both of its ends: the real git pushes, and its real hooks tell what they saw."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import tokenguard
from git_repository import RepositoryBuilder
from tokenguard.config.ci import PreCommitRange
from tokenguard.errors import RangeError
from tokenguard.git.change_set import Change, ChangeSet
from tokenguard.git.changes import push, receive
from tokenguard.git.default_range import pre_commit_changes
from tokenguard.git.repository import locate
from tokenguard.git.runner import Git

ZERO = "0" * 40
LINES = "".join(f"line {number}\n" for number in range(40))

HOOK = """\
import json, os, sys
from dataclasses import asdict
from pathlib import Path
from tokenguard.git import changes, repository, runner

git = runner.Git(repository.locate(Path.cwd(), os.environ), hook=True)
kind, told, *remote = sys.argv[1:]
lines = sys.stdin.readlines()
found = changes.push(git, lines, remote[0]) if kind == "pre-push" else changes.receive(git, lines)
for change in found.changes:
    git.run("cat-file", "blob", change.blob)
Path(told).write_text(json.dumps(asdict(found)))
"""


@dataclass
class End:
    """The end of a push that has the hook."""

    kind: str
    repository: RepositoryBuilder
    told: Path

    def install(self) -> None:
        program = self.told.parent / "hook.py"
        program.write_text(HOOK)
        hook = self.repository.path / self.repository.run("rev-parse", "--git-dir") / "hooks" / self.kind
        source = Path(tokenguard.__file__).parents[1]
        hook.write_text(
            f"#!/bin/sh\nPYTHONPATH='{source}' exec '{sys.executable}' '{program}' {self.kind} '{self.told}' $1\n"
        )
        hook.chmod(0o755)

    def saw(self) -> dict[str, Any]:
        """What the hook saw of the last push."""
        seen: dict[str, Any] = json.loads(self.told.read_text())
        self.told.unlink()
        assert seen["skipped"] == []
        return seen


def paths(seen: dict[str, Any]) -> list[str]:
    return [change["path"] for change in seen["changes"]]


@pytest.fixture
def remote(tmp_path: Path) -> RepositoryBuilder:
    return RepositoryBuilder(tmp_path / "remote.git", bare=True)


@pytest.fixture
def repository(tmp_path: Path, remote: RepositoryBuilder) -> RepositoryBuilder:
    repository = RepositoryBuilder(tmp_path / "repository")
    repository.run("remote", "add", "origin", str(remote.path))
    return repository


@pytest.fixture(params=["pre-push", "pre-receive"])
def end(
    request: pytest.FixtureRequest, tmp_path: Path, repository: RepositoryBuilder, remote: RepositoryBuilder
) -> End:
    end = End(request.param, repository if request.param == "pre-push" else remote, tmp_path / "told.json")
    end.install()
    return end


def test_a_first_push_adds_everything(repository: RepositoryBuilder, end: End) -> None:
    ids = [repository.commit({"a": "1"}), repository.commit({"b": "2"})]
    repository.run("push", "-q", "origin", "main")
    seen = end.saw()
    assert paths(seen) == ["a", "b"]
    assert seen["commits"] == ids
    assert seen["names"] == ["refs/heads/main"]
    assert seen["base"] is None


def test_a_second_push_adds_what_is_new(repository: RepositoryBuilder, end: End) -> None:
    first = repository.commit({"a": "1"})
    repository.run("push", "-q", "origin", "main")
    end.saw()
    second = repository.commit({"a": "2"})
    repository.run("push", "-q", "origin", "main")
    seen = end.saw()
    assert [(change["path"], len(change["bases"])) for change in seen["changes"]] == [("a", 1)]
    assert seen["commits"] == [second]
    assert seen["base"] == first


def test_a_new_branch_adds_what_the_other_end_lacks(repository: RepositoryBuilder, end: End) -> None:
    first = repository.commit({"a": "1"})
    repository.run("push", "-q", "origin", "main")
    end.saw()
    repository.run("checkout", "-qb", "topic/one")
    commit = repository.commit({"b": "1"})
    repository.run("push", "-q", "origin", "topic/one")
    seen = end.saw()
    assert (paths(seen), seen["commits"], seen["base"]) == (["b"], [commit], first)
    assert seen["names"] == ["refs/heads/topic/one"]
    repository.run("push", "-q", "origin", "topic/one:refs/heads/again")
    seen = end.saw()
    assert (paths(seen), seen["commits"], seen["names"]) == ([], [], ["refs/heads/again"])


def test_a_deleted_ref_adds_nothing(repository: RepositoryBuilder, end: End) -> None:
    repository.commit({"a": "1"})
    repository.run("push", "-q", "origin", "main", "main:refs/heads/gone")
    end.saw()
    repository.run("push", "-q", "origin", ":gone")
    seen = end.saw()
    assert (paths(seen), seen["commits"], seen["names"]) == ([], [], [])


def test_a_deletion_beside_a_new_branch(repository: RepositoryBuilder, end: End) -> None:
    repository.commit({"a": "1"})
    repository.run("push", "-q", "origin", "main", "main:refs/heads/gone")
    end.saw()
    repository.commit({"b": "1"})
    repository.run("push", "-q", "origin", ":gone", "main", "main:refs/heads/second")
    seen = end.saw()
    assert paths(seen) == ["b"]
    assert sorted(seen["names"]) == ["refs/heads/main", "refs/heads/second"]


def test_a_forced_push(repository: RepositoryBuilder, end: End) -> None:
    repository.commit({"a": "1"})
    repository.commit({"a": "2"})
    repository.run("push", "-q", "origin", "main")
    end.saw()
    repository.run("reset", "-q", "--hard", "HEAD~")
    commit = repository.commit({"a": "rewritten"})
    repository.run("push", "-q", "-f", "origin", "main")
    seen = end.saw()
    assert (paths(seen), seen["commits"]) == (["a"], [commit])


def test_a_forced_push_over_commits_that_were_never_fetched(
    repository: RepositoryBuilder, remote: RepositoryBuilder, tmp_path: Path, end: End
) -> None:
    repository.commit({"a": "1"})
    repository.run("push", "-q", "origin", "main")
    end.saw()
    subprocess.run(["git", "clone", "-q", remote.path, tmp_path / "other"], check=True)
    other = RepositoryBuilder(tmp_path / "other")
    other.commit({"theirs": "1"})
    other.run("push", "-q", "origin", "main")
    if end.kind == "pre-receive":
        end.saw()
    commit = repository.commit({"ours": "1"})
    repository.run("push", "-q", "-f", "origin", "main")
    seen = end.saw()
    assert (paths(seen), seen["commits"]) == (["ours"], [commit])


def test_an_annotated_tag_is_new_and_its_commit_is_not(repository: RepositoryBuilder, end: End) -> None:
    repository.commit({"a": "1"})
    repository.run("push", "-q", "origin", "main")
    end.saw()
    repository.run("tag", "-am", "inner", "inner")
    repository.run("tag", "-am", "outer", "outer", "inner")
    repository.run("tag", "light")
    repository.run("push", "-q", "origin", "outer", "light")
    seen = end.saw()
    assert seen["commits"] == []
    assert seen["tags"] == [repository.oid("outer"), repository.oid("inner")]
    assert sorted(seen["names"]) == ["refs/tags/light", "refs/tags/outer"]


def test_a_tag_of_an_unpushed_commit(repository: RepositoryBuilder, end: End) -> None:
    commit = repository.commit({"a": "1"})
    repository.run("tag", "-am", "tagged", "tagged")
    repository.run("push", "-q", "origin", "tagged")
    seen = end.saw()
    assert (paths(seen), seen["commits"], seen["tags"]) == (["a"], [commit], [repository.oid("tagged")])


def test_refs_that_name_a_file_and_a_folder(repository: RepositoryBuilder, end: End) -> None:
    repository.commit({"dir/a": "1", "dir/b": "2"})
    blob = repository.object("blob", b"content")
    repository.run("tag", "file", blob)
    repository.run("tag", "-am", "folder", "folder", "HEAD:dir")
    repository.run("push", "-q", "origin", "file", "folder")
    seen = end.saw()
    assert seen["commits"] == []
    assert sorted(paths(seen)) == ["a", "b", "refs/tags/file"]
    assert seen["tags"] == [repository.oid("folder")]


def test_a_merge_an_evil_one_and_notes(repository: RepositoryBuilder, end: End) -> None:
    repository.commit({"a": "1"})
    repository.run("push", "-q", "origin", "main")
    end.saw()
    repository.run("checkout", "-qb", "side")
    repository.commit({"s": "1"})
    repository.run("checkout", "-q", "main")
    merge = repository.merge("side", files={"evil": "1"})
    repository.run("notes", "add", "-m", "a note")
    repository.run("push", "-q", "origin", "main", "refs/notes/commits")
    seen = end.saw()
    assert sorted(paths(seen)) == sorted(["evil", "s", merge])
    assert len(seen["commits"]) == 3


def test_a_revision_with_spaces_is_pushed(repository: RepositoryBuilder, end: End) -> None:
    repository.commit({"a": "1"})
    repository.commit({"b": "1"})
    repository.run("push", "-q", "origin", "HEAD@{0 seconds ago}:refs/heads/main")
    assert paths(end.saw()) == ["a", "b"]


@pytest.mark.parametrize("known", [True, False])
def test_a_push_to_a_url(repository: RepositoryBuilder, remote: RepositoryBuilder, tmp_path: Path, known: bool) -> None:  # noqa: FBT001
    """A URL is looked up among the remotes; of one that is none of them, only what the push itself says is known."""
    end = End("pre-push", repository, tmp_path / "told.json")
    end.install()
    repository.commit({"a": "1"})
    repository.run("push", "-q", "origin", "main")
    end.saw()
    repository.run("checkout", "-qb", "topic")
    repository.commit({"b": "1"})
    url = str(remote.path) if known else remote.path.as_uri()
    repository.run("push", "-q", url, "topic")
    assert paths(end.saw()) == (["b"] if known else ["a", "b"])
    repository.commit({"c": "1"})
    repository.run("push", "-q", url, "topic")
    assert paths(end.saw()) == ["c"]


def test_base_of_a_receive_is_the_default_branch(repository: RepositoryBuilder, remote: RepositoryBuilder) -> None:
    main = repository.commit({"a": "1"})
    repository.run("push", "-q", "origin", "main")
    repository.run("checkout", "-qb", "topic")
    old = repository.commit({"a": "2"})
    repository.run("push", "-q", "origin", "topic")
    new = repository.commit({"a": "3"})
    repository.run("push", "-q", "origin", "topic:refs/heads/elsewhere")
    remote.run("update-ref", "-d", "refs/heads/elsewhere")
    found = receive(Git(locate(remote.path)), [f"{old} {new} refs/heads/topic\n"])
    assert found.base == main
    assert found.commits == (new,)


def test_an_object_that_is_not_there_is_told(remote: RepositoryBuilder) -> None:
    found = receive(Git(locate(remote.path)), [f"{ZERO} {'ab' * 20} refs/heads/main"])
    assert [skipped.what for skipped in found.skipped] == [f"object {'ab' * 20}"]


@pytest.mark.parametrize("line", ["", "\n"])
def test_no_lines(repository: RepositoryBuilder, line: str) -> None:
    git = Git(locate(repository.path))
    assert push(git, [line], "origin") == ChangeSet("push")
    assert receive(git, [line]) == ChangeSet("receive")


@pytest.mark.parametrize(
    "line", ["x", f"refs/heads/main {ZERO}", "refs/heads/main HEAD refs/heads/main HEAD", "--all " * 4]
)
def test_lines_that_are_not_gits(repository: RepositoryBuilder, line: str) -> None:
    git = Git(locate(repository.path))
    with pytest.raises(RangeError) as pushed:
        push(git, [line], "origin")
    with pytest.raises(RangeError) as received:
        receive(git, [line])
    assert line not in str(pushed.value) + str(received.value)


def test_pre_commit_with_both_ends(repository: RepositoryBuilder) -> None:
    base, head = repository.commit({"a": "1"}), repository.commit({"a": "2"})
    repository.run("push", "-q", "origin", "main")
    git = Git(locate(repository.path))
    found = pre_commit_changes(git, PreCommitRange(head, base, ref="refs/heads/main"))
    # Even though the remote has it all: whoever gives both ends means what lies between them.
    assert found.commits == (head,)
    assert found.names == ("refs/heads/main",)
    with pytest.raises(RangeError):
        pre_commit_changes(git, PreCommitRange(head, "--output=x"))


def test_pre_commit_with_the_branch_alone(repository: RepositoryBuilder) -> None:
    git = Git(locate(repository.path))
    root = repository.commit({"a": "1"})
    pushed = PreCommitRange("refs/heads/main", remote="origin", ref="refs/heads/main")
    found = pre_commit_changes(git, pushed)
    assert found.changes == (Change("a", repository.oid("HEAD:a"), (), root),)
    repository.run("push", "-q", "origin", "main")
    assert pre_commit_changes(git, pushed).commits == ()
    with pytest.raises(RangeError):
        pre_commit_changes(git, PreCommitRange("nonsense", remote="origin"))
