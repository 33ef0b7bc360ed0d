"""Files and folders of every kind: nothing is left out, nothing outside is touched, nothing hangs."""

from __future__ import annotations

import json
import os
import resource
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

import plant
from git_repository import RepositoryBuilder
from proofs.scanning import Planted, scan_folder, sha256, tokenguard
from proofs.wrapped import FORMS
from tokenguard.app.file_sift import FileSearch
from tokenguard.model import State
from tokenguard.sources.files import FileSource, UnawaitedFile, Walked

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tokenguard.model import Report


@pytest.fixture
def planted() -> Planted:
    return Planted()


def everything(report: Report, planted: Planted) -> None:
    assert report.state is State.COMPLETE, (report.skipped, report.errors)
    assert planted.not_found(report) == []
    assert planted.unplanted(report) == []


def paths_of(report: Report) -> list[str]:
    return sorted(place.path for finding in report.findings for place in finding.locations)


# Names.

ODD_NAMES = (
    b"with space", b"with\nline feed", b"\nline feed first", b"caf\xe9 in Latin-1", "café €".encode(), b"-rf",
    b"--help", b"tab\tand\x1b[31mred\x07", b"quote\"and'and`", b"back\\slash", b"$(touch x)", b"percent%41%00",
    b"trailing.", b"...", b".hidden", b"~", b"#hash", b"*?[a]", b"semi;colon", b"x" * 255, b"\xff\xfe",
    b"\xed\xa0\x80 a surrogate in UTF-8", "\u202etxt.exe".encode(), b"=1+1",
)  # fmt: skip


def test_any_name(tmp_path: Path, planted: Planted) -> None:
    top = os.fsencode(tmp_path / "odd")
    for number, name in enumerate(ODD_NAMES):
        folder = os.path.join(top, name)
        os.makedirs(folder)
        with open(os.path.join(folder, name), "w") as file:
            file.write(planted(f"name {number}"))
    report = scan_folder(tmp_path / "odd")
    everything(report, planted)
    expected = sorted(os.fsdecode(os.path.join(top, name, name)) for name in ODD_NAMES)
    assert paths_of(report) == expected


def test_any_name_on_the_command_line(tmp_path: Path) -> None:
    """Each is a path even where it looks like something else, once it is behind `--`."""
    for number, name in enumerate(ODD_NAMES):
        token = plant.token(plant.KEEBAI)
        folder = tmp_path / str(number)
        folder.mkdir()
        with open(os.path.join(os.fsencode(folder), name), "w") as file:
            file.write(token)
        if number % 3 == 0:  # one in three: each starts a program
            done = tokenguard("scan", "files", "--format=json", "--", os.fsdecode(name), cwd=folder)
            assert done.returncode == 1, (name, done.stderr)
            assert sha256(token) in [finding["token_sha256"] for finding in json.loads(done.stdout)["findings"]]


def test_names_that_hold_a_token(tmp_path: Path, planted: Planted) -> None:
    top = tmp_path / "top"
    (top / "plain").mkdir(parents=True)
    (top / f"{planted('file')}.txt").touch()
    (top / "plain" / f"x{planted('nested file')}").touch()
    (top / planted("empty folder")).mkdir()
    (top / planted("folder") / "inner").mkdir(parents=True)
    os.symlink("nowhere", top / planted("link"))
    os.mkfifo(top / planted("pipe"))
    with open(os.path.join(os.fsencode(top), b"\xff\n" + planted("odd").encode()), "w"):
        pass
    report = scan_folder(top)
    everything(report, planted)
    assert {place.via for finding in report.findings for place in finding.locations} == {("file name",)}
    assert set(paths_of(report)) == {str(top), str(top / "plain")}
    assert report.coverage.blobs == 4  # three files and a link; names are not counted
    start = top / f"{planted('file given')}.log"
    start.touch()
    everything(scan_folder(top), planted)
    assert planted.not_found(scan_folder(start)) == [place for place in planted.tokens if place != "file given"]


def test_the_name_of_what_was_asked_for(tmp_path: Path, planted: Planted) -> None:
    (tmp_path / planted("folder given")).mkdir()
    for given in (f"{tmp_path}/{planted.tokens['folder given']}", f"{tmp_path}/{planted.tokens['folder given']}/"):
        everything(scan_folder(given), planted)


# Nothing is left out.


def test_no_kind_of_file_is_left_out(tmp_path: Path, planted: Planted) -> None:
    paths = (
        "node_modules/a/index.min.js", "package-lock.json", "poetry.lock", "logo.svg", "photo.jpg", "font.woff2",
        ".env", ".aws/credentials", "vendor/x.go", "dist/app.js.map", "__pycache__/x.pyc", "a.exe", ".venv/lib/x.py",
        "LICENSE", ".gitignore", ".gitmodules", ".hg/hgrc", ".svn/wc.db", "core", "nohup.out", ".DS_Store",
        "testdata/x", "go.sum", ".terraform/terraform.tfstate", ".tokenguard/x", ".git-credentials",
        ".gitattributes", "x.git/config",
    )  # fmt: skip
    for path in paths:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(planted(path))
    everything(scan_folder(tmp_path), planted)


