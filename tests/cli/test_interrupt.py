"""Ctrl-C, or a cancelled job, in the middle of a scan: what was found until then is reported, as incomplete."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

import plant
from cli.program import COMMAND, INCOMPLETE, Ended, assert_hidden, found, plant_many
from git_repository import RepositoryBuilder

HANGING_FORKS = """
import os, time
fork = os.fork
def hanging():
    process = fork()
    if process:
        open({file!r}, "w").close()
    else:
        os.readv = lambda *_: time.sleep(600)
    return process
os.fork = hanging
"""
linux = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere files are searched in one process")
SIGNALS = [signal.SIGINT, signal.SIGTERM]


def start(*arguments: str, cwd: Path, **environ: str) -> subprocess.Popen[bytes]:
    """Start tokenguard."""
    return subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=cwd,
        env=os.environ | environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


@contextmanager
def reached(running: subprocess.Popen[bytes], pipe: Path) -> Iterator[None]:
    """Inside, the scan has come to a pipe that never says anything, and waits."""
    descriptor = None
    while descriptor is None:
        assert running.poll() is None, running.communicate()
        time.sleep(0.02)
        with suppress(OSError):  # ENXIO: nobody has opened it to read
            descriptor = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
    try:
        yield
    finally:
        os.close(descriptor)


def end(running: subprocess.Popen[bytes], number: signal.Signals) -> Ended:
    """Send the signal and wait."""
    time.sleep(0.2)  # until the read itself waits, not what leads to it
    running.send_signal(number)
    out, err = running.communicate(timeout=60)
    return Ended(running.returncode, out.decode(), err.decode())


def assert_partial(ended: Ended, token: str) -> None:
    """The report says that it is incomplete, and has the token that was seen before."""
    assert ended.code == INCOMPLETE
    assert ended.message.startswith("incomplete: the scan: interrupted; the rest was not read")
    assert ended.report["state"] == "incomplete"
    assert [each["code"] for each in ended.report["errors"]] == ["interrupted"]
    assert found(ended.report) == {(plant.KEEBAI, plant.visible_prefix(token))}
    assert_hidden(token, ended)


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_files(tmp_path: Path, number: signal.Signals, jobs: str) -> None:
    token = plant.token(plant.KEEBAI)
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "a.env").write_text(token)
    for each in range(200):
        (tree / f"b{each}").write_text("nothing\n" * each)
    os.mkfifo(tmp_path / "pipe")
    running = start("scan", "files", "tree", "pipe", "--format", "json", "--jobs", jobs, cwd=tmp_path)
    with reached(running, tmp_path / "pipe"):
        ended = end(running, number)
    assert_partial(ended, token)


def alive(group: int) -> list[str]:
    """What /proc says of the processes of a group; not of those that have ended and that nobody waits for."""
    told = []
    for each in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            state, _, its_group = each.read_text().rpartition(")")[2].split()[:3]
            told += [f"{each}: {state}"] if int(its_group) == group and state not in "ZX" else []
    return told


@contextmanager
def helped(tmp_path: Path, token: str) -> Iterator[subprocess.Popen[bytes]]:
    """Inside, the scan of many files waits for processes that help it, and hang. None is left."""
    customs, helping = tmp_path / "customs", tmp_path / "helping"
    plant_many(tmp_path / "tree", {"0.env": token})
    customs.mkdir()
    (customs / "sitecustomize.py").write_text(HANGING_FORKS.format(file=str(helping)))
    arguments = ("scan", "files", "tree", "--format", "json", "--jobs", "2")
    running = start(*arguments, cwd=tmp_path, PYTHONPATH=str(customs))
    try:
        while not helping.exists():
            assert running.poll() is None, running.communicate()
            time.sleep(0.02)
        time.sleep(0.5)  # until it has done its own part and waits
        yield running
        # They look once a second; who was interrupted twice may not have come to end them.
        for _ in range(100):
            if not alive(running.pid):
                break
            time.sleep(0.1)
        assert not alive(running.pid)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)


@linux
@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_many_files(tmp_path: Path, number: signal.Signals) -> None:
    token = plant.token(plant.KEEBAI)
    with helped(tmp_path, token) as running:
        os.killpg(running.pid, number)
        out, err = running.communicate(timeout=60)
    assert_partial(Ended(running.returncode, out.decode(), err.decode()), token)


@linux
@pytest.mark.parametrize("pause", [0.0005, 0.002, 0.005])
def test_twice(tmp_path: Path, pause: float) -> None:
    """The second Ctrl-C may end the report too, but not with a traceback."""
    with helped(tmp_path, plant.token(plant.KEEBAI)) as running:
        os.killpg(running.pid, signal.SIGINT)
        time.sleep(pause)
        with suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGINT)
        _, err = running.communicate(timeout=60)
    assert running.returncode in {INCOMPLETE, 130}, err
    assert err.count(b"\n") == 1, err


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
@pytest.mark.parametrize("hanging", ["--missing=print", "--topo-order", "ls-files"])
def test_git(tmp_path: Path, number: signal.Signals, hanging: str) -> None:
    """A git that hangs in the proof of completeness, the attribution, after both: what objects hold is reported."""
    repository = RepositoryBuilder(tmp_path / "repository")
    token = plant.token(plant.KEEBAI)
    repository.commit({"a.env": token})
    repository.commit({"a.env": None})
    programs, marker = tmp_path / "programs", tmp_path / "reached"
    programs.mkdir()
    (programs / "git").write_text(
        f'#!/bin/sh\ncase " $* " in *" {hanging} "*) echo $$ >"{marker}.new"; mv "{marker}.new" "{marker}"; '
        f'exec sleep 60;; esac\nexec "{shutil.which("git")}" "$@"\n'
    )
    (programs / "git").chmod(0o755)
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    running = start("scan", "git", "--format", "json", cwd=repository.path, PATH=path)
    try:
        while not marker.exists():
            assert running.poll() is None
            time.sleep(0.02)
        time.sleep(1)  # the proof runs beside the reading of the objects
        ended = end(running, number)
    finally:
        running.kill()
        with suppress(ProcessLookupError, FileNotFoundError):
            os.kill(int(marker.read_text()), signal.SIGKILL)
    assert_partial(ended, token)


def test_a_baseline_is_not_written_from_half_a_scan(tmp_path: Path) -> None:
    (tmp_path / "a.env").write_text(plant.token(plant.KEEBAI))
    os.mkfifo(tmp_path / "pipe")
    arguments = ("baseline", "create", "--files", "a.env", "--files", "pipe", "--baseline", "known")
    running = start(*arguments, cwd=tmp_path)
    with reached(running, tmp_path / "pipe"):
        ended = end(running, signal.SIGINT)
    assert ended.code == 130
    assert not (tmp_path / "known").exists()
