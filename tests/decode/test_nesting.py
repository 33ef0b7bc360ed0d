"""Containers in containers in any order, and how deep they are followed."""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenguard.decode.budget import Budget
from tokenguard.model import Blob

Unpack = Callable[..., Any]


def zipped(data: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner", data)
    return file.getvalue()


def tarred(data: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        info = tarfile.TarInfo("inner")
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return file.getvalue()


LAYERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zip:inner": zipped,
    "tar:inner": tarred,
}


@pytest.mark.parametrize("order", list(permutations(LAYERS, 3)), ids=" ".join)
def test_any_order(unpacked: Unpack, order: tuple[str, ...], token: bytes) -> None:
    data = b"KEY=" + token + b"\n"
    for layer in reversed(order):
        data = LAYERS[layer](data)
    out = unpacked(data)
    whole = [via for via in out.holds(token) if len(via) == len(order)]
    assert whole == [order], "found, and by one way only"
    assert out.skipped == []


def test_eight_layers_and_not_nine(unpacked: Unpack, token: bytes) -> None:
    data = token
    for _ in range(8):
        data = gzip.compress(data)
    out = unpacked(data)
    assert out.holds(token) == [("gzip",) * 8]
    assert out.skipped == []
    out = unpacked(gzip.compress(data))
    assert out.holds(token) == []
    assert [(skipped.what, skipped.why) for skipped in out.skipped] == [
        ("it" + "!gzip" * 8, "nested more than 8 deep"),
    ]


def test_a_bomb_of_many_layers_stops(unpacked: Unpack) -> None:
    data = bytes(1 << 20)
    for _ in range(4):
        data = zipped(data) if len(data) % 2 else tarred(gzip.compress(data) * 3)
    out = unpacked(data, Budget(max_bytes=2_000_000))
    assert sum(len(text) for via, text in out.texts.items() if via) < 10_000_000
    assert any("2,000,000" in skipped.why for skipped in out.skipped)


def test_a_broken_layer_outside_keeps_what_is_inside(unpacked: Unpack, token: bytes) -> None:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, data in (("a", zipped(token)), ("b", base64.b64encode(bytes(range(256)) * 4000))):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    packed = gzip.compress(archive.getvalue())
    out = unpacked(packed[: len(packed) * 3 // 4])
    assert out.holds(token) == [("gzip", "tar:a", "zip:inner")]
    assert {skipped.what for skipped in out.skipped} >= {"it!gzip"}


def _sample() -> bytes:
    return zipped(tarred(gzip.compress(b"text " * 50)))


@pytest.mark.parametrize("layer", LAYERS)
@given(
    damage=st.lists(st.tuples(st.integers(0, 2000), st.binary(min_size=1, max_size=8)), min_size=1, max_size=6),
    cut=st.integers(0, 2000),
)
def test_damaged_at_random(
    blob_of: Callable[..., Blob], unpack_all: Unpack, layer: str, damage: list[tuple[int, bytes]], cut: int
) -> None:
    """Hostile data: whatever was written over it, wherever it ends, the worst is a Skipped."""
    data = bytearray(LAYERS[layer](_sample()))
    for position, text in damage:
        start = position % len(data)
        data[start : start + len(text)] = text
    del data[max(1, len(data) - cut % 300) :]
    for stream in (False, True):
        for skipped in unpack_all(blob_of(bytes(data), stream=stream), Budget(max_bytes=1 << 22)).skipped:
            assert skipped.what.startswith("it")
            assert skipped.why
