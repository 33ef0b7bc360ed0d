"""Root, for a while, without its licence to read and write what a file forbids: CI often is root.

Only the calling thread, and no program that it starts: root gets all its rights back there.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterator

_VERSION_3 = 0x20080522
_OVERRIDES = 1 << 1 | 1 << 2
"""CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH: capabilities(7)."""


@contextlib.contextmanager
def ordinary_user() -> Iterator[bool]:
    """Files that forbid it are closed to this thread; false where that cannot be had."""
    if os.geteuid() != 0:
        yield True
    elif sys.platform != "linux":
        yield False
    else:
        before = _effective()
        _effective(before & ~_OVERRIDES)
        try:
            yield True
        finally:
            _effective(before)


def _effective(wanted: int | None = None) -> int:
    """The first 32 effective capabilities of this thread, after they were set to `wanted`: capset(2)."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_VERSION_3, 0)
    data = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; then the same of the upper 32
    failed = libc.capget(header, data)
    if wanted is not None and not failed:
        data[0] = wanted
        failed = libc.capset(header, data)
    if failed:
        raise OSError(ctypes.get_errno(), "capabilities")
    return data[0]
