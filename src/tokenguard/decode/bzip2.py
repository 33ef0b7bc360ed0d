"""Bzip2: any number of streams in a row."""

from __future__ import annotations

import re

from tokenguard.decode.compressed import CompressedStream
from tokenguard.decode.expand import Decompressor
from tokenguard.decode.wrapping import Trigger

# Binary-coded pi begins every block, the square root of pi the end of a stream.
_BLOCK = b"1AY&SY"
_END = b"\x17rE8P\x90"


def _start() -> Decompressor:
    import bz2

    return bz2.BZ2Decompressor()


BZIP2 = CompressedStream(
    "bzip2",
    (Trigger(_BLOCK),),
    re.compile(rb"BZh[1-9](?:" + re.escape(_BLOCK) + rb"|" + re.escape(_END) + rb")"),
    _start,
)
