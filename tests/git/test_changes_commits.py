"""Ranges of commits, as `tokenguard.git.changes.commits` sees them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from git_repository import RepositoryBuilder
from tokenguard.errors import RangeError
from tokenguard.git.change_set import Change, ChangeSet, NewPath
from tokenguard.git.changes import commits
from tokenguard.git.repository import locate
from tokenguard.git.runner import Git

LINES = "".join(f"line {number}\n" for number in range(40))


@pytest.fixture
def repository(tmp_path: Path) -> RepositoryBuilder:
    return RepositoryBuilder(tmp_path / "repository")


def commits_of(repository: RepositoryBuilder, *ranges: str) -> ChangeSet:
    return commits(Git(locate(repository.path)), ranges)


def test_a_root_commit_adds_everything(repository: RepositoryBuilder) -> None:
    root = repository.commit({"a": "1", "dir/b": "2"})
    found = commits_of(repository, "HEAD")
    assert found.commits == (root,)
    assert found.changes == (
        Change("a", repository.oid("HEAD:a"), (), root),
        Change("dir/b", repository.oid("HEAD:dir/b"), (), root),
    )
    assert found.paths == (NewPath("a", root), NewPath("dir/b", root))
    assert found.base is None


def test_added_and_removed_within_the_range(repository: RepositoryBuilder) -> None:
    base = repository.commit({"a": "1"})
    adds = repository.commit({"a": "secret"})
    removes = repository.commit({"a": "1"})
    found = commits_of(repository, f"{base}..HEAD")
    old, new = repository.oid(f"{base}:a"), repository.oid(f"{adds}:a")
    assert found.changes == (Change("a", new, (old,), adds), Change("a", old, (new,), removes))
    assert found.commits == (adds, removes)
    assert found.base == base


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (("one..three",), ("two", "three")),
        (("one..",), ("two", "three")),
        (("one...three",), ("two", "three")),
        (("three...side",), ("side", "two", "three")),
        (("two",), ("root", "one", "two")),
        (("three^!",), ("three",)),
        (("three", "^two"), ("three",)),
        (("one..two", "three"), ("two", "three")),
        (("HEAD~1..HEAD",), ("three",)),
        (("three..three",), ()),
        (("three..one",), ()),
        (("one..annotated",), ("two", "three")),
        (("side-with-..side",), RangeError),
    ],
)
def test_ranges_mean_what_git_says(
    repository: RepositoryBuilder, given: tuple[str, ...], expected: tuple[str, ...] | type[Exception]
) -> None:
    ids: dict[str, str] = {"root": repository.commit({"a": "0"})}
    for name in ("one", "two", "three"):
        ids[name] = repository.commit({"a": name})
        repository.run("branch", name)
    repository.run("tag", "-am", "tagged", "annotated")
    repository.run("checkout", "-q", "-b", "side", "one")
    ids["side"] = repository.commit({"b": "1"})
    repository.run("checkout", "-q", "main")
    if isinstance(expected, type):
        with pytest.raises(expected):
            commits_of(repository, *given)
        return
    assert set(commits_of(repository, *given).commits) == {ids[name] for name in expected}


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "-h",
        "--all",
        "--output=EXECUTED",
        "-Oorder",
        "--upload-pack=touch EXECUTED",
        "nonsense",
        "nonsense..HEAD",
        "HEAD..nonsense",
        "HEAD:a",
        "HEAD^{tree}",
        "a",
        "--",
        "HEAD\n--all",
        "HEAD\0",
        "HEAD -- a",
        "\udcff",
        "0000000..HEAD",
        ":(glob)*",
        "..",
        "@{99 fortnights hence}~9",
        "x" * 70_000,
    ],
)
def test_a_bad_range_is_named(repository: RepositoryBuilder, bad: str) -> None:
    repository.commit({"a": "1"})
    with pytest.raises(RangeError) as raised:
        commits_of(repository, bad)
    assert len(str(raised.value).splitlines()) == 1
    assert len(str(raised.value)) < 1000
    assert not list(repository.path.rglob("EXECUTED"))


def test_an_empty_repository_has_no_head(repository: RepositoryBuilder) -> None:
    with pytest.raises(RangeError):
        commits_of(repository, "HEAD")


def test_a_branch_called_like_an_option(repository: RepositoryBuilder) -> None:
    commit = repository.commit({"a": "1"})
    repository.run("update-ref", "refs/heads/--all", commit)
    with pytest.raises(RangeError):
        commits_of(repository, "--all")
    assert commits_of(repository, "refs/heads/--all").commits == (commit,)


def test_a_merge_adds_nothing_of_its_own(repository: RepositoryBuilder) -> None:
    repository.commit({"a": LINES})
    repository.run("checkout", "-qb", "side")
    side = repository.commit({"a": "on top\n" + LINES, "s": "side"})
    repository.run("checkout", "-q", "main")
    main = repository.commit({"m": "main"})
    merge = repository.merge("side")
    found = commits_of(repository, f"{merge}^!")
    assert (found.changes, found.paths, found.commits) == ((), (), (merge,))
    whole = commits_of(repository, f"{main}..HEAD")
    assert {change.commit for change in whole.changes} == {side}


def test_a_clean_merge_of_both_sides_has_both_as_base(repository: RepositoryBuilder) -> None:
    repository.commit({"a": LINES})
    repository.run("checkout", "-qb", "side")
    repository.commit({"a": "on top\n" + LINES})
    repository.run("checkout", "-q", "main")
    repository.commit({"a": LINES + "at the end\n"})
    merge = repository.merge("side")
    bases = repository.oid("HEAD^1:a"), repository.oid("HEAD^2:a")
    assert commits_of(repository, "HEAD^!").changes == (Change("a", repository.oid("HEAD:a"), bases, merge),)


def test_an_evil_merge(repository: RepositoryBuilder) -> None:
    repository.commit({"a": LINES, "b": "b"})
    repository.run("checkout", "-qb", "side")
    repository.commit({"a": "side\n" + LINES})
    repository.run("checkout", "-q", "main")
    repository.commit({"b": "main"})
    merge = repository.merge("side", files={"a": "evil\n" + LINES, "new": "evil too"})
    found = commits_of(repository, "HEAD^!")
    assert found.changes == (
        Change("a", repository.oid("HEAD:a"), (repository.oid("HEAD^1:a"), repository.oid("HEAD^2:a")), merge),
        Change("new", repository.oid("HEAD:new"), (), merge),
    )
    assert found.paths == (NewPath("new", merge),)


def test_an_octopus(repository: RepositoryBuilder) -> None:
    repository.commit({"a": "0"})
    for name in ("x", "y", "z"):
        repository.run("checkout", "-qb", name, "main")
        repository.commit({name: name})
    repository.run("checkout", "-q", "main")
    merge = repository.merge("x", "y", "z", files={"a": "evil"})
    [change] = commits_of(repository, "HEAD^!").changes
    assert change == Change("a", repository.oid("HEAD:a"), (repository.oid("main~:a"),), merge)


def test_renames_with_edits(repository: RepositoryBuilder) -> None:
    repository.commit({"old": LINES, "keep": LINES.upper()})
    repository.run("checkout", "-qb", "side")
    rename = repository.commit({"old": None, "new": LINES + "x\n"})
    assert commits_of(repository, "HEAD^!").changes == (
        Change("new", repository.oid("HEAD:new"), (repository.oid("main:old"),), rename),
    )
    repository.run("checkout", "-q", "main")
    repository.commit({"old": "first\n" + LINES})
    merge = repository.merge("side")
    bases = repository.oid("HEAD^1:old"), repository.oid("HEAD^2:new")
    assert commits_of(repository, "HEAD^!").changes == (Change("new", repository.oid("HEAD:new"), bases, merge),)


def test_a_copy_and_an_amend(repository: RepositoryBuilder) -> None:
    base = repository.commit({"a": LINES})
    repository.commit({"b": LINES})
    first = repository.oid("HEAD")
    repository.write("b", LINES + "x")
    repository.run("commit", "-qa", "--amend", "-m", "amended")
    amended = repository.oid("HEAD")
    assert commits_of(repository, f"{base}..HEAD").changes == (Change("b", repository.oid("HEAD:b"), (), amended),)
    assert commits_of(repository, f"{base}..{first}").changes == (Change("b", repository.oid("HEAD~:a"), (), first),)


def test_mode_symlink_submodule_and_deletion(repository: RepositoryBuilder) -> None:
    base = repository.commit({"mode": "m", "link": "l", "gone": "g"})
    repository.run("update-index", "--chmod=+x", "mode")
    repository.run("commit", "-qm", "mode")
    (repository.path / "mode").chmod(0o755)
    (repository.path / "link").unlink()
    (repository.path / "link").symlink_to("target")
    link = repository.commit({"gone": None})
    repository.run("update-index", "--add", "--cacheinfo", f"160000,{base},module")
    repository.run("commit", "-qm", "module")
    found = commits_of(repository, f"{base}..HEAD")
    assert found.changes == (Change("link", repository.oid("HEAD:link"), (repository.oid(f"{base}:link"),), link),)
    assert found.paths == (NewPath("module", repository.oid("HEAD")),)


def test_any_file_name_in_commits_and_merges(repository: RepositoryBuilder) -> None:
    names = [
        b"with space",
        b"line\nfeed",
        b"tab\t",
        b'quo"te',
        b"back\\slash",
        b"\xff\xfe",
        b":colon",
        b"::colons",
        b"-",
    ]
    repository.commit({"a": "1"})
    repository.run("checkout", "-qb", "side")
    repository.commit({b"s" + name: b"side" for name in names})
    repository.run("checkout", "-q", "main")
    repository.commit({b"m" + name: b"main" for name in names})
    repository.run("merge", "-q", "--no-ff", "--no-commit", "side")
    repository.commit({b"e" + name: b"evil" for name in names} | {b"s" + name: b"changed" for name in names})
    found = commits_of(repository, "HEAD^!")
    assert {os.fsencode(change.path) for change in found.changes} == {
        lead + name for name in names for lead in (b"e", b"s")
    }
    whole = commits_of(repository, "HEAD")
    assert {os.fsencode(new.path) for new in whole.paths} == {b"a"} | {
        lead + name for name in names for lead in (b"e", b"s", b"m")
    }


def test_an_annotated_tag_at_the_tip_counts_with_those_inside_it(repository: RepositoryBuilder) -> None:
    repository.commit({"a": "1"})
    repository.run("tag", "-am", "inner", "inner")
    repository.run("tag", "-am", "outer", "outer", "inner")
    assert commits_of(repository, "outer").tags == (repository.oid("outer"), repository.oid("inner"))
    assert commits_of(repository, "inner^{commit}..outer").commits == ()


def test_sha256(tmp_path: Path) -> None:
    repository = RepositoryBuilder(tmp_path / "sha256", object_format="sha256")
    base = repository.commit({"old": LINES})
    rename = repository.commit({"old": None, "new": LINES + "x"})
    found = commits_of(repository, f"{base}..HEAD")
    assert found.changes == (Change("new", repository.oid("HEAD:new"), (repository.oid(f"{base}:old"),), rename),)
    assert len(found.commits[0]) == 64


def shallow(repository: RepositoryBuilder, path: Path, depth: int) -> RepositoryBuilder:
    subprocess.run(
        ["git", "clone", "-q", f"--depth={depth}", repository.path.as_uri(), path], check=True, capture_output=True
    )
    return RepositoryBuilder(path)


def test_a_shallow_boundary_in_the_range_is_told(repository: RepositoryBuilder, tmp_path: Path) -> None:
    ids = [repository.commit({"a": str(number)}) for number in range(6)]
    clone = shallow(repository, tmp_path / "clone", 3)
    found = commits_of(clone, f"{ids[0]}..HEAD")
    assert [skipped.what for skipped in found.skipped] == [f"base commit {ids[0]}", f"commit {ids[3]}"]
    assert all("fetch-depth: 0" in skipped.why and "GIT_DEPTH: 0" in skipped.why for skipped in found.skipped)
    assert found.commits == tuple(ids[3:])
    assert found.changes[0].bases == ()
    assert commits_of(clone, "HEAD~1..HEAD").skipped == ()
    head = commits_of(clone, f"HEAD..{ids[0]}")
    assert [skipped.what for skipped in head.skipped] == [f"commit {ids[0]}"]
    assert head.commits == ()


def test_a_missing_tree_costs_only_the_commits_that_need_it(repository: RepositoryBuilder) -> None:
    ids = [repository.commit({"a": str(number)}) for number in range(8)]
    tree = repository.oid(f"{ids[3]}^{{tree}}")
    (repository.path / ".git/objects" / tree[:2] / tree[2:]).unlink()
    found = commits_of(repository, "HEAD")
    assert [skipped.what for skipped in found.skipped] == [f"tree {tree}"]
    assert {change.commit for change in found.changes} == set(ids) - {ids[3]}
    assert [change.bases for change in found.changes if change.commit == ids[4]] == [(repository.oid(f"{ids[2]}:a"),)]
    assert found.commits == tuple(ids)


def test_a_missing_folder_costs_that_folder(repository: RepositoryBuilder) -> None:
    files = {"a": "1", "b/c": "1", "d/e/f": "1", "d/g": "1"}
    ids = [repository.commit(dict.fromkeys(files, f"{number}")) for number in range(3)]
    tree = repository.oid(f"{ids[1]}:d/e")
    (repository.path / ".git/objects" / tree[:2] / tree[2:]).unlink()
    found = commits_of(repository, f"{ids[0]}..HEAD")
    assert [(skipped.what, "d/e/" in skipped.why) for skipped in found.skipped] == [(f"tree {tree}", True)]
    changed = {(change.commit, change.path) for change in found.changes}
    assert changed == {(oid, path) for oid in ids[1:] for path in files} - {(ids[1], "d/e/f")}
    bases = {change.path: change.bases for change in found.changes if change.commit == ids[2]}
    assert bases.pop("d/e/f") == ()
    assert bases == {path: (repository.oid(f"{ids[1]}:{path}"),) for path in bases}


def test_a_missing_commit_costs_what_only_it_leads_to(repository: RepositoryBuilder) -> None:
    ids = [repository.commit({"a": str(number), f"{number}": "new"}) for number in range(5)]
    (repository.path / ".git/objects" / ids[2][:2] / ids[2][2:]).unlink()
    for given, outside in (("HEAD", None), (f"{ids[0]}..HEAD", ids[0])):
        found = commits_of(repository, given)
        assert [skipped.what for skipped in found.skipped] == [f"commit {ids[2]}"]
        assert found.commits == tuple(ids[3:])
        assert found.base == outside
        first = {change.path: change.bases for change in found.changes if change.commit == ids[3]}
        # What the missing commit and the one before it added is in the next one's tree, and was not in the base.
        old = (repository.oid(f"{outside}:a"),) if outside else ()
        assert first == {"a": old, "1": (), "2": (), "3": ()} | ({} if outside else {"0": ()})
        assert [change.path for change in found.changes if change.commit == ids[4]] == ["4", "a"]
    assert commits_of(repository, "HEAD^!").skipped == ()


def test_a_missing_commit_beside_a_merge_and_a_tag(repository: RepositoryBuilder) -> None:
    base = repository.commit({"a": "1"})
    repository.run("checkout", "-q", "-b", "side")
    lost, kept = repository.commit({"b": "lost"}), repository.commit({"c": "1"})
    repository.run("checkout", "-q", "main")
    repository.commit({"d": "1"})
    merge = repository.merge("side")
    repository.run("tag", "-a", "v1", "-m", "release")
    (repository.path / ".git/objects" / lost[:2] / lost[2:]).unlink()
    found = commits_of(repository, f"{base}..v1")
    assert set(found.commits) == {kept, merge, repository.oid("HEAD^1")}
    assert found.commits[-1] == merge
    assert found.tags == (repository.oid("v1"),)
    assert sorted((change.path, change.commit == kept) for change in found.changes) == [
        ("b", True), ("c", True), ("d", False),
    ]  # fmt: skip


def test_a_missing_commit_before_the_range_costs_nothing(repository: RepositoryBuilder) -> None:
    ids = [repository.commit({"a": str(number)}) for number in range(4)]
    (repository.path / ".git/objects" / ids[0][:2] / ids[0][2:]).unlink()
    found = commits_of(repository, f"{ids[1]}..HEAD")
    assert set(ids[2:]) <= set(found.commits)
    assert {change.commit for change in found.changes} >= set(ids[2:])


def test_a_partial_clone_without_blobs(repository: RepositoryBuilder, tmp_path: Path) -> None:
    repository.run("config", "uploadpack.allowFilter", "true")
    repository.commit({"old": LINES})
    repository.commit({"old": None, "new": LINES + "x"})
    subprocess.run(
        ["git", "clone", "-q", "--no-checkout", "--filter=blob:none", repository.path.as_uri(), tmp_path / "clone"],
        check=True,
        capture_output=True,
    )
    clone = RepositoryBuilder(tmp_path / "clone")
    clone.run("config", "remote.origin.url", f"ext::touch {tmp_path}/EXECUTED")
    clone.run("config", "protocol.ext.allow", "always")
    found = commits_of(clone, "HEAD^!")
    assert [change.path for change in found.changes] == ["new"]
    assert found.skipped == ()
    assert not (tmp_path / "EXECUTED").exists()


def test_hostile_settings_and_replacements_change_nothing(repository: RepositoryBuilder) -> None:
    base = repository.commit({"old": LINES, "caf\u00e9": "1"})
    repository.run("checkout", "-qb", "side")
    repository.commit({"old": None, "new": LINES + "x\n"})
    repository.run("checkout", "-q", "main")
    clean = repository.commit({"caf\u00e9": "2"})
    merge = repository.merge("side", files={"evil": "1"})
    before = commits_of(repository, f"{base}..HEAD")
    settings = {
        "color.ui": "always",
        "diff.noprefix": "true",
        "diff.external": "touch EXECUTED",
        "diff.renames": "false",
        "diff.renameLimit": "1",
        "diff.orderFile": "/nonexistent",
        "core.quotePath": "true",
        "core.abbrev": "4",
        "log.showSignature": "true",
        "log.showRoot": "false",
        "log.diffMerges": "first-parent",
        "log.follow": "true",
        "core.fsmonitor": "touch EXECUTED",
        "gpg.program": "touch EXECUTED",
    }
    for key, value in settings.items():
        repository.run("config", key, value)
    repository.run("replace", merge, clean)
    (repository.path / ".git/info/grafts").write_text(f"{merge}\n{clean}\n")
    assert commits_of(repository, f"{base}..{merge}") == before
    assert not list(repository.path.rglob("EXECUTED"))
