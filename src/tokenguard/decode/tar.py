"""Tar (POSIX ustar and pax, GNU): how one is told, not how it is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tokenguard.decode.budget import Budget
from tokenguard.decode.wrapping import Trigger
from tokenguard.model import Blob, Skipped

_MAGIC = b"ustar"
_MAGIC_AT = 257


class Tar:
    """Several files in one, not compressed. Recognised only at the very start of a blob."""

    name = "tar"
    triggers = (Trigger(_MAGIC),)

    def recognises(self, head: bytes, hits: Sequence[int]) -> bool:
        """Whether the blob begins with a header. Older tars without a magic number are searched as they lie."""
        del hits
        if not head.startswith(_MAGIC, _MAGIC_AT):
            return False
        from tokenguard.decode.tar_archive import header

        return header(head[:512]) is not None

    def members(self, blob: Blob, budget: Budget) -> Iterator[Blob | Skipped]:
        """Every member with data, and blobs that hold names, link targets and extended headers, line by line."""
        from tokenguard.decode.tar_archive import members

        return members(blob, budget)
