"""What of a range can still be told where git breaks off, because an object of the history is not there.

Git walks no history with a hole in it and compares no commit whose parent or tree is missing. Here commits and trees
are read one by one, what is missing is Skipped by name, and all the rest is told. Formats: gitformat-commit, and a tree
is `mode SP name NUL id` again and again. Renames are not looked for: what was moved counts as new.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Iterator, Sequence

from tokenguard.git.objects import ObjectReader, UnreadableObjectError
from tokenguard.git.raw_diff import ABSENT, TREE, Difference, Side
from tokenguard.model import Skipped
from tokenguard.model.lazy_dataclass import dataclass, field

_ENTRY = re.compile(rb"([0-7]{5,6}) ([^\0/]+)\0")
_HEADER = re.compile(rb"^(tree|parent|object) ([0-9a-f]{40}(?:[0-9a-f]{24})?)$")
_REMEDY = "fetch or restore it (git fsck names all that are missing)"

Entries = dict[bytes, tuple[str, str]]
"""Mode and id by name."""


@dataclass(frozen=True, slots=True)
class Node:
    """A commit, as far as its place in the history goes; or a tag, whose parent is what it leads to."""

    tree: str | None
    parents: tuple[str, ...]
    tag: bool = False


@dataclass(slots=True)
class History:
    """Commits and trees as far as they can be read. What could not be is noted once."""

    objects: ObjectReader
    cut: frozenset[str] = frozenset()
    """Commits of a shallow clone whose parents are not looked for: that they are cut off is told elsewhere."""
    skipped: dict[str, Skipped] = field(default_factory=dict)
    """By the object."""

    def commits(self, tips: Iterable[str], outside: frozenset[str] = frozenset()) -> tuple[dict[str, Node], list[str]]:
        """What the tips, which may be tags, reach without `outside`, parents first; and what of it they came to."""
        found: dict[str, Node] = {}
        border: dict[str, None] = {}
        seen: set[str] = set()
        # Each commit is met twice: when it is read, and when all before it have been told.
        waiting: list[tuple[str, Node | None]] = [(tip, None) for tip in reversed(tuple(tips))]
        while waiting:
            oid, node = waiting.pop()
            if node is not None:
                found[oid] = node
            elif oid in outside:
                border[oid] = None
            elif oid not in seen:
                seen.add(oid)
                node = self.node(oid)
                if node is not None:
                    waiting.append((oid, node))
                    waiting.extend((parent, None) for parent in reversed(node.parents))
        return found, list(border)

    def node(self, oid: str) -> Node | None:
        """A commit or a tag; None where it cannot be read, which is noted."""
        data = self._read(oid, ("commit", "tag"), "what it and the commits before it add is not known")
        if data is None:
            return None
        lines = data.partition(b"\n\n")[0].split(b"\n")
        named = [(match[1], match[2].decode()) for line in lines if (match := _HEADER.fullmatch(line))]
        if named and named[0][0] == b"object":
            return Node(None, (named[0][1],), tag=True)
        tree = next((name for word, name in named if word == b"tree"), None)
        parents = () if oid in self.cut else tuple(name for word, name in named if word == b"parent")
        return Node(tree, parents)

    def before(self, tree: str) -> Entries | None:
        """What a folder held before a change; None where that cannot be read, which is noted."""
        return self.entries(tree, "what was there before is not known")

    def entries(self, tree: str, what: str) -> Entries | None:
        """A tree's entries; None where it cannot be read, which is noted, with `what` it is."""
        data = self._read(tree, ("tree",), what)
        if data is None:
            return None
        entries: Entries = {}
        at = 0
        while (entry := _ENTRY.match(data, at)) is not None:
            at = entry.end() + len(tree) // 2
            entries[entry[2]] = (entry[1].decode().rjust(6, "0"), data[entry.end() : at].hex())
        if at != len(data):
            self._skip(f"tree {tree}", f"not a tree from byte {at:,} on: {what}")
        return entries

    def _read(self, oid: str, kinds: tuple[str, ...], what: str) -> bytes | None:
        try:
            with contextlib.closing(self.objects.open(oid)) as content:
                if content.kind in kinds:
                    return content.read()
                self._skip(f"{kinds[0]} {oid}", f"it is a {content.kind}: {what}")
        except UnreadableObjectError as error:
            self._skip(f"{kinds[0]} {oid}", f"{error}: {what}; {_REMEDY}")
        return None

    def _skip(self, what: str, why: str) -> None:
        self.skipped.setdefault(what, Skipped(what, why))


def differences(history: History, commit: str, instead: Sequence[str]) -> Iterator[Difference]:
    """What a commit has that none of its parents has, folder by folder.

    Where a parent cannot be read, the nearest before it that can be stand for it, else the commits `instead`: what
    they hold was there before. With none, everything in the commit counts as new.
    """
    node = history.node(commit)
    if node is None or node.tree is None:
        return
    yield from _compared(history, commit, node.tree, _held(history, node.parents, instead))


def _held(history: History, parents: Sequence[str], instead: Sequence[str]) -> list[Entries]:
    found: list[Entries] = []
    waiting, seen = list(parents), set[str]()
    while waiting:
        oid = waiting.pop(0)
        if oid in seen:
            continue
        seen.add(oid)
        node = history.node(oid)
        entries = history.before(node.tree) if node is not None and node.tree is not None else None
        if entries is not None:
            found.append(entries)
        else:
            waiting.extend(node.parents if node is not None and node.parents else instead)
    return found


def _known(before: Iterable[Entries | None]) -> list[Entries]:
    return [entries for entries in before if entries is not None]


def _compared(history: History, commit: str, tree: str, before: list[Entries]) -> Iterator[Difference]:
    waiting = [(b"", tree, before)]
    while waiting:
        folder, tree, parents = waiting.pop()
        place = os.fsdecode(folder) or "the top folder"
        for name, (mode, oid) in (history.entries(tree, f"{place} in commit {commit} was not read") or {}).items():
            olds = [parent.get(name) for parent in parents]
            path = folder + name
            if (mode, oid) in olds:
                continue
            if mode == TREE:
                trees = (history.before(old[1]) for old in olds if old is not None and old[0] == TREE)
                waiting.append((path + b"/", oid, _known(trees)))
            else:
                shown = os.fsdecode(path)
                yield Difference(Side(mode, oid, shown), tuple(_side(old, shown) for old in olds), commit)


def _side(old: tuple[str, str] | None, path: str) -> Side:
    """A path as it was; a folder of that name was not it."""
    mode, oid = old if old is not None and old[0] != TREE else (ABSENT, "")
    return Side(mode, oid, path)
