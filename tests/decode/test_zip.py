"""Zip: every way of packing, damaged and hostile ones, and programs that merely know the format."""

from __future__ import annotations

import io
import os
import shutil
import stat
import struct
import subprocess
import sys
import zipapp
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tokenguard.decode import zip_archive
from tokenguard.decode.budget import Budget
from tokenguard.decode.zip import Zip
from tokenguard.model import Blob

Unpack = Callable[..., Any]
END_MAGIC = b"PK\x05\x06"


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED, comment: bytes = b"") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.comment = comment
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


def whys(out: Any) -> list[tuple[str, str]]:
    return [(skipped.what, skipped.why) for skipped in out.skipped]


METHODS = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]


@pytest.mark.parametrize("method", METHODS)
def test_every_method(unpacked: Unpack, method: int, token: bytes) -> None:
    noise = os.urandom(200_000)
    members = {"empty": b"", "folder/": b"", "conf/a.env": b"KEY=" + token, "b.bin": noise}
    out = unpacked(zipped(members, method))
    assert {name: out.texts[(f"zip:{name}",)] for name in members} == members
    assert out.skipped == []


def test_names_and_comments(unpacked: Unpack, fresh_token: Callable[[str], str]) -> None:
    of_name, of_member, of_archive = (fresh_token("keebai-api-key").encode() for _ in range(3))
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        info = zipfile.ZipInfo("é/" + of_name.decode())
        info.comment = of_member
        archive.writestr(info, b"text")
        archive.comment = b"x" * 60_000 + of_archive
    out = unpacked(file.getvalue())
    assert of_name in out.texts[("zip:member names",)]
    assert of_member in out.texts[("zip:comments",)]
    assert of_archive in out.texts[("zip:comments",)]
    assert out.skipped == []


def test_written_to_a_pipe(unpacked: Unpack, token: bytes) -> None:
    """Sizes and checksum follow the data."""

    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.data = bytearray()

        def writable(self) -> bool:
            return True

        def write(self, data: Any, /) -> int:
            self.data += data
            return len(data)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("one", b"1" * 1000)
        archive.writestr("two", token)
    out = unpacked(bytes(pipe.data))
    assert out.holds(token) == [("zip:two",)]
    assert out.skipped == []


