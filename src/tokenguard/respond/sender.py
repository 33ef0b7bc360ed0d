"""The seam between what is told and how it travels: one Sender a channel."""

from __future__ import annotations

from typing import Protocol

from tokenguard.model.notification import Notice


class NotDeliveredError(Exception):
    """An attempt failed, or nobody knows, which is the same. `why`: in our own words, none of the other side's."""

    def __init__(self, why: str, retry_after: float = 0) -> None:
        super().__init__(why)
        self.why = why
        self.retry_after = retry_after
        """Seconds that we are asked to wait."""


class Sender(Protocol):
    """One channel. Used by one thread at a time."""

    name: str

    def send(self, notice: Notice) -> str:
        """Send it, once; what there is to remark of a delivery that was none.

        Raises:
            NotDeliveredError: it was not taken.
        """
        ...
