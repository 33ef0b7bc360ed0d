"""However a repository is stored, and whatever else is in it: the same tokens, by hash and fingerprint."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import plant
from git_repository import RepositoryBuilder
from proofs.scanning import Planted, names, scan_folder, scan_git, tokenguard
from tokenguard.model import State

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokenguard.model import Report

Found = set[tuple[str, str | None, str]]


def build(
    repository: RepositoryBuilder, planted: Planted, change: Callable[[bytes], bytes] = lambda text: text
) -> None:
    """A history with tokens in every kind of place that a clone carries along; `change` rewrites each file."""

    def text(*places: str) -> bytes:
        lines = [f"line {number}\n" for number in range(30)]
        for number, place in enumerate(places):
            token = planted.tokens[place] if place in planted.tokens else planted(place)
            lines[7 * number + 3] = f"key{number} = {token}\n"
        return change("".join(lines).encode())

    repository.commit({"a.env": text("removed", "kept"), "b/c.txt": text("deep")}, text("message").decode("utf-8"))
    repository.commit({"a.env": text("kept")}, "one removed")
    repository.run("checkout", "-q", "-b", "side", "HEAD~1")
    repository.commit({f"{_name(planted)}.txt": text("side")}, "side")
    repository.run("checkout", "-q", "main")
    repository.merge("side", files={"evil": text("evil merge")})
    repository.run("mv", "b", "moved")
    repository.commit({"a.env": text()}, "moved")
    repository.run("tag", "-a", "v1", "-m", planted.tokens.get("tag") or planted("tag"))
    repository.run("branch", planted.tokens.get("branch") or planted("branch"))


def _name(planted: Planted) -> str:
    return planted.tokens.get("file name") or planted("file name")


def everything(report: Report, planted: Planted) -> Found:
    """What was found, which is all that was planted and nothing else."""
    assert report.state is State.COMPLETE, (report.skipped, report.errors)
    assert planted.not_found(report) == []
    assert planted.unplanted(report) == []
    return names(report)


@pytest.fixture(scope="module")
def planted() -> Planted:
    return Planted()


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory, planted: Planted) -> RepositoryBuilder:
    made = RepositoryBuilder(tmp_path_factory.mktemp("original") / "repository")
    build(made, planted)
    return made


@pytest.fixture(scope="module")
def expected(original: RepositoryBuilder, planted: Planted) -> Found:
    return everything(scan_git(original.path), planted)


@pytest.fixture
def copied(original: RepositoryBuilder, tmp_path: Path) -> RepositoryBuilder:
    shutil.copytree(original.path, tmp_path / "copied", symlinks=True)
    return RepositoryBuilder(tmp_path / "copied")


STORED = {
    "one pack": ["repack -adq"],
    "one pack without deltas": ["repack -adFq --window=0 --depth=0"],
    "long chains of deltas": ["repack -adFq --window=250 --depth=250"],
    "loose and packed": ["pack-refs --all", "repack -q"],
    "gc": ["gc -q"],
    "gc, nothing kept that is lost": ["reflog expire --expire=now --all", "gc -q --prune=now"],
    "cruft pack": ["repack -q --cruft -d"],
    "bitmap, commit-graph, multi-pack-index": [
        "repack -adbq", "commit-graph write --reachable --changed-paths", "multi-pack-index write",
    ],
    "packed refs": ["pack-refs --all"],
    "index of version 4": ["update-index --index-version=4"],
    "split index": ["update-index --split-index"],
    "sparse checkout": ["sparse-checkout set --cone moved"],
    "sparse index": ["sparse-checkout set --cone --sparse-index moved"],
    "detached": ["checkout -q --detach"],
    "nothing checked out": ["rm -rq --cached .", "clean -fdxq"],
}  # fmt: skip


@pytest.mark.parametrize("how", STORED)
def test_the_way_it_is_stored(copied: RepositoryBuilder, expected: Found, planted: Planted, how: str) -> None:
    for command in STORED[how]:
        copied.run(*command.split())
    assert everything(scan_git(copied.path), planted) == expected


@pytest.mark.parametrize("options", [["--mirror"], ["--mirror", "--no-hardlinks"], ["--mirror", "--shared"]])
def test_a_bare_clone(
    original: RepositoryBuilder, expected: Found, planted: Planted, tmp_path: Path, options: list[str]
) -> None:
    original.run("clone", "-q", *options, str(original.path), str(tmp_path / "bare.git"))
    assert everything(scan_git(tmp_path / "bare.git"), planted) == expected


@pytest.mark.parametrize("where", [".", "moved", ".git", ".git/refs/heads"])
def test_from_any_folder_inside(original: RepositoryBuilder, expected: Found, planted: Planted, where: str) -> None:
    assert everything(scan_git(original.path / where), planted) == expected


def test_a_linked_worktree(copied: RepositoryBuilder, expected: Found, planted: Planted, tmp_path: Path) -> None:
    copied.run("worktree", "add", "-q", "--detach", str(tmp_path / "linked"), "HEAD~1")
    assert everything(scan_git(tmp_path / "linked"), planted) == expected
    assert everything(scan_git(copied.path), planted) == expected


def test_a_git_folder_apart(original: RepositoryBuilder, expected: Found, planted: Planted, tmp_path: Path) -> None:
    apart = tmp_path / "apart.git"
    original.run(
        "clone", "-q", "--separate-git-dir", str(apart), "--no-local", str(original.path), str(tmp_path / "work")
    )
    subprocess.run(["git", "fetch", "-q", "origin", "+refs/*:refs/all/*"], cwd=tmp_path / "work", check=True)
    assert everything(scan_git(tmp_path / "work"), planted) == expected


def test_a_submodule(original: RepositoryBuilder, expected: Found, planted: Planted, tmp_path: Path) -> None:
    outer = RepositoryBuilder(tmp_path / "outer")
    outer.run("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(original.path), "inner")
    inner = RepositoryBuilder(outer.path / "inner")
    inner.run("fetch", "-q", "origin", "+refs/*:refs/all/*")
    assert everything(scan_git(outer.path), planted) == expected


def test_a_bundle_and_back(original: RepositoryBuilder, expected: Found, planted: Planted, tmp_path: Path) -> None:
    original.run("bundle", "create", "-q", str(tmp_path / "all.bundle"), "--all")
    made = RepositoryBuilder(tmp_path / "unbundled", bare=True)
    made.run("fetch", "-q", str(tmp_path / "all.bundle"), "refs/*:refs/*")
    assert everything(scan_git(made.path), planted) == expected


def test_exported_and_imported(original: RepositoryBuilder, expected: Found, planted: Planted, tmp_path: Path) -> None:
    stream = original.run_raw("fast-export", "--all", "--signed-tags=verbatim")
    made = RepositoryBuilder(tmp_path / "imported", bare=True)
    made.run_raw("fast-import", "--quiet", "--force", stdin=stream)
    assert everything(scan_git(made.path), planted) == expected


@pytest.mark.parametrize("jobs", [1, 2, 5])
def test_any_number_of_threads(original: RepositoryBuilder, expected: Found, planted: Planted, jobs: int) -> None:
    assert everything(scan_git(original.path, jobs=jobs), planted) == expected


# The same history with other content around the tokens.

AROUND: dict[str, Callable[[bytes], bytes]] = {
    "CR LF": lambda text: text.replace(b"\n", b"\r\n"),
    "CR": lambda text: text.replace(b"\n", b"\r"),
    "lines inserted": lambda text: b"inserted\n" * 100 + text.replace(b"\n", b"\n\n# more\n"),
    "indented": lambda text: b"".join(b"\t    " + line for line in text.splitlines(keepends=True)),
    "in quotes": lambda text: text.replace(b"= ", b'= "').replace(b"\n", b'"\n'),
    "UTF-8 around it": lambda text: "é€😀".encode() + text.replace(b"line", "Zeile für Zeile".encode()),
    "one line": lambda text: text.replace(b"\n", b" "),
}


@pytest.mark.parametrize("around", AROUND)
def test_other_content_around_it(tmp_path: Path, planted: Planted, expected: Found, around: str) -> None:
    made = RepositoryBuilder(tmp_path / "changed")
    build(made, planted, AROUND[around])
    assert everything(scan_git(made.path), planted) == expected


def test_a_sha256_repository(tmp_path: Path, planted: Planted, expected: Found) -> None:
    made = RepositoryBuilder(tmp_path / "sha256", object_format="sha256")
    build(made, planted)
    report = scan_git(made.path)
    assert everything(report, planted) == expected
    commits = {place.commit for finding in report.findings for place in finding.locations if place.commit}
    assert {len(commit) for commit in commits} == {64}


def test_files_renamed(tmp_path: Path, planted: Planted, expected: Found) -> None:
    made = RepositoryBuilder(tmp_path / "renamed")
    build(made, planted)
    for number, path in enumerate(made.run("ls-files").splitlines()):
        made.run("mv", path, f"renamed-{number}")
    made.commit(message="renamed")
    assert everything(scan_git(made.path), planted) == expected


# The same files, found in other ways.


def test_files_and_git_and_standard_input_agree(tmp_path: Path) -> None:
    planted = Planted()
    made = RepositoryBuilder(tmp_path / "files")
    files = {f"folder {number}/file": f"{number}\n{planted(str(number))}\n" for number in range(9)}
    made.commit(files)
    by_git = everything(scan_git(made.path), planted)
    assert everything(scan_folder(made.path), planted) == by_git
    assert everything(scan_folder(*(made.path / path for path in files)), planted) == by_git
    for number, (path, content) in enumerate(files.items()):
        done = tokenguard("scan", "stdin", "--format", "jsonl", cwd=tmp_path, stdin=content.encode())
        assert done.returncode == 1
        (fingerprint,) = (name[2] for name in by_git if name[2].encode() in done.stdout)
        assert plant.visible_prefix(planted.tokens[str(number)]).encode() in done.stdout, (path, fingerprint)


def test_the_order_of_folders_does_not_matter(tmp_path: Path) -> None:
    planted = Planted()
    for number in range(40):
        folder = tmp_path / "tree" / str(number * 7919 % 40)
        folder.mkdir(parents=True)
        (folder / "x").write_text(planted(str(number)))
    first = everything(scan_folder(tmp_path / "tree"), planted)
    moved = tmp_path / "moved"
    moved.mkdir()
    for name in sorted(os.listdir(tmp_path / "tree"), reverse=True):
        shutil.move(tmp_path / "tree" / name, moved / f"z{name}")
    assert everything(scan_folder(moved), planted) == first
    assert everything(scan_folder(*sorted(map(Path, moved.iterdir()))), planted) == first
