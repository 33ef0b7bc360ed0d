"""The folders that an object database consists of, and what in them git passes over in silence.

A pack without an index, a folder that may not be read, an alternate that is gone: git goes on without, and exits 0.
Layout: gitrepository-layout(5).
"""

from __future__ import annotations

import codecs
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from tokenguard.git.repository import Repository
from tokenguard.model import Skipped


def faults(repository: Repository) -> Iterator[Skipped]:
    """Everything in the database, and in those that it borrows from, that git does not see."""
    waiting, seen = [repository.objects_dir], set[Path]()
    while waiting:
        folder = waiting.pop()
        if folder in seen:
            continue
        seen.add(folder)
        if folder.is_dir():
            yield from _unseen(folder)
            with contextlib.suppress(FileNotFoundError):
                waiting += _alternates(folder)
        else:
            yield Skipped(str(folder), "objects are borrowed from it (alternates), but it is not there")


def _unseen(objects: Path) -> Iterator[Skipped]:
    """Of one database: folders and packs that cannot be read, and packs without an index."""
    for folder in (objects, *(objects / f"{number:02x}" for number in range(256)), objects / "pack"):
        try:
            with os.scandir(folder):
                pass
        except FileNotFoundError:
            continue
        except OSError as error:
            yield Skipped(str(folder), f"cannot be read: {error.strerror}")
    with contextlib.suppress(OSError):
        for pack in sorted((objects / "pack").glob("*.pack")):
            yield from _unseen_pack(pack)


def _unseen_pack(pack: Path) -> Iterator[Skipped]:
    index = pack.with_suffix(".idx")
    if not index.exists():
        yield Skipped(str(pack), "a pack without an index; make one: git index-pack")
        return
    for file in (pack, index):
        if not os.access(file, os.R_OK):
            yield Skipped(str(file), "cannot be read: permission denied")


def _alternates(objects: Path) -> list[Path]:
    """The databases named in `info/alternates`."""
    lines = (objects / "info" / "alternates").read_bytes().split(b"\n")
    named = [line for line in lines if line and not line.startswith(b"#")]
    unquoted = [_unquoted(line) if line.startswith(b'"') else line for line in named]
    return [Path(os.path.normpath(objects / os.fsdecode(path))) for path in unquoted]


def _unquoted(quoted: bytes) -> bytes:
    """A path that git wrote in quotes, as in C."""
    return codecs.escape_decode(quoted.strip().strip(b'"'))[0]
