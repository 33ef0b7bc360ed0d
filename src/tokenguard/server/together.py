"""Introspections that are asked at the same time, answered by one look-up.

A look-up costs a hand-over to a thread, a query and perhaps a round trip, however many tokens it is of. While one is
under way the next questions gather; whoever asks alone waits for nobody. Each is looked up after it was asked, so that
a revocation counts from the next request on.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

from tokenguard.store.lookup import Answer, Question

if TYPE_CHECKING:
    from tokenguard.errors import RefusedError

LookUp = Callable[[Sequence[Question]], "Sequence[Answer | RefusedError]"]

_LOOK_UPS = 2
"""At once: while one waits for the database, the other's answers are worked on."""
_MOST = 256
"""Questions of one look-up."""

_Asked = tuple[Question, "asyncio.Future[Answer | RefusedError]"]


class Together:
    """Gathers questions. For the event loop's thread alone."""

    def __init__(self, look_up: LookUp) -> None:
        self._look_up = look_up
        self._waiting: deque[_Asked] = deque()
        self._under_way = 0
        self._tasks: set[asyncio.Task[None]] = set()
        """The event loop itself keeps none of them alive."""

    async def ask(self, question: Question) -> Answer | RefusedError:
        """The answer to one, or its refusal.

        Raises:
            StoreError: the database cannot be had now, or is broken.
        """
        future: asyncio.Future[Answer | RefusedError] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, future))
        if self._under_way < _LOOK_UPS:
            self._under_way += 1
            task = asyncio.create_task(self._work())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await future

    async def _work(self) -> None:
        try:
            await self._answer_all()
        finally:
            # Not when the loop comes to tell of the task's end: whoever asked before that would wait for nobody.
            self._under_way -= 1

    async def _answer_all(self) -> None:
        while self._waiting:
            some = [self._waiting.popleft() for _ in range(min(_MOST, len(self._waiting)))]
            try:
                answers = await run_in_threadpool(self._look_up, [question for question, _ in some])
            except BaseException as error:
                # Whoever asked is told, and not left waiting; the others go on by themselves.
                for _, future in some:
                    _end(future, error)
                if not isinstance(error, Exception):
                    raise
            else:
                for (_, future), answer in zip(some, answers, strict=True):
                    if not future.done():
                        future.set_result(answer)


def _end(future: asyncio.Future[Answer | RefusedError], error: BaseException) -> None:
    if future.done():
        return
    if isinstance(error, Exception):
        future.set_exception(error)
    else:
        future.cancel()
