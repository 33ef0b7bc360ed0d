"""Xz (the .xz file format 1.2): any number of streams in a row, with a bound on the memory a stream may ask for."""

from __future__ import annotations

import re

from tokenguard.decode.compressed import CompressedStream
from tokenguard.decode.expand import MEMORY_LIMIT, Decompressor
from tokenguard.decode.wrapping import Trigger

_MAGIC = b"\xfd7zXZ\0"


def _start() -> Decompressor:
    import lzma

    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MEMORY_LIMIT)


XZ = CompressedStream("xz", (Trigger(_MAGIC),), re.compile(re.escape(_MAGIC)), _start)
