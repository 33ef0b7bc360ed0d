"""Bzip2: any number of streams in a row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokenguard.decode.compressed import CompressedStream
from tokenguard.decode.wrapping import Trigger

if TYPE_CHECKING:
    from tokenguard.decode.expand import Decompressor

# Binary-coded pi begins every block, the square root of pi the end of a stream.
_BLOCK = b"1AY&SY"
_END = b"\x17rE8P\x90"


def _start() -> Decompressor:
    import bz2

    return bz2.BZ2Decompressor()


BZIP2 = CompressedStream("bzip2", (Trigger(_BLOCK),), rb"BZh[1-9](?:%b|%b)" % (_BLOCK, _END), _start)
