"""Gzip, bzip2 and xz: several streams, what follows them, cut and corrupt ones, bombs."""

from __future__ import annotations

import bz2
import functools
import gzip
import io
import lzma
import os
import struct
import zlib
from collections.abc import Callable
from typing import Any

import pytest

import plant
from tokenguard.decode.budget import Budget

Compress = Callable[[bytes], bytes]
Unpack = Callable[..., Any]
FORMATS: dict[str, Compress] = {"gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress}


@pytest.fixture(params=FORMATS)
def name(request: pytest.FixtureRequest) -> str:
    value: str = request.param
    return value


@pytest.fixture
def compress(name: str) -> Compress:
    return FORMATS[name]


def text_with(token: bytes, size: int = 300_000) -> bytes:
    """Bytes that do not compress, the token in their middle."""
    noise = os.urandom(size // 2)
    return noise + b"\n" + token + b"\n" + noise


@functools.cache
def large(name: str) -> tuple[bytes, bytes]:
    """A token and two megabytes that do not compress, packed; and the token. Made once: it is most of a test's time."""
    token = plant.token(plant.BINBOI_ACCESS).encode()
    return FORMATS[name](token + b"\n" + os.urandom(2_000_000)), token


@functools.cache
def around_the_chunk(name: str) -> tuple[tuple[bytes, bytes], ...]:
    """What ends within some bytes of the end of what is read at once, and itself packed."""
    noise = os.urandom(65_700)
    return tuple((noise[:size], FORMATS[name](noise[:size])) for size in range(65_436, 65_600, 7))


def test_one_stream(unpacked: Unpack, name: str, compress: Compress, token: bytes) -> None:
    text = text_with(token)
    out = unpacked(compress(text))
    assert out.texts[(name,)] == text
    assert out.skipped == []


def test_several_streams_and_zeros(unpacked: Unpack, name: str, compress: Compress, token: bytes) -> None:
    text = text_with(token)
    out = unpacked(compress(b"one ") + compress(b"") + bytes(8) + compress(text) + bytes(100_000))
    assert out.texts[(name,)] == b"one " + text
    assert out.skipped == []


def test_streams_of_all_lengths_around_the_chunk(unpacked: Unpack, name: str, compress: Compress) -> None:
    """The end of a stream may fall on either side of the end of what was read."""
    for text, packed in around_the_chunk(name):
        out = unpacked(packed + compress(b"second"))
        assert out.texts[(name,)] == text + b"second"
        assert out.skipped == []


def test_much_from_little(unpacked: Unpack, name: str, compress: Compress) -> None:
    out = unpacked(compress(bytes(5_000_000) + b"end"))
    assert len(out.texts[(name,)]) == 5_000_003
    assert out.skipped == []


def test_other_data_behind_it(unpacked: Unpack, name: str, compress: Compress, token: bytes) -> None:
    out = unpacked(compress(token) + b"no stream")
    assert out.texts[(name,)] == token
    assert [(skipped.what, "follows" in skipped.why) for skipped in out.skipped] == [(f"it!{name}", True)]


def test_cut_short(unpacked: Unpack, name: str) -> None:
    packed, token = large(name)
    for size in (len(packed) - 1, len(packed) - 9, len(packed) * 3 // 4):
        out = unpacked(packed[:size])
        assert out.holds(token), "what came before the cut is kept"
        assert ["cut short" in skipped.why for skipped in out.skipped] == [True]


def test_corrupt(unpacked: Unpack, name: str) -> None:
    whole, token = large(name)
    packed = bytearray(whole)
    packed[len(packed) * 3 // 4] ^= 0x55
    out = unpacked(bytes(packed))
    assert out.holds(token)
    assert ["corrupt" in skipped.why for skipped in out.skipped] == [True]


def test_every_byte_damaged(unpacked: Unpack, name: str, compress: Compress) -> None:
    """Each time: an exact result, or something skipped; never an exception, never in silence."""
    text = b"some text, some more text\n" * 3
    packed = compress(text)
    for index in range(len(packed)):
        damaged = bytearray(packed)
        damaged[index] ^= 0xFF
        out = unpacked(bytes(damaged))
        inside = out.texts.get((name,))
        assert inside == text or out.skipped or inside is None, index


def test_a_bomb_stops_at_the_bound(unpacked: Unpack, name: str, compress: Compress) -> None:
    out = unpacked(compress(bytes(3_000_000)), Budget(max_bytes=1_000_000))
    assert len(out.texts[(name,)]) <= 1_000_000
    assert [skipped.why for skipped in out.skipped] == ["expands to more than 1,000,000 bytes"]


def test_a_header_alone_is_no_stream(unpacked: Unpack) -> None:
    out = unpacked(b"\x1f\x8b\x08\xe0 reserved flags")
    assert out.skipped == []
    assert unpacked(b"a text about 1AY&SY and \xfd7zXZ\0").skipped == []


def test_the_name_and_comment_in_a_gzip_header(unpacked: Unpack, token: bytes) -> None:
    """They are not compressed: the raw bytes have them. They are no obstacle, whatever their length."""
    header = b"\x1f\x8b\x08" + bytes([0x02 | 0x04 | 0x08 | 0x10]) + bytes(6)
    header += struct.pack("<H", 3) + b"ext" + token * 3000 + b"\0" + b"comment\0"
    header += struct.pack("<H", zlib.crc32(header) & 0xFFFF)
    deflate = zlib.compressobj(wbits=-15)
    body = deflate.compress(b"inside") + deflate.flush()
    out = unpacked(header + body + struct.pack("<LL", zlib.crc32(b"inside"), 6))
    assert out.texts[("gzip",)] == b"inside"
    assert out.skipped == []


def test_an_xz_that_asks_for_too_much_memory(unpacked: Unpack) -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 512 << 20, "mf": lzma.MF_HC3, "mode": lzma.MODE_FAST}]
    try:
        packed = lzma.compress(b"small", filters=filters)
    except MemoryError:
        pytest.skip("not enough memory to make it")
    out = unpacked(packed)
    assert ["128 MiB of memory" in skipped.why for skipped in out.skipped] == [True]


def test_xz_without_a_checksum_and_with_filters(unpacked: Unpack, token: bytes) -> None:
    filters = [{"id": lzma.FILTER_X86}, {"id": lzma.FILTER_LZMA2, "preset": 9}]
    out = unpacked(lzma.compress(token, check=lzma.CHECK_NONE, filters=filters))
    assert out.holds(token) == [("xz",)]


def test_the_files_of_the_standard_library(unpacked: Unpack, token: bytes) -> None:
    file = io.BytesIO()
    with gzip.GzipFile("name", "wb", fileobj=file) as packed:
        packed.write(b"a")
        packed.flush()
        packed.write(token)
    assert unpacked(file.getvalue()).texts[("gzip",)] == b"a" + token
