"""What the object database consists of right now: its packs with what tells them apart, and its loose objects."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from tokenguard.git.repository import Repository
from tokenguard.git.runner import Git
from tokenguard.model.lazy_dataclass import dataclass

_HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class Inventory:
    """Packs and loose objects of one database."""

    packs: tuple[tuple[str, int, int, int], ...]
    """Name, size in bytes, time of change in ns, inode: a pack with the same four is the same pack."""
    loose: frozenset[str]


def take(repository: Repository) -> Inventory | None:
    """The inventory; None for a database that borrows from others, or cannot be listed."""
    folder = repository.objects_dir
    if (folder / "info" / "alternates").exists():
        return None
    try:
        return Inventory(tuple(sorted(_packs(folder / "pack"))), frozenset(_loose(folder)))
    except OSError:
        return None


def _packs(folder: Path) -> Iterator[tuple[str, int, int, int]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(".pack"):
                status = entry.stat()
                yield entry.name, status.st_size, status.st_mtime_ns, status.st_ino


def _loose(folder: Path) -> Iterator[str]:
    with os.scandir(folder) as entries:
        fans = [entry for entry in entries if len(entry.name) == 2 and _HEX.issuperset(entry.name)]
    for fan in fans:
        with os.scandir(fan.path) as files:
            yield from (fan.name + file.name for file in files if _HEX.issuperset(file.name))


def pack_objects(git: Git, pack: str) -> Iterator[bytes]:
    """The ids of the objects in a pack, by its index.

    Raises:
        GitError: the index cannot be read.
    """
    index = (git.repository.objects_dir / "pack" / pack).with_suffix(".idx")
    for line in git.run("show-index", stdin=index.read_bytes()).splitlines():
        yield line.split()[1]
