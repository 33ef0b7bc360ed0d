"""Tar: all formats, damaged ones, and members that are read again."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tokenguard.decode import tar_archive
from tokenguard.decode.budget import Budget
from tokenguard.decode.tar import Tar
from tokenguard.model import Blob

Unpack = Callable[..., Any]
FORMATS = [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]


def tarred(members: dict[str, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=form) as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return file.getvalue()


def whys(out: Any) -> list[tuple[str, str]]:
    return [(skipped.what, skipped.why) for skipped in out.skipped]


@pytest.mark.parametrize("form", FORMATS)
def test_every_format(unpacked: Unpack, form: int, token: bytes) -> None:
    noise = os.urandom(10_000)
    members = {"a/b.env": b"KEY=" + token, "noise": noise, "x" * 90 + "/" + "y" * 80: b"long", "size": bytes(512)}
    out = unpacked(tarred(members, form))
    assert {name: out.texts[(f"tar:{name}",)] for name in members} == members
    assert all(name in out.texts[("tar:member names",)].decode() for name in members)
    assert out.skipped == []


@pytest.mark.parametrize("form", FORMATS[1:])
def test_very_long_names_and_other_alphabets(unpacked: Unpack, form: int, token: bytes) -> None:
    name = "é" * 300 + "/" + "漢" * 100
    out = unpacked(tarred({name: token}, form))
    assert out.holds(token) == [(f"tar:{name}",)]


@pytest.mark.parametrize("form", FORMATS)
def test_names_links_and_folders(unpacked: Unpack, form: int, fresh_token: Callable[[str], str]) -> None:
    tokens = [fresh_token("keebai-api-key") for _ in range(4)]
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=form) as archive:
        for name, kind, target in (
            (tokens[0], tarfile.REGTYPE, ""),
            ("link", tarfile.SYMTYPE, "../" + tokens[1]),
            ("hard", tarfile.LNKTYPE, tokens[2]),
            (tokens[3], tarfile.DIRTYPE, ""),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            archive.addfile(info)
    names = unpacked(file.getvalue()).texts[("tar:member names",)].decode()
    assert all(token in names for token in tokens)


def test_headers_of_pax(unpacked: Unpack, token: bytes) -> None:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", pax_headers={"comment": "global"}) as archive:
        info = tarfile.TarInfo("a")
        info.pax_headers = {"comment": token.decode(), "SCHILY.xattr.user.note": "local"}
        info.size = 4
        archive.addfile(info, io.BytesIO(b"text"))
    out = unpacked(file.getvalue())
    assert out.holds(token) == [("tar:member names",)]
    assert out.texts[("tar:a",)] == b"text"


@pytest.mark.skipif(shutil.which("tar") is None, reason="the program tar is not installed")
@pytest.mark.parametrize("form", ["gnu", "oldgnu", "pax", "posix", "ustar", "v7"])
def test_the_program_tar(unpacked: Unpack, form: str, token: bytes, tmp_path: Path) -> None:
    sparse = tmp_path / "sparse"
    with sparse.open("wb") as file:
        for number in range(40):
            file.seek(number * 1_000_000)
            file.write(b"block %d " % number + (token if number == 39 else b""))
    (tmp_path / "after").write_bytes(token)
    options = ["-C", str(tmp_path), f"--format={form}", *([] if form in {"v7", "ustar"} else ["-S"])]
    data = subprocess.run(["tar", *options, "-c", "sparse", "after"], check=True, capture_output=True).stdout
    out = unpacked(data)
    assert token in data
    if form != "v7":  # it has no magic number, and is searched as it lies
        assert ("tar:after",) in out.holds(token)
        assert len(out.holds(token)) == 2
    assert out.skipped == []


def test_cut_short(unpacked: Unpack, token: bytes) -> None:
    packed = tarred({"a": token, "b": b"x" * 10_000, "c": token})
    out = unpacked(packed[:8000])
    assert out.holds(token) == [("tar:a",)]
    assert len(out.texts[("tar:b",)]) > 5000
    assert whys(out) == [("it!tar:b", "cut short: the archive ends before its data does")]


def test_a_corrupt_header_does_not_end_it(unpacked: Unpack, token: bytes) -> None:
    """Python's TarFile takes such a header for the end, and says nothing."""
    packed = bytearray(tarred({"a": b"1", "b": b"2", "c": token}, tarfile.USTAR_FORMAT))
    packed[1024 + 100] ^= 0xFF
    out = unpacked(bytes(packed))
    assert out.holds(token) == [("tar:c",)]
    assert [("corrupt: 1,024 bytes before offset 2,048" in why) for _, why in whys(out)] == [True]


