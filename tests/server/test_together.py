"""Introspections that are asked at the same time: nobody is left waiting, and each gets their own answer."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence

import pytest

from tokenguard.errors import RefusedError, UnavailableError
from tokenguard.model.secret import Secret
from tokenguard.server.together import Together
from tokenguard.store.lookup import Answer, Question

NOBODY = Secret(b"nobody")


def refusals(questions: Sequence[Question]) -> Sequence[Answer | RefusedError]:
    return [RefusedError("VALIDATION", each.agent or "") for each in questions]


def test_nobody_is_left_waiting() -> None:
    async def one_after_the_other(together: Together, number: int) -> None:
        for turn in range(300):
            name = f"{number}-{turn}"
            answer = await asyncio.wait_for(together.ask(Question(NOBODY, b"", agent=name)), 20)
            assert isinstance(answer, RefusedError)
            assert answer.message == name
            for _ in range((number * turn) % 4):
                await asyncio.sleep(0)  # so that they meet the end of a look-up at every step of the loop

    async def all_of_them() -> None:
        together = Together(refusals)
        await asyncio.gather(*(one_after_the_other(together, number) for number in range(3)))

    asyncio.run(all_of_them())


@pytest.mark.parametrize("again", [0, 1])
def test_whoever_asks_as_the_last_look_ups_end_is_answered(again: int) -> None:
    """Two end in one step of the event loop; one asks anew before the loop has cleared up after them."""
    both = threading.Barrier(2)
    looked_up: list[str] = []

    def look_up(questions: Sequence[Question]) -> Sequence[Answer | RefusedError]:
        looked_up.extend(each.agent or "" for each in questions)
        if len(looked_up) <= both.parties:
            both.wait(20)
        return refusals(questions)

    async def ask(together: Together, number: int) -> None:
        await together.ask(Question(NOBODY, b""))
        if number == again:
            await together.ask(Question(NOBODY, b""))

    async def ask_at_once() -> None:
        together = Together(look_up)
        asking = []
        for number in range(both.parties):
            asking.append(asyncio.ensure_future(ask(together, number)))
            while len(looked_up) <= number:  # noqa: ASYNC110 - a thread says so, which knows no event of the loop
                await asyncio.sleep(0)
        time.sleep(0.1)  # noqa: ASYNC251 - the loop stands still until both look-ups have ended
        await asyncio.wait_for(asyncio.gather(*asking), 10)

    asyncio.run(ask_at_once())


def test_a_database_that_is_gone_is_told_to_all() -> None:
    def gone(_: Sequence[Question]) -> Sequence[Answer | RefusedError]:
        raise UnavailableError("gone")

    async def ask() -> list[object]:
        together = Together(gone)
        asked = (together.ask(Question(NOBODY, b"")) for _ in range(5))
        return list(await asyncio.gather(*asked, return_exceptions=True))

    assert [type(each) for each in asyncio.run(ask())] == [UnavailableError] * 5
