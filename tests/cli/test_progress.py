"""The progress bar: on a terminal alone, gone at the end, and right about rate and time."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time
from pathlib import Path

import pytest

import plant
from cli.program import COMMAND, FOUND
from tokenguard.cli.progress import Bar

REMOVED = "\r\x1b[K"


@pytest.mark.parametrize(
    ("expected", "done", "seconds", "line"),
    [
        (0, 0, 0.0, "0 MB, 0 MB/s"),
        (10_000_000, 0, 1.0, "0 MB, 0 MB/s"),
        (0, 3_000_000_000, 2.0, "3,000 MB, 1,500 MB/s"),
        (400_000_000, 100_000_000, 2.0, "[#####...............]  25%  100 MB, 50 MB/s, 6 s left"),
        (100_000_000, 99_999_999, 1.0, "[###################.] 100%  100 MB, 100 MB/s, 0 s left"),
        (100_000_000, 100_000_000, 1.0, "100 MB, 100 MB/s"),
    ],
)
def test_the_line(expected: int, done: int, seconds: float, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    bar = Bar()
    bar.expect(expected)
    bar.advance(done)
    assert bar.line(seconds) == line
    bar.close()
    assert capsys.readouterr().err.endswith(REMOVED)


def test_it_is_not_drawn_for_every_object(capsys: pytest.CaptureFixture[str]) -> None:
    bar = Bar()
    began = time.monotonic()
    for _ in range(10_000):
        bar.advance(1)
    drawn = capsys.readouterr().err.count(REMOVED)
    assert 1 <= drawn <= 2 + (time.monotonic() - began) * 10


def on_a_terminal(*arguments: str, cwd: Path) -> tuple[int, bytes, str]:
    """Run with standard error on a terminal: exit code, standard output, what the terminal was told."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, *arguments], cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=theirs
    ) as running:
        os.close(theirs)
        out, _ = running.communicate(timeout=60)
    told = b""
    while select.select([ours], [], [], 0.2)[0]:
        try:
            told += os.read(ours, 1 << 16)
        except OSError:  # the other side is closed
            break
    os.close(ours)
    return running.returncode, out, told.decode()


@pytest.mark.parametrize(("more", "shown"), [((), True), (("--no-progress",), False)])
def test_it_is_drawn_and_removed(tmp_path: Path, more: tuple[str, ...], *, shown: bool) -> None:
    token = plant.token(plant.KEEBAI)
    for number in range(40):
        (tmp_path / f"f{number}").write_bytes(os.urandom(200_000) + token.encode())
    code, out, told = on_a_terminal("scan", "files", "--format", "json", *more, cwd=tmp_path)
    assert code == FOUND
    assert b"\x1b" not in out
    assert token[12:20] not in told
    assert (" MB, " in told) == shown
    assert told.rpartition(REMOVED)[1:] == ((REMOVED, "") if shown else ("", told))