def test_two_archives_in_a_row(unpacked: Unpack, token: bytes) -> None:
    out = unpacked(tarred({"a": b"1"}) + tarred({"b": token}))
    assert out.holds(token) == [("tar:b",)]
    assert out.skipped == []


def test_other_data_behind_it(unpacked: Unpack) -> None:
    assert [what for what, _ in whys(unpacked(tarred({"a": b"1"}) + b"what is this"))] == ["it"]


def test_every_byte_damaged(unpacked: Unpack, token: bytes) -> None:
    """Never an exception; and the texts as they were, or something skipped, or a name or date that differs."""
    packed = tarred({"a.txt": token, "b.txt": b"text"}, tarfile.USTAR_FORMAT)[:3072]
    for index in (*range(512), *range(1024, 1536)):
        damaged = bytearray(packed)
        damaged[index] ^= 0xFF
        out = unpacked(bytes(damaged))
        # Without a right checksum in front it is no tar at all; of a checksum, not every byte counts.
        assert out.skipped or index < 512 or {token, b"text"} <= set(out.texts.values()), index


def test_a_header_that_claims_the_impossible(unpacked: Unpack) -> None:
    info = tarfile.TarInfo("huge")
    info.size = 1 << 60
    out = unpacked(info.tobuf(tarfile.GNU_FORMAT) + b"little")
    assert out.texts[("tar:huge",)] == b"little"
    assert [what for what, _ in whys(out)][-1] == "it!tar:huge" or out.skipped


def test_a_long_name_of_many_megabytes(unpacked: Unpack, token: bytes) -> None:
    """It is not read into memory, and the member behind it is still read."""
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 5_000_000
    data = info.tobuf(tarfile.GNU_FORMAT) + b"n" * info.size + bytes(-info.size % 512)
    out = unpacked(data + tarred({"a": token}, tarfile.USTAR_FORMAT))
    assert [token in text for via, text in out.texts.items() if via and "names" not in via[0]] == [True]
    assert ["extended header of 5,000,000 bytes" in why for _, why in whys(out)] == [True]


def test_too_many_members(unpacked: Unpack) -> None:
    out = unpacked(tarred({f"{number}": b"x" for number in range(20)}), Budget(max_members=10))
    assert whys(out) == [("it", "holds more than 10 members")]


@pytest.mark.parametrize("stream", [False, True])
def test_members_that_are_read_again(
    blob_of: Callable[..., Blob], monkeypatch: pytest.MonkeyPatch, *, stream: bool
) -> None:
    """Small ones from memory, large ones from the archive; whether they were read to the end or not at all."""
    monkeypatch.setattr(tar_archive, "_HELD", 1000)
    members = {f"{number}": os.urandom(size) for number, size in enumerate((10, 5000, 700, 20_000, 3000))}
    data = tarred(members)

    def text(member: Blob, most: int = 1 << 20) -> bytes:
        reader = member.open()
        out, buffer = bytearray(), memoryview(bytearray(777))
        while len(out) < most and (count := reader.readinto(buffer)):
            out += buffer[:count]
        reader.close()
        return bytes(out)

    kept = []
    for index, member in enumerate(Tar().members(blob_of(data, stream=stream), Budget())):
        assert isinstance(member, Blob)
        assert member.rereadable
        if index % 2:
            text(member, 500)
        if index < len(members):
            kept.append(member)
    for member in kept:
        assert text(member) == text(member) == members[member.origin.via[0].removeprefix("tar:")]


def test_text_about_tar_is_none(unpacked: Unpack) -> None:
    assert unpacked(b"x" * 257 + b"ustar\x0000" + b"x" * 600).skipped == []
    assert unpacked(b"ustar").skipped == []
