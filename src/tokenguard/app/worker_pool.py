"""Work shared out to processes: where Python itself is what costs, threads would only take turns.

The processes are copies of this one (fork): nothing is run, imported or compiled anew. They begin once there is enough
to do. Where they cannot be had, or one ends before its answer, the work is done here.
"""

from __future__ import annotations

import contextlib
import marshal
import os
import select
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Generic, NoReturn, Self, TypeVar

Answer = TypeVar("Answer")

_FORKS = sys.platform == "linux"
"""Windows has no such thing, and on macOS a copy must not call many of the system's libraries."""
_AHEAD = 3
"""Tasks that a worker has at most: when it is done with one there is another."""
_ENDINGS = {signal.SIGINT, signal.SIGTERM}
_BROKEN = (OSError, EOFError, ValueError, TypeError)
"""How a worker shows that it has ended: half an answer, or none."""


class WorkerPool(Generic[Answer]):
    """Gives tasks (lists of texts) to processes; what they answer is made of numbers, texts, lists and tuples."""

    def __init__(self, work: Callable[[list[str]], Answer], jobs: int, *, alone: int) -> None:
        """`jobs`: how many processes. `alone`: tasks that are worked on here first: a few are not worth a process."""
        self._work = work
        self._jobs = jobs
        self._alone = alone if _FORKS and jobs > 1 else None
        self._workers: list[_Worker] = []

    def give(self, task: list[str]) -> Iterator[tuple[list[str], Answer]]:
        """Have it worked on. Answers that are ready, with their tasks: to this one, or to earlier ones."""
        self._begin()
        yield from self._answered(wait=False)
        free = [each for each in self._workers if len(each.tasks) < _AHEAD]
        if not free:
            yield task, self._work(task)
            return
        worker = min(free, key=lambda each: len(each.tasks))
        if not worker.take(task):
            yield from self._lost(worker)

    def rest(self) -> Iterator[tuple[list[str], Answer]]:
        """The answers that are still to come."""
        while any(each.tasks for each in self._workers):
            yield from self._answered(wait=True)

    def _begin(self) -> None:
        if self._alone is None:
            return
        self._alone -= 1
        # Whatever another thread holds at this moment, a lock for one, a copy would wait for in vain.
        if self._alone >= 0 or threading.active_count() > 1:
            return
        self._alone = None
        with contextlib.suppress(OSError):
            while len(self._workers) + 1 < self._jobs:
                self._workers.append(_Worker(self._work))

    def _answered(self, *, wait: bool) -> Iterator[tuple[list[str], Answer]]:
        poll = select.poll()
        busy = {each.answers: each for each in self._workers if each.tasks}
        for each in busy:
            poll.register(each, select.POLLIN)
        for ready, _ in poll.poll(None if wait else 0):
            worker = busy[ready]
            try:
                answer = _receive(worker.answers)
            except _BROKEN:
                yield from self._lost(worker)
            else:
                yield worker.tasks.popleft(), answer

    def _lost(self, worker: _Worker) -> Iterator[tuple[list[str], Answer]]:
        self._workers.remove(worker)
        worker.close()
        for task in worker.tasks:
            yield task, self._work(task)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.close()


class _Worker:
    """A process, the way to it, and the way back."""

    def __init__(self, work: Callable[[list[str]], object]) -> None:
        self.tasks = deque[list[str]]()
        """What it was given and has not answered."""
        theirs, self._requests = os.pipe()
        self.answers, answers = os.pipe()
        # A copy that an interruption threw out of here would go on as if it were the whole program.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDINGS)
        try:
            self._process = os.fork()
            if self._process == 0:
                _serve(work, theirs, answers, (self._requests, self.answers))
        except OSError:
            os.close(self._requests)
            os.close(self.answers)
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            os.close(theirs)
            os.close(answers)

    def take(self, task: list[str]) -> bool:
        """Whether it was there to take the task; that counts as taken."""
        self.tasks.append(task)
        try:
            _send(self._requests, task)
        except OSError:
            return False
        return True

    def close(self) -> None:
        """End it, whatever it is doing."""
        os.close(self._requests)
        os.close(self.answers)
        os.kill(self._process, signal.SIGKILL)
        os.waitpid(self._process, 0)


def _serve(work: Callable[[list[str]], object], requests: int, answers: int, others: tuple[int, ...]) -> NoReturn:
    """All that the copy does. It says nothing, whatever goes wrong: who asked sees that there is no answer."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches both: it is the other one's to answer
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDINGS)
        for each in others:
            os.close(each)
        while True:
            _send(answers, work(_receive(requests)))
    finally:
        os._exit(0)  # noqa: TID251 - a copy ends here, never in what called this


def _send(pipe: int, message: Any) -> None:
    data = marshal.dumps(message)
    left = memoryview(len(data).to_bytes(8) + data)
    while left:
        left = left[os.write(pipe, left) :]


def _receive(pipe: int) -> Any:
    return marshal.loads(_exactly(pipe, int.from_bytes(_exactly(pipe, 8))))  # noqa: S302 - from a copy of this process


def _exactly(pipe: int, size: int) -> bytes:
    parts: list[bytes] = []
    while size:
        part = os.read(pipe, size)
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
