"""The containers that are nothing but a compressed stream, or several in a row: their one member is what it holds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from tokenguard.decode.budget import Budget, BudgetExceeded, Layer
from tokenguard.decode.wrapping import Trigger, place
from tokenguard.model import Blob, Skipped
from tokenguard.model.lazy_dataclass import dataclass, replace

if TYPE_CHECKING:
    from tokenguard.decode.expand import Decompressor


@dataclass(frozen=True, slots=True)
class CompressedStream:
    """A format that compresses one blob. Recognised only at the very start of a blob."""

    name: str
    triggers: tuple[Trigger, ...]
    header: bytes
    """A regular expression of what every stream begins with."""
    start: Callable[[], Decompressor]
    """Ready to take in a stream."""

    def recognises(self, head: bytes, hits: Sequence[int]) -> bool:
        """Whether the blob begins with a stream."""
        del hits
        return re.match(self.header, head) is not None

    def members(self, blob: Blob, budget: Budget) -> Iterator[Blob | Skipped]:
        """The one blob that is compressed. It can be read as often as `blob` can, decompressed anew each time."""
        try:
            budget.enter(blob.origin)
        except BudgetExceeded as exceeded:
            yield Skipped(place(blob.origin), str(exceeded))
            return
        from tokenguard.decode.expand import Expanding

        layer = Layer(budget)
        yield Blob(
            replace(blob.origin, via=(*blob.origin.via, self.name)),
            lambda: Expanding(blob.open(), self.start, layer, header=re.compile(self.header)),
            rereadable=blob.rereadable,
        )
