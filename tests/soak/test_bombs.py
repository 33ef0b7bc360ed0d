"""Archives made to exhaust time or memory, text made to be decoded for ever: told, and nothing else is lost."""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import json
import lzma
import resource
import struct
import sys
import tarfile
import time
import zipfile
import zlib
from typing import TYPE_CHECKING

import pytest

import plant
from proofs.scanning import sha256, tokenguard
from proofs.wrapped import tarred, zipped

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.soak

_GIGABYTE = 1 << 30
_SECONDS = 180


def _compressed(compress: Callable[[], object], size: int) -> bytes:
    """So many zeros, compressed piece by piece."""
    compressor = compress()
    chunk = bytes(1 << 20)
    out = io.BytesIO()
    for _ in range(size // len(chunk)):
        out.write(compressor.compress(chunk))  # type: ignore[attr-defined]  # as all of them have it
    out.write(compressor.flush())  # type: ignore[attr-defined]
    return out.getvalue()


def _gzip(size: int) -> bytes:
    return _compressed(lambda: zlib.compressobj(9, zlib.DEFLATED, 31), size)


def _zip_in_zip(levels: int, width: int) -> bytes:
    data = zipped({"zeros": bytes(64 << 20)})
    for _ in range(levels):
        data = zipped({f"{number}.zip": data for number in range(width)}, zipfile.ZIP_STORED)
    return data


def _nested_gzip(levels: int) -> bytes:
    data = b"innermost " + b"x" * 100
    for _ in range(levels):
        data = gzip.compress(data)
    return data


def _many_members(count: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number in range(count):
            archive.writestr(str(number), b"x")
    return out.getvalue()


def _many_in_tar(count: int) -> bytes:
    header = tarfile.TarInfo("x")
    header.size = 1
    return (header.tobuf() + b"x".ljust(512, b"\0")) * count


def _overlapping(entries: int) -> bytes:
    """A directory whose entries all name the same data."""
    kernel = _compressed(lambda: zlib.compressobj(9, zlib.DEFLATED, -15), 64 << 20)
    local = struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0, 8, 0, 0, 0, len(kernel), 64 << 20, 1, 0) + b"a" + kernel
    entry = struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, 8, 0, 0, 0, len(kernel), 64 << 20, 1, 0, 0, 0, 0, 0, 0)
    directory = (entry + b"a") * entries
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, entries, entries, len(directory), len(local), 0)
    return local + directory + end


def _long_name() -> bytes:
    """A tar whose next name is said to be a gigabyte long."""
    header = tarfile.TarInfo("././@LongLink")
    header.type = b"L"
    header.size = _GIGABYTE
    return header.tobuf() + b"x" * (64 << 20)


def _stretches() -> bytes:
    """Base64 full of what looks like base64 of a prefix."""
    inside = base64.b64encode(b"kbai_pk_" * 3) + b" "
    return (base64.b64encode(inside * 180) + b"\n\n--\n\n") * 400


BOMBS: dict[str, Callable[[], bytes]] = {
    "gzip of 8 GB": lambda: _gzip(8 * _GIGABYTE),
    "gzip in gzip, 8 GB": lambda: gzip.compress(_gzip(8 * _GIGABYTE)),
    "bzip2 of 4 GB": lambda: _compressed(bz2.BZ2Compressor, 4 * _GIGABYTE),
    "xz of 4 GB": lambda: _compressed(lzma.LZMACompressor, 4 * _GIGABYTE),
    "zip in zip in zip": lambda: _zip_in_zip(3, 10),
    "gzip 60 deep": lambda: _nested_gzip(60),
    "zip of 150,000 members": lambda: _many_members(150_000),
    "tar of 200,000 members": lambda: _many_in_tar(200_000),
    "overlapping zip": lambda: _overlapping(10_000),
    "tar in gzip with a name of 1 GB": lambda: gzip.compress(_long_name()),
    "base64 for ever": _stretches,
    "tar in tar in tar": lambda: tarred({"a": tarred({"b": _many_in_tar(120_000)})}),
}


def _limits() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_GIGABYTE, _GIGABYTE))


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the limit does not limit")
@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_is_told_and_nothing_else_is_lost(tmp_path: Path, bomb: str) -> None:
    (tmp_path / "a-bomb").write_bytes(BOMBS[bomb]())
    token = plant.token(plant.KEEBAI)
    (tmp_path / "behind").write_text(token)
    started = time.monotonic()
    done = tokenguard("scan", "files", "--format=json", cwd=tmp_path, before=_limits, timeout=4 * _SECONDS)
    assert done.returncode == 3, done.stderr
    report = json.loads(done.stdout)
    assert report["errors"] == []
    assert any(skipped["what"].startswith("a-bomb") for skipped in report["skipped"])
    assert [finding["token_sha256"] for finding in report["findings"]] == [sha256(token)]
    assert time.monotonic() - started < _SECONDS


@pytest.mark.parametrize("patterns", [1, 20])
def test_rules_of_a_repository_cannot_stall_a_scan(tmp_path: Path, patterns: int) -> None:
    """Patterns that hit at every byte and match nowhere, and a file made for them."""
    rules = "".join(
        f"- id: r{number}\n  title: R\n  severity: low\n  pattern: '[a-z{number % 10}]{{3,60}}(?=!)'\n"
        for number in range(patterns)
    )
    (tmp_path / ".tokenguard.yaml").write_text("rules: [rules.yaml]\n")
    (tmp_path / "rules.yaml").write_text(f"rules:\n{rules}")
    token = plant.token(plant.KEEBAI)
    (tmp_path / "file").write_text("a" * 2_000_000 + "\n" + token)
    done = tokenguard("scan", "files", "--format=json", cwd=tmp_path, timeout=4 * _SECONDS)
    assert done.returncode == 1, done.stderr
    assert sha256(token).encode() in done.stdout
