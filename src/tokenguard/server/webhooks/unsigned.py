"""How much memory messages may fill before anybody knows who sent them.

A signature is of the whole message, and a forge's key ids are public: whoever names one has us keep what they send
until its end. A message of usual size always has room; large ones share theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tokenguard.server.problems import Problem, ProblemError

USUAL = 1 << 20
"""Bytes of a message: thousands of tokens."""
_RETRY = "10"
"""Seconds."""


class UnsignedMessages:
    """Those that are held now. For the event loop's thread alone."""

    def __init__(self, most: int) -> None:
        """`most`: bytes that all of them may have, beyond the usual size of each."""
        self._most = most
        self._held = 0

    @contextmanager
    def one(self) -> Iterator[Callable[[int], None]]:
        """One message, held until the end of the block. What is given counts bytes of it that have come.

        It raises ProblemError, 503, where there is no room for them.
        """
        size = counted = 0

        def count(more: int) -> None:
            nonlocal size, counted
            size += more
            beyond = max(0, size - USUAL)
            self._held += beyond - counted
            counted = beyond
            if beyond and self._held > self._most:
                busy = "too many large messages at once; send it again"
                raise ProblemError(Problem(503, busy, headers={"Retry-After": _RETRY}))

        try:
            yield count
        finally:
            self._held -= counted