def test_git_folders_are_left_to_the_git_source(tmp_path: Path, planted: Planted) -> None:
    for place in (".git", "a/.git", "a/b/.git"):
        (tmp_path / place / "objects").mkdir(parents=True)
        (tmp_path / place / "config").write_text(plant.token(plant.KEEBAI))
        (tmp_path / place).with_name("beside").write_text(planted(place))
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked/.git").write_text(f"gitdir: /x/{planted('a .git that is a file')}\n")
    everything(scan_folder(tmp_path), planted)


def test_ignored_files_are_scanned_unless_told(tmp_path: Path, planted: Planted) -> None:
    made = RepositoryBuilder(tmp_path / "made")
    made.commit({".gitignore": "*.log\n/build/\n!kept.log\n", "sub/.gitignore": "local\n", "a": "1"})
    made.write("tracked.log", planted("tracked although ignored"))
    made.run("add", "-f", "tracked.log")
    kept = {"kept.log": "exception", "sub/x": "plain", "sub/build/x": "another folder of the name"}
    for path, place in kept.items():
        made.write(path, planted(place))
    ignored = Planted()
    for path in ("x.log", "build/deep/x", "sub/local", "sub/y.log", "caf\xe9.log", "with space.log"):
        made.write(path, ignored(path))
    made.write(f"{ignored('name of an ignored file')}.log", "1")
    made.write(f"build/{ignored('name in an ignored folder')}", "1")
    everything(scan_folder(made.path, respect_gitignore=True), planted)
    everything(scan_folder(made.path / "sub", made.path, respect_gitignore=True), planted)
    both = Planted({**planted.tokens, **ignored.tokens})
    everything(scan_folder(made.path), both)
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain/.gitignore").write_text("*\n")
    (tmp_path / "plain/x").write_text(planted("no repository, no .gitignore"))
    everything(scan_folder(made.path, tmp_path / "plain", respect_gitignore=True), planted)


# Links, pipes and the like.


def test_links_are_not_followed(tmp_path: Path, planted: Planted) -> None:
    outside = tmp_path / "outside"
    (outside / "folder").mkdir(parents=True)
    (outside / "file").write_text(plant.token(plant.KEEBAI))
    (outside / "folder/file").write_text(plant.token(plant.KEEBAI))
    top = tmp_path / "top"
    top.mkdir()
    for name, target in {
        "file": str(outside / "file"), "folder": str(outside / "folder"), "up": "..", "here": ".", "itself": "itself",
        "one": "two", "two": "one", "root": "/", "dangling": f"/nowhere/{planted('target of a dangling link')}",
        "long": "x" * 3000 + "/" + planted("target of a link"), "device": "/dev/zero", "odd": "\udcff\n\x1b",
    }.items():  # fmt: skip
        os.symlink(target, top / name)
    report = scan_folder(top)
    everything(report, planted)
    assert {place.via for finding in report.findings for place in finding.locations} == {("symlink",)}


def test_a_link_that_was_asked_for_is_followed(tmp_path: Path, planted: Planted) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/file").write_text(planted("behind a link"))
    os.symlink("real", tmp_path / "link")
    os.symlink("real/file", tmp_path / "file")
    everything(scan_folder(tmp_path / "link"), planted)
    everything(scan_folder(tmp_path / "file"), planted)


def test_pipes_and_sockets_hold_nothing(tmp_path: Path, planted: Planted) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        folder = os.open(tmp_path, os.O_RDONLY)
        listening.bind(f"/proc/self/fd/{folder}/socket" if sys.platform == "linux" else str(tmp_path / "socket"))
        os.close(folder)
        (tmp_path / "z").write_text(planted("a file behind them"))
        done = tokenguard("scan", "files", "--format=json", cwd=tmp_path, timeout=30)
    assert done.returncode == 1
    assert sha256(planted.tokens["a file behind them"]).encode() in done.stdout


