"""The progress bar: bytes read of those expected, with rate and time left, on a terminal's standard error."""

from __future__ import annotations

import sys
import threading
import time

_EVERY = 0.1
"""Seconds between two drawings."""


class Bar:
    """A Progress that draws one line again and again; several threads may report."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._expected = 0
        self._done = 0
        self._begun = time.monotonic()
        self._drawn = 0.0

    def expect(self, size: int) -> None:
        """So many more bytes will be read."""
        with self._lock:
            self._expected += size

    def advance(self, size: int) -> None:
        """So many bytes have been read."""
        with self._lock:
            self._done += size
            now = time.monotonic()
            if now - self._drawn < _EVERY:
                return
            self._drawn = now
            line = self.line(now - self._begun)
        sys.stderr.write(f"\r\x1b[K{line}")
        sys.stderr.flush()

    def line(self, seconds: float) -> str:
        """What is shown after so many seconds."""
        rate = self._done / seconds if seconds > 0 else 0.0
        shown = f"{self._done / 1e6:,.0f} MB, {rate / 1e6:,.0f} MB/s"
        if self._expected <= self._done or not rate:
            return shown
        share = self._done / self._expected
        left = (self._expected - self._done) / rate
        filled = int(share * 20)
        return f"[{'#' * filled}{'.' * (20 - filled)}] {share:4.0%}  {shown}, {left:,.0f} s left"

    def close(self) -> None:
        """Remove the line."""
        if self._drawn:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
