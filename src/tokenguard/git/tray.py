"""Many objects at once in memory: one git fills the two halves of a tray in turn, and nobody copies.

On Linux git writes into anonymous shared memory whose pages are used again for each load: a pipe costs three times as
much kernel time (measured: 2.9 s against 0.9 s for 2.2 GB), and a socket pair twice. Elsewhere a pipe is read into
the tray. While one half is searched git fills the other. A load ends with the answer to a request that names nothing,
upon which git flushes its output.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import threading
import time
from collections.abc import Sequence

from tokenguard.git.runner import Git, Process

CAPACITY = 16 << 20
"""Bytes of one half; larger objects are read by themselves."""
OBJECTS = 16_384
"""Objects of one load at the most: their ids are written before anything is read."""

_RATE = 1.5e9
"""Bytes a second that git gives at best: how long to wait before looking again."""
_SHORTEST, _LONGEST = 0.0002, 0.02
_SHARED = hasattr(os, "memfd_create")
_ASKED = 1 << 20
"""Bytes of requests that wait in a pipe: with less, asking would wait for git to have answered most of them."""


class Tray:
    """One `git cat-file --batch` and the memory that it fills; a thread's own."""

    def __init__(self, git: Git, *, shared: bool = _SHARED) -> None:
        self._git = git
        self._process: Process | None = None
        # Nobody can know it: an object that held the end of an answer would have the rest of it taken for others.
        self._end = b"tokenguard/" + os.urandom(16).hex().encode()
        self._ended = self._end + b" missing\n"
        self._room = CAPACITY + len(self._ended)
        self._file = os.memfd_create("tokenguard", os.MFD_CLOEXEC) if shared else None
        if self._file is not None:
            os.ftruncate(self._file, 2 * self._room)
            self._memory: mmap.mmap | bytearray = mmap.mmap(self._file, 2 * self._room)
        else:
            self._memory = bytearray(2 * self._room)
        self._all = memoryview(self._memory)
        self._half = 0
        self._view = self._all[: self._room]
        self._size = 0
        self._asking: threading.Thread | None = None
        self.spilled = False
        """Git gave more than the half holds in the last load, and may have written over the other one."""
        self.ended = False
        """Git answered the last load to its end, and can be asked for the next one before this one is looked at."""

    def load(self, lines: Sequence[bytes], size: int) -> memoryview:
        """Ask for the objects, and take what git gives of them."""
        self.ask(lines, size)
        return self.take()

    def ask(self, lines: Sequence[bytes], size: int) -> None:
        """Have git fill the half that was not taken last.

        `lines` are `<oid> <type> <size>` with a line feed; `size` is what the answer should take.
        """
        process = self._process or self._start()
        self._half ^= 1
        start = self._half * self._room
        self._view, self._size = self._all[start : start + self._room], size
        width = lines[0].index(b" ") if lines else 0  # of the ids of one repository
        request = b"\n".join([*[line[:width] for line in lines], self._end, b""])
        if self._file is not None:
            # The descriptor, and so its offset, is the same as git's.
            os.lseek(self._file, start, os.SEEK_SET)
            _write(process, request)
        else:
            # Beside reading: git stops listening while nobody reads.
            self._asking = threading.Thread(target=_write, args=(process, request), daemon=True)
            self._asking.start()

    def take(self) -> memoryview:
        """What git gave of what was asked for: less than the size that was said where it broke off.

        The view is good until the load after the next is asked for.
        """
        filled = self._written() if self._asking is None else self._piped(self._asking)
        self.ended = self._whole(filled)
        # Full and without an end: git may be writing on, beyond the half, until it is killed.
        self.spilled = self._file is not None and filled == self._room and not self.ended
        if self.ended:
            return self._view[: filled - len(self._ended)]
        self._restart()
        return self._view[:filled]

    @property
    def _base(self) -> int:
        return self._half * self._room

    def _whole(self, filled: int) -> bool:
        """Whether what git has said so far ends with the last answer."""
        return self._view[max(0, filled - len(self._ended)) : filled] == self._ended

    def _start(self) -> Process:
        self._process = self._git.start("cat-file", "--batch", "--buffer", stdin=True, stdout=self._file)
        _widen(self._process)
        return self._process

    def _restart(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process = None

    def _filled(self, file: int) -> int:
        """Where git's next byte goes, from the start of the half."""
        return min(os.lseek(file, 0, os.SEEK_CUR) - self._base, self._room)

    def _written(self) -> int:
        """The bytes that git wrote into the memory until it had answered everything, ended, or found no more room."""
        if self._file is None or self._process is None:
            return 0
        while True:
            running = self._process.running
            filled = self._filled(self._file)
            if not running or filled == self._room or self._whole(filled):
                return filled
            # Nothing wakes us when git has written into memory: look again when it can be done at best.
            time.sleep(min(max((self._size - filled) / _RATE, _SHORTEST), _LONGEST))

    def _piped(self, asking: threading.Thread) -> int:
        """As above, read from a pipe."""
        if self._process is None:
            return 0
        filled = 0
        readinto = self._process.stdout.readinto  # type: ignore[attr-defined]  # unbuffered: FileIO
        while not self._whole(filled) and (count := readinto(self._view[filled:])):
            filled += count
        if not self._whole(filled):
            self._process.kill()  # else it might wait for us to read on, and we for it to be asked
        asking.join()
        self._asking = None
        return filled

    def close(self) -> None:
        """End git and give the memory back."""
        self._restart()
        if self._file is not None:
            with contextlib.suppress(BufferError):  # a search that failed may still hold a part of the view
                self._view.release()
                self._all.release()
                if isinstance(self._memory, mmap.mmap):
                    self._memory.close()
            os.close(self._file)


def _write(process: Process, request: bytes) -> None:
    with contextlib.suppress(OSError):
        process.stdin.write(request)


def _widen(process: Process) -> None:
    """Let a whole load's requests wait in the pipe, where the system lets us."""
    with contextlib.suppress(ImportError, AttributeError, OSError):
        import fcntl

        fcntl.fcntl(process.stdin.fileno(), fcntl.F_SETPIPE_SZ, _ASKED)
