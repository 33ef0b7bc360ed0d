"""What an earlier scan of a repository read, so that the next one reads only what is new.

Facts, not findings: these packs and loose objects were searched by these rules; the history behind these tips was
walked, and exactly these objects were missing. Objects with anything in them are read again every time. A memory
belongs to one object database and one rule set, lies in a folder of the user's alone, and is lost without harm.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tokenguard import __version__
from tokenguard.git.history import Introduction
from tokenguard.git.inventory import Inventory
from tokenguard.git.repository import Repository

_VERSION = 3
_MOST_LOOSE = 100_000
"""A database with more loose objects is due for `git gc`; remembering them would cost more than it saves."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What is known of one object database."""

    packs: tuple[tuple[str, int, int, int], ...] = ()
    loose: frozenset[str] = frozenset()
    objects: int = 0
    """How many objects that is."""
    again: tuple[str, ...] = ()
    """Objects with findings, published samples or something unread in them."""
    tips: tuple[str, ...] = ()
    """Commits behind which everything was proved to be there, but for `missing`."""
    ref_tips: tuple[str, ...] = ()
    """Those of them that refs point at, and not only reflogs."""
    missing: tuple[str, ...] = ()
    introductions: dict[str, tuple[Introduction, ...]] = field(default_factory=dict)
    """Where objects with findings came from, by their ids."""

    def holds(self, inventory: Inventory) -> bool:
        """Whether everything that was read is still there: only then the proof of before counts."""
        return set(self.packs) <= set(inventory.packs) and self.loose <= inventory.loose


def recall(folder: Path | None, repository: Repository, digest: str) -> Memory:
    """The memory of this database for these rules; an empty one when there is none that can be trusted."""
    if folder is None:
        return Memory()
    import json

    path = _file(folder, repository, digest)
    try:
        if path.parent.stat().st_mode & 0o077 or path.stat().st_uid != os.getuid():
            return Memory()
        kept = json.loads(path.read_bytes())
        return Memory(
            packs=tuple((str(name), int(size), int(time), int(inode)) for name, size, time, inode in kept["packs"]),
            loose=frozenset(kept["loose"]),
            objects=int(kept["objects"]),
            again=tuple(kept["again"]),
            tips=tuple(kept["tips"]),
            ref_tips=tuple(kept["ref_tips"]),
            missing=tuple(kept["missing"]),
            introductions={
                oid: tuple(Introduction(**place) for place in places) for oid, places in kept["introductions"].items()
            },
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Memory()


def remember(folder: Path | None, repository: Repository, digest: str, memory: Memory) -> None:
    """Keep the memory for the next scan; a folder that cannot be written is no reason to fail."""
    if folder is None or len(memory.loose) > _MOST_LOOSE:
        return
    import json

    path = _file(folder, repository, digest)
    partial = path.with_suffix(f".{os.getpid()}.new")
    with contextlib.suppress(OSError):
        for private in (folder, path.parent):
            private.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.parent.chmod(0o700)
        kept = asdict(memory) | {"loose": sorted(memory.loose)}
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", encoding="utf-8", errors="surrogateescape") as file:
            json.dump(kept, file, ensure_ascii=True)
        partial.replace(path)


def forget(folder: Path) -> None:
    """Remove every memory."""
    for path in _memories(folder):
        with contextlib.suppress(OSError):
            path.unlink()


def _memories(folder: Path) -> Iterable[Path]:
    return (folder / "repositories").glob("*.json")


def _file(folder: Path, repository: Repository, digest: str) -> Path:
    key = "\0".join((str(_VERSION), __version__, digest, str(repository.common_dir)))
    return folder / "repositories" / f"{hashlib.sha256(os.fsencode(key)).hexdigest()[:32]}.json"
