"""Undoing a history's own byte encoding while it is read, without moving a line.

A decoder sees the bytes in pieces of any size. Where it finds a line break that the format packed
into one line, it gives a space, so that line numbers stay those of the file.
"""

from __future__ import annotations

from typing import Protocol

from tokenguard.model import Reader

_CHUNK = 1 << 16


class Decoder(Protocol):
    """The shape of the standard library's incremental decoders, from bytes to bytes."""

    def decode(self, data: bytes, *, final: bool) -> bytes:
        """What `data` stands for; an unfinished escape at its end is kept for the next call unless `final`."""
        ...


class DecodedReader:
    """A Reader of what another Reader's bytes stand for, holding one chunk at a time."""

    __slots__ = ("_decoders", "_ended", "_pending", "_reader")

    def __init__(self, reader: Reader, decoders: tuple[Decoder, ...]) -> None:
        self._reader = reader
        self._decoders = decoders
        self._pending = memoryview(b"")
        self._ended = False

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill `buffer` as far as possible; 0 at the end."""
        filled = 0
        while filled < len(buffer) and (self._pending or self._refill()):
            count = min(len(self._pending), len(buffer) - filled)
            buffer[filled : filled + count] = self._pending[:count]
            self._pending = self._pending[count:]
            filled += count
        return filled

    def close(self) -> None:
        """Close the reader behind."""
        self._reader.close()

    def _refill(self) -> bool:
        """Decode until something is pending; False at the end."""
        buffer = bytearray(_CHUNK)
        while not self._pending and not self._ended:
            count = self._reader.readinto(memoryview(buffer)) or 0
            self._ended = count == 0
            data = bytes(buffer[:count])
            for decoder in self._decoders:
                data = decoder.decode(data, final=self._ended)
            self._pending = memoryview(data)
        return bool(self._pending)
