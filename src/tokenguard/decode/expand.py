"""Decompression of a stream in bounded memory.

The standard library's file classes are not used: bz2's and lzma's ignore what follows a stream, lzma's knows
no bound on memory, and the members of a zip are not files.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol

from tokenguard.decode.budget import BrokenWrapping, Layer
from tokenguard.decode.reading import read
from tokenguard.model import Reader

MEMORY_LIMIT = 128 << 20
"""Bytes a decompressor may use; `xz -9` needs 65 MiB."""
_TAKEN = 8 << 10
"""Bytes put in at a time: what is left of them at a stream's end is copied, and streams may be tiny and many."""
_GIVEN = 64 << 10
"""Bytes taken out at a time, at most."""
_LONGEST_HEADER = 16
_TOO_MUCH_MEMORY = f"needs more than {MEMORY_LIMIT >> 20} MiB of memory to be decompressed"


class Decompressor(Protocol):
    """One stream, as `bz2.BZ2Decompressor` and `lzma.LZMADecompressor` have it."""

    @property
    def eof(self) -> bool:
        """Whether the stream's end was reached and its checksum was right."""
        ...

    @property
    def needs_input(self) -> bool:
        """Whether nothing more comes out of what was put in."""
        ...

    @property
    def unused_data(self) -> bytes:
        """What was put in after the end."""
        ...

    def decompress(self, data: bytes, /, max_length: int) -> bytes:
        """Put `data` in and take at most `max_length` bytes out."""
        ...


class Inflater:
    """zlib's decompression object with the interface of the others."""

    def __init__(self, window_bits: int) -> None:
        import zlib

        self._inflate = zlib.decompressobj(window_bits)
        self._full = False

    @property
    def eof(self) -> bool:
        """Whether the stream's end was reached and its checksum was right."""
        return self._inflate.eof

    @property
    def needs_input(self) -> bool:
        """Whether nothing more comes out of what was put in."""
        return not (self._full or self._inflate.unconsumed_tail)

    @property
    def unused_data(self) -> bytes:
        """What was put in after the end."""
        return self._inflate.unused_data

    def decompress(self, data: bytes, /, max_length: int) -> bytes:
        """Put `data` in and take at most `max_length` bytes out."""
        out = self._inflate.decompress(self._inflate.unconsumed_tail + data, max_length)
        # zlib may hold back output although it has taken all input.
        self._full = len(out) == max_length
        return out


def _broken(error: Exception) -> BrokenWrapping:
    """What went wrong in a decompressor, without anything of the data."""
    match error:
        case BrokenWrapping():
            return error
        case ImportError():
            return BrokenWrapping(f"this Python was built without the module {error.name}")
        case MemoryError():
            return BrokenWrapping(_TOO_MUCH_MEMORY)
        case _ if "Memory usage limit" in str(error):
            return BrokenWrapping(_TOO_MUCH_MEMORY)
        case _:
            return BrokenWrapping("corrupt: cannot be decompressed")


class Expanding:
    """Reads what a compressed stream holds. Raises BrokenWrapping, after all that could be read was given."""

    def __init__(
        self,
        source: Reader,
        start: Callable[[], Decompressor],
        layer: Layer,
        *,
        header: re.Pattern[bytes] | None = None,
        bounded: bool = True,
    ) -> None:
        """`header`: what another stream after the first begins with, where there may be several.

        `bounded`: the source ends where the data does, so that whatever follows belongs to it.
        """
        self._source = source
        self._start = start
        self._layer = layer
        self._offset = 0
        self._header = header
        self._bounded = bounded
        self._decompressor = self._begin()
        self._pending = b""
        self._ended = False

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill `buffer` as far as one step of decompression goes; 0 at the end."""
        while len(buffer) and not self._ended:
            if self._decompressor.eof:
                self._next_stream()
            elif out := self._step(min(len(buffer), _GIVEN)):
                self._offset += len(out)
                self._layer.reach(self._offset)
                buffer[: len(out)] = out
                return len(out)
        return 0

    def close(self) -> None:
        """Close the compressed stream."""
        self._source.close()

    def _begin(self) -> Decompressor:
        try:
            return self._start()
        except Exception as error:  # noqa: BLE001 - as in _step
            raise _broken(error) from None

    def _step(self, size: int) -> bytes:
        """At most `size` bytes more, perhaps none."""
        data = b""
        if self._decompressor.needs_input:
            data = self._pending or self._take()
            self._pending = b""
            if not data:
                raise BrokenWrapping("cut short: its end is missing")
        try:
            return self._decompressor.decompress(data, max_length=size)
        except Exception as error:  # noqa: BLE001 - hostile data: zlib.error, LZMAError, OSError, EOFError, ValueError
            raise _broken(error) from None

    def _take(self) -> bytes:
        """Some compressed bytes; none at the end. One read at a time, so that a break loses nothing before it."""
        buffer = bytearray(_TAKEN)
        return bytes(buffer[: self._source.readinto(memoryview(buffer)) or 0])

    def _next_stream(self) -> None:
        """Go on to another stream. Between streams and after the last there may be zeros, and nothing else."""
        if not self._bounded:
            self._ended = True
            return
        rest = self._decompressor.unused_data.lstrip(b"\0")
        while not rest and (data := self._take()):
            rest = data.lstrip(b"\0")
        if not rest:
            self._ended = True
            return
        rest += read(self._source, _LONGEST_HEADER)
        if self._header is None or not self._header.match(rest):
            raise BrokenWrapping("other data follows its end; of that only the raw bytes were searched")
        self._decompressor = self._begin()
        self._pending = rest
