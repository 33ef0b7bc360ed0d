"""A report file is whole or absent, private, and never written through somebody else's link."""

from __future__ import annotations

import os
import resource
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import TextIO

import pytest

from tokenguard.errors import OutputError
from tokenguard.report.output import write_file


def _write(out: TextIO) -> None:
    out.write("kbai_pk_a1b2…\r\n")


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_file_is_private_and_exact(tmp_path: Path) -> None:
    write_file(tmp_path / "report.json", _write)
    assert (tmp_path / "report.json").read_bytes() == "kbai_pk_a1b2…\r\n".encode()
    assert _mode(tmp_path / "report.json") == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


def test_an_existing_file_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text("old")
    path.chmod(0o640)
    write_file(str(path), _write)
    assert path.read_text("utf-8").startswith("kbai")
    assert _mode(path) == 0o640


def test_a_relative_name_is_written_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_file("report.json", _write)
    assert (tmp_path / "report.json").exists()


def test_a_failure_leaves_the_old_report(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text("old")

    def fail(out: TextIO) -> None:
        out.write("half")
        out.flush()
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_file(path, fail)
    assert path.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


def test_a_planted_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine")
    link = tmp_path / "report.json"
    link.symlink_to(precious)
    write_file(link, _write)
    assert precious.read_text() == "mine"
    assert not link.is_symlink()
    assert _mode(link) == 0o600


def test_a_full_disk_is_one_clear_line(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text("old")
    # The limit of the size of a file stands in for the disk: the same failing write(2).
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, before[1]))
    try:
        with pytest.raises(OutputError) as raised:
            write_file(path, lambda out: out.writelines(["x" * 1024] * 1024))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, previous)
    assert (
        str(raised.value) == f"cannot write the report to {path}: File too large; make room there or name another place"
    )
    assert raised.value.exit_code == 3
    assert path.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


def test_a_full_device_is_one_clear_line() -> None:
    with pytest.raises(OutputError, match=r"^cannot write the report to /dev/full: No space left on device; "):
        write_file("/dev/full", _write)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "it is no file"),
        ("missing/report.json", "No such file or directory"),
        ("file/report.json", "Not a directory"),
        ("x" * 300, "File name too long"),
        ("a\0b", "embedded null byte"),
    ],
)
def test_what_cannot_be_written_is_one_clear_line(name: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError) as raised:
        write_file(os.path.join(tmp_path, name), _write)
    assert str(raised.value).endswith(f": {reason}; make room there or name another place")
    assert "\n" not in str(raised.value)


@pytest.mark.usefixtures("ordinary_user")
def test_a_forbidden_folder_is_one_clear_line(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match=r"report\.json: Permission denied; "):
        write_file(tmp_path / "report.json", _write)


def test_the_message_shows_a_hostile_name_safely(tmp_path: Path) -> None:
    with pytest.raises(OutputError) as raised:
        write_file(tmp_path / "no\x1b[31m" / "x", _write)
    assert "\x1b" not in str(raised.value)


def test_a_pipe_is_written_to_directly(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    write_file(pipe, _write)
    reader.join(10)
    assert read == ["kbai_pk_a1b2…\r\n".encode()]
    assert stat.S_ISFIFO(pipe.lstat().st_mode)


PROGRAM = """
import os, sys
from tokenguard.report.output import write_file
write_file(sys.argv[1], lambda out: out.write("report\\n") and None)
"""


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_a_redirected_stream_is_not_replaced(name: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("w") as out:
        out.write("before\n")
        out.flush()
        inode = os.fstat(out.fileno()).st_ino
        subprocess.run([sys.executable, "-c", PROGRAM, name], check=True, stdout=out)
        out.write("after\n")
    assert log.stat().st_ino == inode
    assert log.read_text() == "before\nreport\nafter\n"


def test_a_closed_pipe_passes_through() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing), pytest.raises(BrokenPipeError):
        write_file(f"/dev/fd/{writing}", _write)
