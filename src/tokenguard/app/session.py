"""What every scan is given: how to search, where findings go, and how much of the machine to use."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from tokenguard.app.collect import Collector
from tokenguard.app.detector import Detector
from tokenguard.model.lazy_dataclass import dataclass, field


class Progress(Protocol):
    """Told how far a scan is; called from several threads."""

    def expect(self, size: int) -> None:
        """So many more bytes will be read."""
        ...

    def advance(self, size: int) -> None:
        """So many bytes have been read."""
        ...


class Silence:
    """No progress is shown."""

    def expect(self, size: int) -> None:
        """Nothing is shown."""

    def advance(self, size: int) -> None:
        """Nothing is shown."""


@dataclass(frozen=True, slots=True)
class Session:
    """One scan."""

    detector: Detector
    collector: Collector
    jobs: int = 2
    """Threads that search, each feeding on a git of its own; of many files processes."""
    max_size: int | None = None
    """Files larger than so many bytes are skipped, and the scan is incomplete."""
    respect_gitignore: bool = False
    paths_decide: Callable[[], bool] = bool
    """Whether something is ignored at some paths only: then every path of what is found has to be known."""
    cache: Path | None = None
    """Where what was read clean is remembered; None: nowhere."""
    progress: Progress = field(default_factory=Silence)
    own_process: bool = False
    """Whether the process does nothing but this scan: then copies of it may help."""


def in_threads(count: int, work: Callable[[], None]) -> None:
    """Run `work` in so many threads; the first exception of any is raised here."""
    if count == 1:
        work()
        return
    failed: list[BaseException] = []

    def guarded() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - it is raised again in the calling thread
            failed.append(error)

    threads = [threading.Thread(target=guarded, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
