"""Blobs into matches: most have nothing in them, and that is found out here; the others become a `Task`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokenguard.model.lazy_dataclass import dataclass
from tokenguard.scan.windows import WINDOW, fill

if TYPE_CHECKING:
    from tokenguard.app.detector import Detector
    from tokenguard.model import Blob, Match, Skipped
    from tokenguard.scan.engine import Scratch


@dataclass(frozen=True, slots=True)
class Scanned:
    """The outcome of one blob, everything inside it included."""

    matches: tuple[Match, ...]
    skipped: tuple[Skipped, ...]
    size: int
    """Bytes read of the outer blob."""


class BlobScanner:
    """Scans blobs one after the other, reusing its buffers; a thread's own."""

    def __init__(self, detector: Detector, window: int = WINDOW) -> None:
        """`window`: bytes of a blob that are searched at once, at least twice the margin between windows."""
        self.detector = detector
        self.scratch: Scratch = detector.scratch()
        self._window = window
        self._buffers = [bytearray(window)]
        self._view = memoryview(self._buffers[0])

    def scan(self, blob: Blob) -> Scanned:
        """Everything that the rules find in `blob` and in what is wrapped in it.

        Raises:
            OSError: the blob could not be opened, or not read at all.
        """
        reader = blob.open()
        try:
            view = self._view
            filled = fill(reader, view)
            if filled < len(view) and not self.scratch.any_hit(view[:filled]):
                return Scanned((), (), filled)
            from tokenguard.app.task import Task  # start-up time: a clean commit never needs it

            task = Task(self, blob)
            (task.run if blob.rereadable else task.run_once)(reader, filled)
        finally:
            reader.close()
        task.unpack()
        return Scanned(tuple(task.matches), tuple(task.skipped), task.size)

    def buffer(self, depth: int) -> bytearray:
        """The window of that depth of containers: as large, since what fits one is not searched for its parts."""
        while len(self._buffers) <= depth:
            self._buffers.append(bytearray(self._window))
        return self._buffers[depth]
