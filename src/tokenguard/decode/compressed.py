"""The containers that are nothing but a compressed stream, or several in a row: their one member is what it holds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from tokenguard.decode.budget import Budget, BudgetExceeded
from tokenguard.decode.expand import Decompressor, Expanding
from tokenguard.decode.wrapping import Trigger, place
from tokenguard.model import Blob, Skipped


@dataclass(frozen=True, slots=True)
class CompressedStream:
    """A format that compresses one blob. Recognised only at the very start of a blob."""

    name: str
    triggers: tuple[Trigger, ...]
    header: re.Pattern[bytes]
    """What every stream begins with."""
    start: Callable[[], Decompressor]
    """Ready to take in a stream."""

    def recognises(self, head: bytes, hits: Sequence[int]) -> bool:
        """Whether the blob begins with a stream."""
        del hits
        return self.header.match(head) is not None

    def members(self, blob: Blob, budget: Budget) -> Iterator[Blob | Skipped]:
        """The one blob that is compressed. It can be read as often as `blob` can, decompressed anew each time."""
        try:
            budget.enter(blob.origin)
        except BudgetExceeded as exceeded:
            yield Skipped(place(blob.origin), str(exceeded))
            return
        yield Blob(
            replace(blob.origin, via=(*blob.origin.via, self.name)),
            lambda: Expanding(blob.open(), self.start, budget, header=self.header),
            rereadable=blob.rereadable,
        )
