"""Whatever is missing, broken or dies: no scan calls itself complete that has not read everything.

In every repository here each object holds a token of its own, so that "what can be read is found" can be checked.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import TYPE_CHECKING

import pytest

import plant
from git_repository import RepositoryBuilder
from proofs.damage import DAMAGE, LETHAL, Small, damage, git_that_fails, small
from proofs.scanning import Planted, hashes, scan, scan_folder, scan_git, sha256, tokenguard
from tokenguard.app.changes import scan_changes
from tokenguard.git.changes import commits
from tokenguard.git.repository import locate
from tokenguard.git.runner import Git
from tokenguard.model import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tokenguard.model import Report

_PATIENCE = 120
"""Seconds; a scan that waits for a git that is gone must fail its test, not hold up all others."""


@pytest.fixture(autouse=True)
def _no_endless_wait() -> Iterator[None]:
    def give_up(*_: object) -> None:
        pytest.fail(f"still not done after {_PATIENCE} seconds")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(_PATIENCE)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Small:
    return small(tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def packed(whole: Small, tmp_path_factory: pytest.TempPathFactory) -> Small:
    copied = whole.copy(tmp_path_factory.mktemp("packed") / "packed.git")
    copied.pack()
    return copied


def oids(repository: Small) -> list[str]:
    return repository.git("cat-file", "--batch-all-objects", "--batch-check=%(objectname)").decode().split()


def named(report: Report) -> str:
    """Everything that a report says was not read."""
    skipped = [f"{each.what}: {each.why}" for each in report.skipped]
    return "\n".join([*skipped, *(f"{each.what}: {each.why}" for each in report.errors)])


def assert_not_believed(repository: Small, report: Report, *damaged: str) -> None:
    assert report.state is State.INCOMPLETE
    assert [oid for oid in damaged if oid not in named(report)] == []
    assert repository.lost(report, *damaged) == []


def assert_true(repository: Small, report: Report, *damaged: str) -> None:
    """Complete means: everything was found. Whatever is not damaged is found in any case."""
    assert repository.lost(report, *damaged) == []
    if report.state is State.COMPLETE:
        assert repository.lost(report) == []
    else:
        assert [oid for oid in damaged if oid not in named(report)] == []


def test_nothing_is_wrong_before_the_damage(whole: Small, packed: Small) -> None:
    for repository in (whole, packed):
        report = scan_git(repository.path, jobs=1)
        assert named(report) == ""
        assert repository.lost(report) == []


# Each object in turn.


@pytest.mark.parametrize("how", LETHAL)
def test_each_loose_object_destroyed(whole: Small, tmp_path: Path, how: str) -> None:
    for oid in oids(whole):
        repository = whole.copy(tmp_path / oid)
        damage(repository.loose(oid), LETHAL[how])
        assert_not_believed(repository, scan_git(repository.path, jobs=1), oid)


@pytest.mark.parametrize("how", DAMAGE)
def test_each_loose_object_damaged(whole: Small, tmp_path: Path, how: str) -> None:
    for oid in oids(whole):
        repository = whole.copy(tmp_path / oid)
        damage(repository.loose(oid), DAMAGE[how])
        assert_true(repository, scan_git(repository.path, jobs=1), oid)


def test_each_object_left_out_of_the_pack(whole: Small, tmp_path: Path) -> None:
    for oid in oids(whole):
        repository = whole.copy(tmp_path / oid)
        repository.pack(without=oid)
        assert_not_believed(repository, scan_git(repository.path, jobs=1), oid)


@pytest.mark.parametrize("at", [0.0, 0.3, 0.6])
def test_each_object_damaged_in_the_pack(packed: Small, tmp_path: Path, at: float) -> None:
    """With every other byte of it, from some way into it on, turned around."""
    for oid, (start, end) in packed.packed_at().items():
        repository = packed.copy(tmp_path / oid)
        with repository.pack_file(".pack").open("r+b") as pack:
            first = start + int((end - start) * at)
            pack.seek(first)
            data = pack.read(end - first)
            pack.seek(first)
            pack.write(bytes(byte ^ (0xFF if number % 2 == 0 else 0) for number, byte in enumerate(data)))
        assert_not_believed(repository, scan_git(repository.path, jobs=1), oid)


@pytest.mark.parametrize("how", ["removed", "emptied", "garbage"])
def test_each_object_gone_from_a_range_of_commits(whole: Small, tmp_path: Path, how: str) -> None:
    """Trees, commits and blobs of the range alike; what lies outside of it is not asked for, and the rest is found."""
    asked = [line.split()[0] for line in whole.git("rev-list", "--objects", "HEAD").decode().split("\n") if line]
    expected = hashes(range_report(whole))
    for oid in asked:
        repository = whole.copy(tmp_path / oid)
        damage(repository.loose(oid), LETHAL[how])
        report = range_report(repository)
        assert report.state is State.INCOMPLETE
        assert oid in named(report)
        gone = {sha256(whole.tokens[each]) for each in led_to(whole, oid, asked) if each in whole.tokens}
        assert expected - hashes(report) <= gone


def led_to(whole: Small, oid: str, asked: list[str]) -> set[str]:
    """What can only be found through an object: below a tree; of a commit all before it that no later tree holds."""
    kind = whole.git("cat-file", "-t", oid).strip().decode()
    if kind == "blob":
        return {oid}
    if kind == "tree":
        lines = whole.git("ls-tree", "-r", "-t", oid).decode().splitlines()
        return {oid, *(line.split()[2] for line in lines)}
    later = [
        each for each in whole.git("rev-list", "HEAD", f"^{oid}").decode().split() if oid in ancestors(whole, each)
    ]
    if not later:
        return set(asked)
    return set(asked) - set(whole.git("rev-list", "--objects", "--no-walk", *later).decode().split())


def ancestors(whole: Small, commit: str) -> list[str]:
    return whole.git("rev-list", commit).decode().split()


def range_report(repository: Small) -> Report:
    def work(session: object) -> None:
        git = Git(locate(repository.path))
        scan_changes(session, git, commits(git, ["HEAD"]))  # type: ignore[arg-type]  # a Session

    return scan(work, jobs=1)


def test_a_sha256_repository_is_no_easier_to_fool(tmp_path: Path) -> None:
    repository = small(tmp_path, "sha256")
    assert named(scan_git(repository.path)) == ""
    for number, oid in enumerate(oids(repository)[::5]):
        damaged = repository.copy(tmp_path / str(number))
        damage(damaged.loose(oid), LETHAL["removed"])
        assert_not_believed(damaged, scan_git(damaged.path), oid)


# Whole files of git's.


@pytest.mark.parametrize(
    ("suffix", "how"),
    [(".idx", "removed"), (".idx", "emptied"), (".idx", "cut in the middle"), (".idx", "garbage"), (".idx", "zeros"),
     (".pack", "removed"), (".pack", "emptied"), (".pack", "garbage"), (".pack", "zeros")],
)  # fmt: skip
def test_a_pack_destroyed(packed: Small, tmp_path: Path, suffix: str, how: str) -> None:
    repository = packed.copy(tmp_path / "x.git")
    damage(repository.pack_file(suffix), LETHAL[how])
    assert scan_git(repository.path).state is State.INCOMPLETE


def test_a_pack_without_an_index_that_nothing_needs(packed: Small, tmp_path: Path) -> None:
    """Nothing reachable is missing; but what is in it was not read."""
    repository = packed.copy(tmp_path / "x.git")
    other = RepositoryBuilder(tmp_path / "other")
    other.object("blob", plant.token(plant.KEEBAI).encode())
    name = other.run(
        "pack-objects",
        "-q",
        ".git/pack",
        stdin=other.run("cat-file", "--batch-all-objects", "--batch-check=%(objectname)").encode(),
    )
    pack = f"pack-{name}.pack"
    (repository.path / "objects/pack" / pack).write_bytes((other.path / ".git" / pack).read_bytes())
    report = scan_git(repository.path)
    assert_not_believed(repository, report)
    assert pack in named(report)


@pytest.mark.parametrize("cut", [1, 10, 20, 200])
def test_the_tail_of_a_pack_cut_off(packed: Small, tmp_path: Path, cut: int) -> None:
    repository = packed.copy(tmp_path / "x.git")
    damage(repository.pack_file(".pack"), lambda data: data[:-cut])
    assert scan_git(repository.path).state is State.INCOMPLETE


@pytest.mark.parametrize("at", range(8, 1400, 97))
def test_a_bit_in_the_index_of_a_pack(packed: Small, tmp_path: Path, at: int) -> None:
    repository = packed.copy(tmp_path / "x.git")
    damage(repository.pack_file(".idx"), lambda data: data[:at] + bytes([data[at % len(data)] ^ 1]) + data[at + 1 :])
    report = scan_git(repository.path)
    assert report.state is State.INCOMPLETE or repository.lost(report) == []


@pytest.mark.parametrize("how", ["emptied", "garbage", "another format"])
@pytest.mark.parametrize("path", ["refs/heads/main", "packed-refs", "HEAD", "refs/stash", "index"])
def test_a_broken_ref_or_index(whole: Small, tmp_path: Path, path: str, how: str) -> None:
    """All objects are read nevertheless."""
    repository = whole.copy(tmp_path / "x.git")
    (repository.path / "packed-refs").write_text(f"# pack-refs with: peeled \n{'0' * 40} refs/heads/x\n")
    damage(repository.path / path, LETHAL[how])
    if path == "HEAD":
        done = tokenguard("scan", "git", str(repository.path), cwd=tmp_path)
        assert done.returncode in (2, 3), done.stderr
        return
    report = scan_git(repository.path)
    assert repository.lost(report) == []
    harmless = path == "packed-refs" and how == "emptied"
    assert harmless or report.state is State.INCOMPLETE


def test_a_ref_to_an_object_that_is_not_there(whole: Small, tmp_path: Path) -> None:
    repository = whole.copy(tmp_path / "x.git")
    absent = "1234567890" * 4
    (repository.path / "refs/heads/gone").write_text(f"{absent}\n")
    assert_not_believed(repository, scan_git(repository.path))


def test_alternates_that_are_not_there(whole: Small, tmp_path: Path) -> None:
    repository = whole.copy(tmp_path / "x.git")
    (repository.path / "objects/info").mkdir(exist_ok=True)
    (repository.path / "objects/info/alternates").write_text(f"{tmp_path / 'nowhere/objects'}\n")
    report = scan_git(repository.path)
    assert_not_believed(repository, report)
    assert "nowhere" in named(report)


def test_alternates_of_alternates_that_are_not_there(whole: Small, tmp_path: Path) -> None:
    repository = whole.copy(tmp_path / "x.git")
    other = RepositoryBuilder(tmp_path / "other", bare=True)
    for database, borrowed in ((repository.path, "../../other/objects"), (other.path, "../../nowhere/objects")):
        (database / "objects/info").mkdir(exist_ok=True)
        (database / "objects/info/alternates").write_text(f"# borrowed\n\n{borrowed}\n")
    assert_not_believed(repository, scan_git(repository.path))


def test_a_lying_commit_graph_is_not_asked(whole: Small, tmp_path: Path) -> None:
    repository = whole.copy(tmp_path / "x.git")
    repository.git("commit-graph", "write", "--reachable")
    (graph,) = (repository.path / "objects/info").glob("commit-graph")
    damage(graph, LETHAL["zeros"])
    report = scan_git(repository.path)
    assert named(report) == ""
    assert repository.lost(report) == []


def test_a_multi_pack_index_that_hides_a_pack_is_not_asked(packed: Small, tmp_path: Path) -> None:
    repository = packed.copy(tmp_path / "x.git")
    repository.git("multi-pack-index", "write")
    damage(repository.path / "objects/pack/multi-pack-index", LETHAL["zeros"])
    report = scan_git(repository.path)
    assert named(report) == ""
    assert repository.lost(report) == []


@pytest.mark.parametrize("broken", ["nested", "modules", "gone"])
def test_a_repository_inside_that_git_cannot_read(tmp_path: Path, broken: str) -> None:
    outer = RepositoryBuilder(tmp_path / "outer")
    outer.commit({"a": "clean\n"})
    inside = {"nested": "inner/.git", "modules": ".git/modules/inner", "gone": "inner/.git"}[broken]
    inner = RepositoryBuilder(tmp_path / "inner")
    inner.commit({"b": plant.token(plant.KEEBAI)})
    target = outer.path / inside
    target.parent.mkdir(parents=True, exist_ok=True)
    if broken == "gone":
        target.write_text("gitdir: ../nowhere\n")
    else:
        (inner.path / ".git/HEAD").unlink()
        (inner.path / ".git").rename(target)
    report = scan_git(outer.path)
    assert report.state is State.INCOMPLETE
    assert inside in named(report)


# A history that is not all here.


@pytest.fixture
def origin(tmp_path: Path) -> tuple[RepositoryBuilder, Planted]:
    planted = Planted()
    made = RepositoryBuilder(tmp_path / "origin")
    made.commit({"old": planted("old")})
    made.commit({"old": "clean\n", "new": planted("new")})
    made.run("config", "uploadpack.allowFilter", "true")
    return made, planted


def test_a_shallow_clone(origin: tuple[RepositoryBuilder, Planted], tmp_path: Path) -> None:
    made, planted = origin
    made.run("clone", "-q", "--depth", "1", f"file://{made.path}", str(tmp_path / "shallow"))
    report = scan_git(tmp_path / "shallow")
    assert report.state is State.INCOMPLETE
    assert planted.not_found(report) == ["old"]
    assert made.oid("HEAD") in named(report)
    assert "git fetch --unshallow" in named(report)
    done = tokenguard("scan", "git", "shallow", cwd=tmp_path)
    assert done.returncode == 3


@pytest.mark.parametrize("without", ["blob:none", "blob:limit=10", "tree:0"])
def test_a_partial_clone(origin: tuple[RepositoryBuilder, Planted], tmp_path: Path, without: str) -> None:
    """What is missing is named, and nothing is fetched although it could be."""
    made, planted = origin
    clone = tmp_path / "partial"
    made.run("clone", "-q", "--no-checkout", f"--filter={without}", f"file://{made.path}", str(clone))
    here = RepositoryBuilder(clone)
    before = here.run("cat-file", "--batch-all-objects", "--batch-check", environ={"GIT_NO_LAZY_FETCH": "1"})
    report = scan_git(clone)
    assert report.state is State.INCOMPLETE
    assert set(planted.not_found(report)) == {"old", "new"}
    if without != "tree:0":
        assert [path for path in ("HEAD~1:old", "HEAD:new") if made.oid(path) not in named(report)] == []
    assert here.run("cat-file", "--batch-all-objects", "--batch-check", environ={"GIT_NO_LAZY_FETCH": "1"}) == before


def test_a_promise_that_is_a_command_is_not_called_in(
    origin: tuple[RepositoryBuilder, Planted], tmp_path: Path
) -> None:
    made, _ = origin
    made.run("update-index", "--refresh")
    canary = tmp_path / "canary"
    for name, value in {
        "extensions.partialClone": "evil",
        "core.repositoryFormatVersion": "1",
        "remote.evil.promisor": "true",
        "remote.evil.url": f"ext::sh -c 'touch {canary}; exit 1' %S",
        "protocol.ext.allow": "always",
        "protocol.allow": "always",
    }.items():
        made.run("config", name, value)
    for revision in ("HEAD~1:old", "HEAD:new", "HEAD~1^{tree}"):
        oid = made.oid(revision)
        damage(made.path / ".git/objects" / oid[:2] / oid[2:], LETHAL["removed"])
    made.add({"new": plant.token(plant.KEEBAI)})
    report = scan_git(made.path)
    assert report.state is State.INCOMPLETE
    for command in (["git"], ["commits", "HEAD"], ["staged"]):
        assert tokenguard("scan", *command, cwd=made.path).returncode == 3
    assert not canary.exists()


# A git that dies.

_STREAMS = (
    "rev-list",
    "--batch-all-objects",
    "--batch --buffer",
    "--batch",
    "diff-tree",
    "for-each-ref",
    "ls-files",
    "name-rev",
)
_DEATHS = {
    "before a word": "kill -9 $$",
    "after some bytes": 'first "dd bs=1 count=150" "$@"; kill -9 $$',
    "after a line": 'first "head -n 1" "$@"; kill -9 $$',
    "with an error": 'first "dd bs=1 count=60" "$@"; echo "fatal: out of luck" >&2; exit 128',
}


@pytest.mark.parametrize("death", _DEATHS)
@pytest.mark.parametrize("at", _STREAMS)
def test_git_dies_every_time(
    whole: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str, death: str
) -> None:
    monkeypatch.setenv("PATH", git_that_fails(tmp_path / "bin", at, _DEATHS[death], once=False))
    report = scan_git(whole.path)
    if at == "--batch --buffer":  # then each object is read by itself
        assert_true(whole, report)
        return
    assert report.state is State.INCOMPLETE
    if not at.startswith("--batch"):
        assert whole.lost(report) == []


@pytest.mark.parametrize("death", _DEATHS)
@pytest.mark.parametrize("at", _STREAMS)
def test_git_dies_once(whole: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str, death: str) -> None:
    monkeypatch.setenv("PATH", git_that_fails(tmp_path / "bin", at, _DEATHS[death], once=True))
    report = scan_git(whole.path)
    assert (tmp_path / "bin/failed").exists()
    assert report.state is State.INCOMPLETE or whole.lost(report) == []
    if at == "--batch --buffer":
        assert whole.lost(report) == []


@pytest.mark.parametrize("at", ["--batch --buffer", "--batch"])
def test_git_ends_early_and_calls_it_success(
    whole: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    monkeypatch.setenv(
        "PATH", git_that_fails(tmp_path / "bin", at, 'first "dd bs=1 count=150" "$@"; exit 0', once=False)
    )
    report = scan_git(whole.path)
    assert report.state is State.INCOMPLETE or whole.lost(report) == []


@pytest.mark.parametrize("command", [["git"], ["commits", "HEAD"], ["staged"]])
@pytest.mark.parametrize("at", ["rev-list", "cat-file", "diff-tree", "diff-index", "rev-parse"])
def test_a_git_that_dies_is_never_clean(tmp_path: Path, command: list[str], at: str) -> None:
    """There is nothing to be found here: a scan that saw all of it exits with 0."""
    made = RepositoryBuilder(tmp_path / "clean")
    made.commit({"a": "1\n"})
    made.commit({"a": "2\n"})
    made.add({"b": "3\n"})
    calls = tmp_path / "calls"
    how = f'echo "$@" >>{calls}; kill -9 $$'
    path = git_that_fails(tmp_path / "bin", at, how, once=False)
    done = tokenguard("scan", *command, cwd=made.path, environ={"PATH": path})
    assert done.returncode == (3 if calls.exists() else 0)


# Files that cannot be read.


def _ordinary_user() -> None:
    """Take from a root user what lets it read files that nobody may read. Runs in the child, before tokenguard."""
    libc = ctypes.CDLL(None)
    drop_from_bounding_set = 24
    for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        libc.prctl(drop_from_bounding_set, capability, 0, 0, 0)


@pytest.fixture
def unreadable() -> Iterator[Callable[[Path], None]]:
    shut: list[Path] = []

    def shut_off(path: Path) -> None:
        path.chmod(0)
        shut.append(path)

    yield shut_off
    for path in shut:
        path.chmod(0o700)


def _closed(made: RepositoryBuilder, what: str) -> Path:
    """What is to be closed; of the places that differ from run to run, the one of this repository."""
    if what == "an object":
        oid = made.oid("HEAD:file")
        return made.path / ".git/objects" / oid[:2] / oid[2:]
    if what == "a folder of objects that no ref reaches":
        number = 0
        while not (folder := made.path / ".git/objects/ab").exists():
            made.object("blob", b"%d" % number)
            number += 1
        return folder
    if what.startswith("."):
        return made.path / what
    made.run("repack", "-adq")
    (found,) = (made.path / ".git/objects/pack").glob(f"*{what.removeprefix('*')}")
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="root is made an ordinary user by a call of Linux")
@pytest.mark.parametrize(
    "what",
    ["an object", "a folder of objects that no ref reaches", "*.pack", "*.idx", ".git/refs/heads", ".git/logs/HEAD",
     ".git/index", ".git/objects/pack", "./file", "./folder"],
)  # fmt: skip
def test_what_may_not_be_read(tmp_path: Path, what: str, unreadable: Callable[[Path], None]) -> None:
    made = RepositoryBuilder(tmp_path / "made")
    made.commit({"folder/a": "1\n", "file": "2\n"})
    token = plant.token(plant.KEEBAI)
    made.write("z-readable", token)
    unreadable(_closed(made, what))
    sources = [["git", "."], ["files"]] if what.startswith("./") else [["git", "."]]
    for source in sources:
        done = tokenguard("scan", *source, "--format", "json", cwd=made.path, before=_ordinary_user)
        assert done.returncode == 3, done
        assert sha256(token).encode() in done.stdout


def test_files_that_vanish_or_never_were(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    os.symlink(tmp_path / "a", tmp_path / "link")
    (tmp_path / "a").unlink()
    assert scan_folder(tmp_path).state is State.COMPLETE
    done = tokenguard("scan", "files", "a", cwd=tmp_path)
    assert done.returncode == 2
    done = tokenguard("scan", "files", "link", cwd=tmp_path)
    assert done.returncode == 3