@pytest.mark.parametrize("form", ["plain", "gzip, several members", "zip", "tar in gzip in zip", "UTF-16 LE"])
def test_a_pipe_that_was_asked_for_is_read(tmp_path: Path, planted: Planted, form: str) -> None:
    """As in `tokenguard scan files <(kubectl get secret)`: once, from beginning to end."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    data = FORMS[form](planted(form).encode())
    writing = threading.Thread(target=pipe.write_bytes, args=(data,), daemon=True)
    writing.start()
    done = tokenguard("scan", "files", "pipe", "--format=json", cwd=tmp_path, timeout=30)
    writing.join()
    assert done.returncode == 1, done.stderr
    assert sha256(planted.tokens[form]).encode() in done.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="files without a size are those of /proc")
def test_a_file_that_says_it_is_empty_is_read(tmp_path: Path) -> None:
    token = plant.token(plant.BINBOI_ACCESS)
    with subprocess.Popen(["sleep", "60"], env={"TOKEN": token}) as process:
        done = tokenguard("scan", "files", f"/proc/{process.pid}/environ", "--format=json", cwd=tmp_path)
        process.kill()
    assert done.returncode == 1
    assert sha256(token).encode() in done.stdout


# Size.


def _little_memory() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (500 << 20, 500 << 20))


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the limit does not limit")
def test_a_huge_file_in_little_memory(tmp_path: Path) -> None:
    tokens = [plant.token(plant.KEEBAI) for _ in range(3)]
    size = 1 << 30
    with (tmp_path / "huge").open("wb") as file:
        file.write(tokens[0].encode())
        file.seek(size // 2)
        file.write(b"\n" + tokens[1].encode())
        file.seek(size)
        file.write(tokens[2].encode())
    done = tokenguard("scan", "files", "huge", "--format=json", cwd=tmp_path, before=_little_memory)
    assert done.returncode == 1, done.stderr
    report = json.loads(done.stdout)
    assert report["state"] == "complete"
    assert {finding["token_sha256"] for finding in report["findings"]} == set(map(sha256, tokens))
    assert report["coverage"]["bytes"] == size + len(tokens[2])


def test_a_limit_on_the_size_is_told(tmp_path: Path) -> None:
    (tmp_path / "large").write_text("x" * 2000)
    (tmp_path / "small").write_text(plant.token(plant.KEEBAI))
    done = tokenguard("scan", "files", "--max-size", "1000", cwd=tmp_path)
    assert done.returncode == 3
    assert b"large" in done.stdout


def test_folders_deeper_than_python_recurses(tmp_path: Path, planted: Planted) -> None:
    here = os.open(tmp_path, os.O_RDONLY)
    start = os.getcwd()
    try:
        os.fchdir(here)
        for _ in range(1500):
            os.mkdir("d")
            os.chdir("d")
        with open("file", "w") as file:
            file.write(planted("deep"))
    finally:
        os.chdir(start)
        os.close(here)
    try:
        everything(scan_folder(tmp_path), planted)
    finally:
        subprocess.run(["rm", "-rf", "d"], cwd=tmp_path, check=True)  # Python's own way recurses


def test_a_path_longer_than_the_system_allows_is_told(tmp_path: Path) -> None:
    here = os.open(tmp_path, os.O_RDONLY)
    start = os.getcwd()
    try:
        os.fchdir(here)
        for _ in range(25):
            os.mkdir("d" * 200)
            os.chdir("d" * 200)
        with open("file", "w") as file:
            file.write(plant.token(plant.KEEBAI))
    finally:
        os.chdir(start)
        os.close(here)
    report = scan_folder(tmp_path)
    assert report.findings or report.state is State.INCOMPLETE


def test_no_file_at_all(tmp_path: Path) -> None:
    report = scan_folder(tmp_path)
    assert (report.findings, report.state, report.coverage.blobs) == ((), State.COMPLETE, 0)


@pytest.mark.parametrize("writer", [False, True])
def test_a_file_that_turned_into_a_pipe_is_not_waited_for(tmp_path: Path, writer: bool) -> None:  # noqa: FBT001
    (tmp_path / "file").write_text("nothing\n")
    found: list[str] = []

    def turned(items: Iterator[Walked]) -> Iterator[Walked]:
        for item in items:
            for path in item if isinstance(item, list) else ():
                os.unlink(path)
                os.mkfifo(path)
                found.append(path)
            yield item

    *_, blob = FileSource().walk(str(tmp_path), turned)
    descriptor = os.open(found[0], os.O_RDWR) if writer else None
    with pytest.raises(OSError, match="no regular file any more"):
        blob.open()  # type: ignore[union-attr]  # a Skipped would be wrong: it fails the test
    assert FileSearch(lambda _view, _starts: [], 100)(found) == ([0], 0)
    if descriptor is not None:
        os.close(descriptor)


def test_what_only_has_nothing_yet_is_no_end() -> None:
    """As /proc/kmsg, a regular file by its kind, in which there is more to come."""
    given, pipe = os.pipe()
    os.set_blocking(given, False)
    with UnawaitedFile(given) as reader:
        view = memoryview(bytearray(100))
        os.write(pipe, b"abc")
        assert reader.readinto(view) == 3
        with pytest.raises(BlockingIOError, match="does not end"):
            reader.readinto(view)
        os.close(pipe)
        assert reader.readinto(view) == 0
