"""Work shared out to processes: each task is answered once, whatever becomes of who works on it.

Each test is a program of its own: the one that runs the tests has threads, and is never copied.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

linux = pytest.mark.skipif(sys.platform != "linux", reason="processes are copied on Linux alone")

PROGRAM = """
import os, signal, sys, threading, time
from contextlib import closing
from tokenguard.app.worker_pool import WorkerPool

HERE = os.getpid()
TASKS = [[f"{number}.{each}" for each in range(number % 5)] for number in range(60)]

def work(task):
    return os.getpid(), [len(text) for text in task]

def run(work, jobs=3, alone=2):
    with closing(WorkerPool(work, jobs, alone=alone)) as pool:
        for task in TASKS:
            yield from pool.give(task)
        yield from pool.rest()

def all_right(answers):
    answers = list(answers)
    assert sorted(task for task, _ in answers) == sorted(TASKS)
    assert all(told == [len(text) for text in task] for task, (_, told) in answers)
    try:
        raise AssertionError(os.waitpid(-1, os.WNOHANG))
    except ChildProcessError:
        pass
    return {process for _, (process, _) in answers}
"""


def program(rest: str) -> None:
    """Run the program above with `rest` behind it, in a group of its own; warnings are errors, and nothing is said."""
    command = [sys.executable, "-W", "error", "-X", "dev", "-c", PROGRAM + rest]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, start_new_session=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@linux
def test_others_work_and_so_does_the_one_that_asks() -> None:
    program("""
def slowly(task):
    time.sleep(0.01)
    return work(task)
processes = all_right(run(slowly))
assert HERE in processes and len(processes) == 3, processes
""")


@pytest.mark.parametrize(
    "alone",
    [
        "jobs = 1",
        "alone = 100",
        "import tokenguard.app.worker_pool as pools; pools._FORKS = False",
        "threading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
        "signal.signal(signal.SIGCHLD, signal.SIG_IGN)",
        "def refused(): raise BlockingIOError('no process left')\nos.fork = refused",
    ],
)
def test_where_there_are_no_others_it_works_alone(alone: str) -> None:
    program(f"jobs, alone = 3, 2\n{alone}\nassert all_right(run(work, jobs, alone)) == {{HERE}}")


@linux
@pytest.mark.parametrize(
    "end",
    [
        "os.kill(os.getpid(), signal.SIGKILL)",
        "os.kill(os.getpid(), signal.SIGTERM)",
        "raise MemoryError",
        "raise KeyboardInterrupt",
    ],
)
def test_what_an_ended_process_does_not_answer_is_worked_on_here(end: str) -> None:
    program(f"""
def fragile(task):
    if os.getpid() != HERE and task and task[0].startswith("2"):
        {end}
    return work(task)
assert HERE in all_right(run(fragile))
""")


@linux
def test_half_an_answer_is_none() -> None:
    program("""
import tokenguard.app.worker_pool as pools
whole = pools._send
def half(channel, message):
    if os.getpid() != HERE:
        os.write(channel, (1000).to_bytes(8) + b"half")
        os._exit(0)
    whole(channel, message)
pools._send = half
assert all_right(run(work)) == {HERE}
""")


@linux
def test_an_interruption_leaves_no_process() -> None:
    program("""
def patient(task):
    if os.getpid() != HERE:
        time.sleep(60)
    return work(task)
begun = time.monotonic()
try:
    with closing(WorkerPool(patient, 3, alone=1)) as pool:
        for task in TASKS[:6]:
            list(pool.give(task))
        os.kill(0, signal.SIGINT)  # as Ctrl-C does: all of them get it
        time.sleep(60)
except KeyboardInterrupt:
    pass
assert time.monotonic() - begun < 30
try:
    raise AssertionError(os.waitpid(-1, os.WNOHANG))
except ChildProcessError:
    pass
""")


@linux
@pytest.mark.parametrize("busy", ["open(PIPE).read()", "time.sleep(0)"])
def test_without_the_one_that_asks_the_others_end(tmp_path: Path, busy: str) -> None:
    """Killed, it can tell them nothing; they may be waiting for a file that never answers."""
    os.mkfifo(tmp_path / "pipe")
    rest = f"""
PIPE = {str(tmp_path / "pipe")!r}
def told(task):
    if os.getpid() != HERE:
        open({str(tmp_path)!r} + f"/{{os.getpid()}}", "w").close()
        {busy}
    time.sleep(0.02)
    return work(task)
with closing(WorkerPool(told, 3, alone=1)) as pool:
    for task in TASKS:
        list(pool.give(task))
    time.sleep(60)
"""
    running = subprocess.Popen([sys.executable, "-c", PROGRAM + rest])
    others: set[int] = set()
    try:
        while len(others) < 2:
            assert running.poll() is None
            time.sleep(0.01)
            others = {int(each.name) for each in tmp_path.iterdir() if each.name.isdigit()}
    finally:
        running.kill()
        running.wait()
    for _ in range(1000):
        others = set(filter(_lives, others))
        if not others:
            return
        time.sleep(0.01)
    for each in others:
        with suppress(ProcessLookupError):
            os.kill(each, signal.SIGKILL)
    pytest.fail("they live on")


def _lives(process: int) -> bool:
    """Whether there is such a process that has not ended; an orphan that nobody waits for is none."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"
