"""Work shared out to processes: where Python itself is what costs, threads would only take turns.

The processes are copies of this one (fork): nothing is run, imported or compiled anew. They begin once there is enough
to do. Where they cannot be had, or one ends before its answer, the work is done here.
"""

from __future__ import annotations

import marshal
import os
import select
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, NoReturn, TypeVar

Answer = TypeVar("Answer")

_FORKS = sys.platform == "linux"
"""Windows has no such thing, and on macOS a copy must not call many of the system's libraries."""
_AHEAD = 3
"""Tasks that a worker has at most: when it is done with one there is another."""
_MOST = 7
"""Others that one process can give tasks to before they wait for it: of files it lists five in the time of one."""
_LOOK = 1.0
"""Seconds between a copy's looks at whether the process is there that it is one of."""
_BROKEN = (OSError, EOFError, ValueError, TypeError)
"""How a worker shows that it has ended: half an answer, or none."""


class WorkerPool(Generic[Answer]):
    """Gives tasks (lists of texts) to processes; what they answer is made of numbers, texts, lists and tuples."""

    def __init__(self, work: Callable[[list[str]], Answer], jobs: int, *, alone: int) -> None:
        """`jobs`: processes at most, this one too. `alone`: tasks that are worked on here before there are others.

        Copies have the handlers of signals and the open files of this process: it has to be ours.
        """
        self._work = work
        self._workers: list[_Worker] = []
        self._most = min(jobs - 1, _MOST) if _FORKS else 0
        self._alone = alone

    def give(self, task: list[str]) -> Iterator[tuple[list[str], Answer]]:
        """Have it worked on. Answers that are ready, with their tasks: to this one, or to earlier ones."""
        yield from self._answered(wait=False)
        worker = self._free()
        if worker is None:
            yield task, self._work(task)
        elif not worker.take(task):
            yield from self._lost(worker)

    def rest(self) -> Iterator[tuple[list[str], Answer]]:
        """The answers that are still to come."""
        while any(each.tasks for each in self._workers):
            yield from self._answered(wait=True)

    def _free(self) -> _Worker | None:
        """A worker that can take a task, a new one where all have enough to do."""
        if self._alone > 0:
            self._alone -= 1
            return None
        worker = min(self._workers, key=_load, default=None)
        if worker is not None and _load(worker) < _AHEAD:
            return worker
        if len(self._workers) >= self._most or not _may_fork():
            return None
        try:
            # Thrown out of here by a signal, a copy would go on as if it were the whole program, and nobody would wait
            # for it.
            with _undisturbed():
                self._workers.append(_Worker(self._work))
        except OSError:
            self._most = 0
            return None
        return self._workers[-1]

    def _answered(self, *, wait: bool) -> Iterator[tuple[list[str], Answer]]:
        busy = {each.channel: each for each in self._workers if each.tasks}
        if not busy:
            return
        poll = select.poll()
        for each in busy:
            poll.register(each, select.POLLIN)
        for ready, _ in poll.poll(None if wait else 0):
            worker = busy[ready]
            try:
                answer = _receive(worker.channel)
            except _BROKEN:
                yield from self._lost(worker)
            else:
                yield worker.tasks.popleft(), answer

    def _lost(self, worker: _Worker) -> Iterator[tuple[list[str], Answer]]:
        self._workers.remove(worker)
        self._most = len(self._workers)
        worker.end()
        worker.wait()
        for task in worker.tasks:
            yield task, self._work(task)

    def close(self) -> None:
        """End the processes, whatever they are doing."""
        if not self._workers:
            return
        with _undisturbed():
            for worker in self._workers:
                worker.end()
        while self._workers:
            self._workers.pop().wait()


class _Worker:
    """A process, and the channel to it and back."""

    def __init__(self, work: Callable[[list[str]], object]) -> None:
        self.tasks = deque[list[str]]()
        """What it was given and has not answered."""
        from socket import socketpair  # start-up time: most scans have no worker

        ours, theirs = socketpair()
        with theirs:
            caller = os.getpid()
            try:
                self._process = os.fork()
            except OSError:
                ours.close()
                raise
            if self._process == 0:
                ours.close()
                _serve(work, theirs.fileno(), caller)
        self.channel = ours.detach()

    def take(self, task: list[str]) -> bool:
        """Whether it was there to take the task; that counts as taken."""
        self.tasks.append(task)
        try:
            _send(self.channel, task)
        except OSError:
            return False
        return True

    def end(self) -> None:
        """End it, whatever it is doing."""
        os.close(self.channel)
        os.kill(self._process, signal.SIGKILL)

    def wait(self) -> None:
        """Until it has ended."""
        os.waitpid(self._process, 0)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Signals that come inside are heard afterwards."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _load(worker: _Worker) -> int:
    return len(worker.tasks)


def _may_fork() -> bool:
    """Whether a copy would find nothing locked that a thread holds, and be there until we wait for it."""
    try:
        return len(os.listdir("/proc/self/task")) == 1 and signal.getsignal(signal.SIGCHLD) is signal.SIG_DFL
    except OSError:
        return False


def _serve(work: Callable[[list[str]], object], channel: int, caller: int) -> NoReturn:
    """All that the copy does. It says nothing, whatever goes wrong: who asked sees that there is no answer."""

    def look(*_: object) -> None:
        # The channel's end does not do: copies made later hold it open, and a file may never answer.
        if os.getppid() != caller:
            os._exit(0)  # noqa: TID251 - as below

    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches both: it is the other one's to answer
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGALRM, look)
        signal.setitimer(signal.ITIMER_REAL, _LOOK, _LOOK)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        while True:
            _send(channel, work(_receive(channel)))
    finally:
        os._exit(0)  # noqa: TID251 - a copy ends here, never in what called this


def _send(channel: int, message: Any) -> None:
    data = marshal.dumps(message)
    left = memoryview(len(data).to_bytes(8) + data)
    while left:
        left = left[os.write(channel, left) :]


def _receive(channel: int) -> Any:
    return marshal.loads(_exactly(channel, int.from_bytes(_exactly(channel, 8))))  # noqa: S302 - from a copy of this process


def _exactly(channel: int, size: int) -> bytes:
    parts: list[bytes] = []
    while size:
        part = os.read(channel, size)
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
