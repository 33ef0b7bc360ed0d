"""A stream that somebody else opened, such as standard input."""

from __future__ import annotations

import select
from io import FileIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class Stream(FileIO):
    """Read to its end, also where it was opened not to be waited for: that it has nothing yet is no end."""

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """The bytes read; 0: the end."""
        count: int | None
        while (count := super().readinto(buffer)) is None:
            select.select([self], [], [])
        return count
