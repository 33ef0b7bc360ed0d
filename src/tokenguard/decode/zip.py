"""Zip (APPNOTE 6.3.10), whatever it is called and whatever stands before it: how one is told, not how it is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tokenguard.decode import zip_magic
from tokenguard.decode.budget import Budget
from tokenguard.decode.wrapping import Trigger
from tokenguard.model import Blob, Skipped


class Zip:
    """Compressed files with a directory at the end."""

    name = "zip"
    triggers = (Trigger(zip_magic.LOCAL_HEADER), Trigger(zip_magic.END))

    def recognises(self, head: bytes, hits: Sequence[int]) -> bool:
        """Whether it begins like one, or may hold one: a program may be in front. `members` looks closer.

        A tar is none although the last of its members may be: that is found where the tar is taken apart.
        """
        if head.startswith(zip_magic.FIRST):
            return True
        return bool(hits) and not head.startswith(b"ustar", 257)

    def members(self, blob: Blob, budget: Budget) -> Iterator[Blob | Skipped]:
        """Every member with data, one blob of all names and one of all comments, line by line.

        Nothing, if the blob neither begins like a zip nor ends like one.
        """
        from tokenguard.decode.zip_archive import members

        return members(blob, budget)
