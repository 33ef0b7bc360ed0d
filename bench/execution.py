"""Running one contestant once, with the clock beside it.

Time is that of a wall clock around the whole process, or the contestant's own where its report gives one. Memory is
the process's own, without the programs that it starts: Linux keeps the high-water mark in /proc (proc(5), VmHWM), which
is read every 20 ms; elsewhere it is not known.
The resource usage that wait4 gives would not do: it is the larger one of the process and its children.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.contestant import REPORT, Contestant, Outcome

_WATCH = 0.02
"""Seconds between two looks at a process."""
_HIGH_WATER = re.compile(rb"^VmHWM:\s+(\d+) kB", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Execution:
    """One contestant's part in one round."""

    seconds: float
    cpu_seconds: float
    """Of the process and those that it started, all threads together."""
    exit_code: int
    failed: bool
    """The exit code is none that the tool has for a run that did its work, or its report cannot be read."""
    outcome: Outcome
    peak_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Track:
    """Where contestants run: a private environment and folder."""

    folder: Path
    environ: Mapping[str, str]

    def run(self, contestant: Contestant) -> Execution:
        """Prepare, run, measure, read the report, delete it."""
        if contestant.prepare is not None:
            contestant.prepare()
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            return self._run(contestant, Path(folder))

    def _run(self, contestant: Contestant, folder: Path) -> Execution:
        report, complaints, empty = folder / "report.json", folder / "errors", folder / "empty"
        empty.mkdir()
        command = [part.replace(REPORT, str(report)) for part in contestant.command]
        printed = report if contestant.to_standard_output else Path(os.devnull)
        with printed.open("wb") as output, complaints.open("wb") as errors:
            started = time.perf_counter()
            process = subprocess.Popen(
                command,
                cwd=contestant.folder or empty,
                env={**self.environ, **dict(contestant.environ)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
            )
            watch = _Watch(process.pid) if contestant.memory else None
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - started
        process.returncode = exit_code = os.waitstatus_to_exitcode(status)
        outcome = _outcome(contestant, report, complaints, exit_code)
        return Execution(
            seconds=seconds if outcome is None or outcome.seconds is None else outcome.seconds,
            cpu_seconds=usage.ru_utime + usage.ru_stime,
            exit_code=exit_code,
            failed=outcome is None,
            outcome=outcome or Outcome(complete=False),
            peak_bytes=watch.end() if watch is not None else None,
        )


def _outcome(contestant: Contestant, report: Path, errors: Path, exit_code: int) -> Outcome | None:
    if exit_code not in contestant.accepted:
        return None
    try:
        return contestant.read(report, errors)
    except (OSError, ValueError, LookupError, TypeError):
        return None


class _Watch:
    """Looks at a process's high-water mark until told to end."""

    def __init__(self, pid: int) -> None:
        self._status = Path(f"/proc/{pid}/status")
        self._peak: int | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        while not self._over.is_set():
            try:
                found = _HIGH_WATER.search(self._status.read_bytes())
            except OSError:
                return
            if found:
                self._peak = max(self._peak or 0, int(found[1]) * 1024)
            self._over.wait(_WATCH)

    def end(self) -> int | None:
        self._over.set()
        self._thread.join()
        return self._peak
