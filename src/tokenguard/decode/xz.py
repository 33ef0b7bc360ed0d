"""Xz (the .xz file format 1.2): any number of streams in a row, with a bound on the memory a stream may ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokenguard.decode.compressed import CompressedStream
from tokenguard.decode.wrapping import Trigger

if TYPE_CHECKING:
    from tokenguard.decode.expand import Decompressor

_MAGIC = b"\xfd7zXZ\0"


def _start() -> Decompressor:
    import lzma

    from tokenguard.decode.expand import MEMORY_LIMIT

    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MEMORY_LIMIT)


XZ = CompressedStream("xz", (Trigger(_MAGIC),), _MAGIC, _start)
