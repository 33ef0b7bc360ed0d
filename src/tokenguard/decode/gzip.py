"""Gzip (RFC 1952): any number of members in a row. Name and comment in its header are not compressed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokenguard.decode.compressed import CompressedStream
from tokenguard.decode.wrapping import Trigger

if TYPE_CHECKING:
    from tokenguard.decode.expand import Decompressor

_WITH_GZIP_HEADER = 31
"""zlib's code for its largest window and gzip's header and checksum."""


def _start() -> Decompressor:
    from tokenguard.decode.expand import Inflater

    return Inflater(_WITH_GZIP_HEADER)


GZIP = CompressedStream("gzip", (Trigger(b"\x1f\x8b\x08"),), rb"\x1f\x8b\x08[\x00-\x1f]", _start)
