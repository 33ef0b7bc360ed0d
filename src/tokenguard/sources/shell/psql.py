"""psql: one statement a line, its line breaks stored as the byte 0x01 (NL_IN_HISTORY)."""

from __future__ import annotations


class LineBreaksToSpaces:
    """Decoder that shows the packed line breaks as spaces."""

    __slots__ = ()

    def decode(self, data: bytes, *, final: bool) -> bytes:  # noqa: ARG002 - a single byte is never unfinished
        """See `Decoder.decode`."""
        return data.replace(b"\x01", b" ")