def test_a_program_in_front(unpacked: Unpack, token: bytes, tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app/__main__.py").write_bytes(b"KEY = '" + token + b"'" + b" " * 300)
    zipapp.create_archive(tmp_path / "app", tmp_path / "app.pyz", "/usr/bin/python3", compressed=True)
    for stub in (b"", b"MZ" + os.urandom(100_000)):
        out = unpacked(stub + (tmp_path / "app.pyz").read_bytes())
        assert out.holds(token) == [("zip:__main__.py",)]
        assert out.skipped == []


def test_zip64(unpacked: Unpack, token: bytes) -> None:
    file = io.BytesIO()
    with (
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("big", "w", force_zip64=True) as member,
    ):
        member.write(token)
    out = unpacked(file.getvalue())
    assert out.holds(token) == [("zip:big",)]
    assert out.skipped == []


@pytest.mark.skipif(shutil.which("zip") is None, reason="the program zip is not installed")
def test_the_program_zip(unpacked: Unpack, token: bytes, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(token + b" " * 500)
    (tmp_path / "open").write_bytes(token + b" " * 500)
    for options in (["a.zip", "open"], ["-P", "password", "a.zip", "secret"]):
        subprocess.run(["zip", *options], cwd=tmp_path, check=True, capture_output=True)
    out = unpacked((tmp_path / "a.zip").read_bytes())
    assert out.holds(token) == [("zip:open",)]
    assert whys(out) == [("it!zip:secret", "encrypted; decrypt it and scan what comes out")]


def test_a_method_that_is_not_read(unpacked: Unpack, token: bytes) -> None:
    packed = zipped({"one": b"1" * 100, "two": token})
    for offset in (packed.index(b"PK\x03\x04") + 8, packed.index(b"PK\x01\x02") + 10):
        packed = packed[:offset] + struct.pack("<H", 93) + packed[offset + 2 :]
    out = unpacked(packed)
    assert out.holds(token) == [("zip:two",)]
    assert [what for what, why in whys(out) if "93 (Zstandard)" in why] == ["it!zip:one"]


def test_a_wrong_checksum_names_the_member_and_keeps_its_text(unpacked: Unpack, token: bytes) -> None:
    packed = bytearray(zipped({"bad": token, "good": token}, zipfile.ZIP_STORED))
    packed[packed.index(b"PK\x01\x02") + 16] ^= 1
    out = unpacked(bytes(packed))
    assert out.holds(token) == [("zip:bad",), ("zip:good",)]
    assert whys(out) == [("it!zip:bad", "corrupt: its checksum is wrong")]


@pytest.mark.parametrize("method", METHODS[1:])
def test_corrupt_data(unpacked: Unpack, method: int, token: bytes) -> None:
    packed = bytearray(zipped({"bad": os.urandom(5000), "good": token}, method))
    packed[2000:2100] = bytes(100)
    out = unpacked(bytes(packed))
    assert out.holds(token) == [("zip:good",)]
    assert [what for what, why in whys(out) if why.startswith(("corrupt", "cut short"))] == ["it!zip:bad"]


def test_members_that_overlap(unpacked: Unpack, token: bytes) -> None:
    """Many entries of one directory that share the same data: how a small zip becomes a large bomb."""
    packed = zipped({"a": token, "b": token, "c": token}, zipfile.ZIP_STORED)
    offset_of_b = packed.index(b"PK\x03\x04", 1)
    directory_entry = packed.index(b"PK\x01\x02", packed.index(b"PK\x01\x02") + 1)
    shared = packed[: directory_entry + 42] + struct.pack("<L", 0) + packed[directory_entry + 46 :]
    out = unpacked(shared)
    assert ("it!zip:a", "corrupt: its data overlaps what comes next") in whys(out)
    assert offset_of_b
    assert ("zip:c",) in out.holds(token)


def test_cut_short(unpacked: Unpack, token: bytes) -> None:
    """The directory is gone: what lies whole in the rest is found, and the loss is named."""
    packed = zipped({"first": token, "second": os.urandom(50_000), "third": b"3"})
    out = unpacked(packed[:30_000])
    assert out.holds(token) == [("zip:first",)]
    assert whys(out)[0][0] == "it"
    assert "directory cannot be read" in whys(out)[0][1]
    assert [why for what, why in whys(out) if what == "it!zip:second"] == [
        "cut short: the archive ends before its data does"
    ]


def test_cut_anywhere(unpacked: Unpack, token: bytes) -> None:
    packed = zipped({"a.txt": token, "b.txt": b"text " * 20})
    for size in range(4, len(packed)):
        assert unpacked(packed[:size]).skipped, f"cut at {size} and called complete"


def test_every_byte_damaged(unpacked: Unpack, token: bytes) -> None:
    """Never an exception; and both members' texts as they were, or something skipped."""
    members = {"a.txt": token, "b.txt": b"text " * 20}
    packed = zipped(members)
    for index in range(len(packed)):
        damaged = bytearray(packed)
        damaged[index] ^= 0xFF
        out = unpacked(bytes(damaged))
        texts = list(out.texts.values())
        assert out.skipped or all(text in texts for text in members.values()), index


def test_a_name_that_is_not_what_its_flag_says(unpacked: Unpack, token: bytes) -> None:
    """One such name makes Python's ZipFile refuse the whole archive."""
    packed = zipped({"é": b"1", "b": token}).replace("é".encode(), b"\xff\xfe")
    out = unpacked(packed)
    assert out.holds(token) == [("zip:b",)]
    assert out.skipped


def test_entries_that_the_directory_does_not_list(unpacked: Unpack, token: bytes) -> None:
    hidden, shown = zipped({"hidden": token + b" " * 100}), zipped({"shown": b"text"})
    out = unpacked(hidden + shown)
    assert out.holds(token) == [("zip:hidden",)]
    between = shown.index(b"PK\x01\x02")
    entry = hidden[: hidden.index(b"PK\x01\x02")]
    directory = shown[between:-22] + shown[-22:-6] + struct.pack("<L", between + len(entry)) + shown[-2:]
    out = unpacked(shown[:between] + entry + directory)
    assert out.holds(token) == [("zip:hidden",)]
    assert ("zip:shown",) in out.texts


@pytest.mark.parametrize(
    "text",
    [
        b"MAGIC = b'PK\x05\x06'",
        b"\x7fELF" + b"\xc7\x45PK\x05\x06" * 3 + b"PK\x03\x04\xe8\x12" * 50 + bytes(60),
        END_MAGIC,
        b"x" + END_MAGIC + b"\xff" * 18,
    ],
)
def test_a_program_that_knows_the_format_is_no_zip(unpacked: Unpack, text: bytes) -> None:
    if text.startswith(b"PK"):
        assert unpacked(text).skipped, "it begins like a zip and is none"
    else:
        assert unpacked(text).skipped == []
        assert unpacked(text + os.urandom(100_000)).skipped == []


def test_the_interpreter_itself_is_no_zip(unpacked: Unpack) -> None:
    assert unpacked(Path(zipfile.__file__).read_bytes()).skipped == []
    assert unpacked(Path(sys.executable).read_bytes()).skipped == []


@pytest.mark.parametrize("method", METHODS[1:])
def test_a_bomb_stops_at_the_bound(unpacked: Unpack, method: int) -> None:
    members = {f"{number}": bytes(400_000) for number in range(5)}
    out = unpacked(zipped(members, method), Budget(max_bytes=1_000_000))
    assert {why for _, why in whys(out)} == {"expands to more than 1,000,000 bytes"}
    assert sum(map(len, out.texts.values())) < 1_100_000


def test_too_many_members(unpacked: Unpack) -> None:
    out = unpacked(zipped({f"{number}": b"x" for number in range(20)}), Budget(max_members=10))
    assert whys(out) == [("it", "holds more than 10 members")]
    assert sum(via[0].startswith("zip:") for via in out.texts if via) == 11, "ten members and the names"


def test_a_directory_of_many_megabytes(unpacked: Unpack) -> None:
    directory = (b"PK\x01\x02" + bytes(42)) * 400_000
    end = struct.pack("<4s4H2LH", END_MAGIC, 0, 0, 0xFFFF, 0xFFFF, len(directory), 0, 0)
    (skipped,) = unpacked(directory + end).skipped
    assert "directory is larger than 16 MiB" in skipped.why


def test_an_lzma_member_that_asks_for_too_much_memory(unpacked: Unpack) -> None:
    packed = bytearray(zipped({"a": b"text"}, zipfile.ZIP_LZMA))
    packed[30 + 1 + 5 : 30 + 1 + 9] = struct.pack("<L", 1 << 30)
    assert ["128 MiB of memory" in why for _, why in whys(unpacked(bytes(packed)))] == [True]


def test_a_large_one_in_a_stream(blob_of: Callable[..., Blob], token: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zip_archive, "_MOST_HELD", 1 << 20)
    noise = os.urandom(2 << 20)
    packed = zipped({"a": token, "b": noise})
    for data, skips in ((packed, 1), (b"stub" + packed, 1), (noise + END_MAGIC, 0)):
        assert len(list(Zip().members(blob_of(data, stream=True), Budget()))) == skips


def test_hostile_names_stay_names(unpacked: Unpack, token: bytes) -> None:
    """Nothing is written anywhere: a name that leads out of a folder, or a link, is text like any other."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        link = zipfile.ZipInfo("link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, b"/etc/passwd")
        archive.writestr("../../etc/evil\x1b[31m", token)
    out = unpacked(file.getvalue())
    assert out.texts[("zip:link",)] == b"/etc/passwd"
    assert out.holds(token) == [("zip:../../etc/evil\x1b[31m",)]
