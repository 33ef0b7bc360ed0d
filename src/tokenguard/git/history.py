"""Where blobs with findings came from: the commit that introduced each at its path, and whether a ref reaches it.

Never run in hooks. A walk over every path sees each of a blob's places, and costs about as much as reading all objects.
The proof of completeness comes upon each blob behind the commit that introduced it: one place, for nothing. What no ref
reaches (dropped stashes, amended commits, what only a reflog or an index holds) is looked for in a second step.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence

from tokenguard.git.runner import Git
from tokenguard.git.walk import Listed
from tokenguard.model.lazy_dataclass import dataclass, replace

_HEADER = "--format=%x00%H%x00%an <%ae>%x00%aI%x00"
_ARGUMENTS = 500
"""Commits handed to one git."""
_AT_ONCE = 2_000
"""Commits whose changes are held in memory."""
_SHORT = 10_000
"""Commits in a history that is walked over every path in a second or two."""


@dataclass(frozen=True, slots=True)
class Introduction:
    """A blob came to be at a path."""

    path: str
    commit: str | None = None
    author: str | None = None
    date: str | None = None
    """Author date, RFC 3339 in UTC."""
    reachable: bool | None = None
    ref: str | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """Who wrote a commit, and when."""

    author: str
    date: str


class History:
    """Questions to one repository's history; asked only when there are findings."""

    def __init__(self, git: Git) -> None:
        self._git = git

    def is_short(self) -> bool:
        """Whether it costs little to ask for every place of a blob."""
        counted = self._git.run("rev-list", "--count", f"--max-count={_SHORT + 1}", "--all")
        return int(counted) <= _SHORT

    def introductions(
        self, blobs: Collection[str], listed: Mapping[str, Listed], *, everywhere: bool = False
    ) -> dict[str, tuple[Introduction, ...]]:
        """For each blob the places it was introduced at.

        Only `everywhere` finds more than one place in the history. Else it is the one where a walk from the roots of
        the history came upon the blob; what is `listed` without a commit, or not at all, is not in what refs reach.
        """
        found = {} if everywhere else self._introduced_where(listed)
        in_history = blobs if everywhere else {blob for blob, place in listed.items() if place.commit is not None}
        found |= self._anywhere(set(in_history) - found.keys())
        found = self._reachable(found)
        for beside in (self._in_indexes, self._at_refs, self._unreachable):
            left = set(blobs) if everywhere else set(blobs) - found.keys()
            for blob, places in beside(left).items() if left else ():
                known = {place.path for place in found.get(blob, ())}
                found.setdefault(blob, []).extend(place for place in places if place.path not in known)
        return {blob: tuple(sorted(places, key=lambda each: each.path)) for blob, places in found.items()}

    def _introduced_where(self, listed: Mapping[str, Listed]) -> dict[str, list[Introduction]]:
        """Where each blob's commit, the one that it is listed behind, brings it; nothing where it does not."""
        commits = [f"{place.commit}\n".encode() for place in listed.values() if place.commit is not None]
        found = self._brought(listed.keys(), list(dict.fromkeys(commits)))
        return {
            blob: own
            for blob, places in found.items()
            if (own := [place for place in places if place.commit == listed[blob].commit])
        }

    def _anywhere(self, blobs: Collection[str]) -> dict[str, list[Introduction]]:
        # Not with --find-object: in a partial clone git then wants every blob that it compares.
        oldest_first = ("rev-list", "--reverse", "--topo-order", "--all")
        commits = self._git.run(*oldest_first).splitlines(keepends=True) if blobs else []
        return self._brought(blobs, commits)

    def _brought(self, blobs: Collection[str], commits: Sequence[bytes]) -> dict[str, list[Introduction]]:
        found: dict[str, list[Introduction]] = {}
        for start in range(0, len(commits), _AT_ONCE):
            self._note(found, blobs, b"".join(commits[start : start + _AT_ONCE]))
        return found

    def _reachable(self, found: dict[str, list[Introduction]]) -> dict[str, list[Introduction]]:
        refs = self.refs_of({place.commit for places in found.values() for place in places if place.commit})
        return {
            blob: [replace(place, reachable=True, ref=refs.get(place.commit or "")) for place in places]
            for blob, places in found.items()
        }

    def _note(self, found: dict[str, list[Introduction]], blobs: Collection[str], commits: bytes) -> None:
        """Add the first commit, in the order given, that brings one of the blobs to a path.

        Of a merge, what differs from all parents (-c): the rest came with the commit of a parent's side.
        """
        if not commits:
            return
        output = self._git.run(
            "diff-tree", "--stdin", "-r", "-c", "--root", "--raw", "-z", "--no-abbrev", "--no-renames",
            "--encoding=UTF-8", _HEADER, stdin=commits,
        )  # fmt: skip
        for place, blob in _raw_entries(output, frozenset(blobs)):
            if not any(known.path == place.path for known in found.get(blob, ())):
                found.setdefault(blob, []).append(place)

    def refs_of(self, commits: Collection[str]) -> dict[str, str]:
        """For each commit a ref that reaches it; branches are preferred."""
        if not commits:
            return {}
        names = {os.fsdecode(name) for name in self._git.run("for-each-ref", "--format=%(refname)").splitlines()}
        named: dict[str, str] = {}
        for preferred in (("--refs=refs/heads/*",), ()):
            left = sorted(set(commits) - named.keys())
            for start in range(0, len(left), _ARGUMENTS):
                part = left[start : start + _ARGUMENTS]
                output = self._git.run("name-rev", "--name-only", *preferred, *part)
                pairs = zip(part, output.splitlines(), strict=False)
                named |= {commit: ref for commit, name in pairs if (ref := _ref(os.fsdecode(name), names))}
        return named

    def _in_indexes(self, blobs: set[str]) -> dict[str, list[Introduction]]:
        """Blobs that an index holds: staged, in no commit yet."""
        found: dict[str, list[Introduction]] = {}
        code, output, _ = self._git.try_run("ls-files", "--stage", "-z")
        for entry in output.split(b"\0") if code == 0 else ():
            fields, _, path = entry.partition(b"\t")
            blob = fields.split(b" ")[1].decode() if path else ""
            if blob in blobs:
                found.setdefault(blob, []).append(Introduction(os.fsdecode(path), reachable=True, ref="index"))
        return found

    def _at_refs(self, blobs: set[str]) -> dict[str, list[Introduction]]:
        """Blobs that a ref or a tag object names directly, or through a tree."""
        found: dict[str, list[Introduction]] = {}
        listing = self._git.run("for-each-ref", "--format=%(objecttype) %(*objecttype) %(refname)")
        for line in listing.splitlines():
            kind, peeled, ref = os.fsdecode(line).split(" ", 2)
            if (peeled or kind) not in ("blob", "tree"):
                continue
            for entry in self._git.run("rev-list", "--objects", "--end-of-options", ref).splitlines():
                oid, _, path = os.fsdecode(entry).partition(" ")
                if oid in blobs:
                    found.setdefault(oid, []).append(Introduction(path or ref, reachable=True, ref=ref))
        return found

    def _unreachable(self, blobs: set[str]) -> dict[str, list[Introduction]]:
        """Blobs that only commits hold which no ref reaches."""
        found: dict[str, list[Introduction]] = {}
        reached = set(self._git.run("rev-list", "--all").split())
        listing = self._git.run("cat-file", "--batch-all-objects", "--buffer", "--unordered", "--batch-check")
        lost = [line.split()[0] for line in listing.splitlines() if b" commit " in line]
        commits = b"".join(oid + b"\n" for oid in lost if oid not in reached)
        self._note(found, blobs, commits)
        return {blob: [replace(place, reachable=False) for place in places] for blob, places in found.items()}

    def people(self, commits: Collection[str]) -> dict[str, Person]:
        """Author and date of each commit."""
        if not commits:
            return {}
        ids = "".join(f"{commit}\n" for commit in sorted(commits)).encode()
        output = self._git.run(
            "diff-tree", "--stdin", "-s", "--always", "--root", "--encoding=UTF-8", _HEADER, stdin=ids
        )
        fields = output.split(b"\0")
        heads = zip(fields[1::4], fields[2::4], fields[3::4], strict=False)
        return {oid.decode(): Person(_text(author), utc(date.decode())) for oid, author, date in heads}

    def tips(self, *, reflogs: bool = False) -> tuple[str, ...]:
        """The commits that refs point at, or reflogs too: everything that a walk over the history starts from."""
        beside = ("--reflog",) if reflogs else ()
        return tuple(self._git.run("rev-list", "--no-walk=unsorted", "--all", *beside).decode().split())

    def holding(
        self, remembered: Mapping[str, tuple[Introduction, ...]], listed: Mapping[str, Listed]
    ) -> dict[str, tuple[Introduction, ...]]:
        """What still holds of places that were told before; `listed`: what the walk came upon since.

        What refs reached they still reach, by the same ref; what they did not reach is not in what they reach since.
        """
        refs = {os.fsdecode(name) for name in self._git.run("for-each-ref", "--format=%(refname)").splitlines()}
        places = [each for of_blob in remembered.values() for each in of_blob]
        commits = {each.commit for each in places if each.reachable and each.commit}
        ids = "".join(f"{commit}\n" for commit in sorted(commits)).encode()
        code, output, _ = self._git.try_run("rev-list", "--stdin", "--not", "--all", stdin=ids) if ids else (0, b"", "")
        lost = set(output.decode().split()) if code == 0 else commits

        def holds(blob: str, place: Introduction) -> bool:
            if place.reachable is False:
                return blob not in listed
            return place.commit is not None and place.commit not in lost and place.ref in refs

        return {blob: places for blob, places in remembered.items() if all(holds(blob, each) for each in places)}


def _raw_entries(output: bytes, blobs: frozenset[str]) -> Iterator[tuple[Introduction, str]]:
    """Where a new side in the output of `diff-tree --raw -z` with our header is one of the blobs, commit by commit."""
    fields = iter(output.split(b"\0"))
    commit, author, date = "", "", ""
    for item in fields:
        field = item.lstrip(b"\n")
        if field.startswith(b":"):
            # One old side for each parent, then the new one, then the status.
            blob, path = field.split(b" ")[-2].decode(), next(fields, b"")
            if blob in blobs:
                yield Introduction(os.fsdecode(path), commit, author, utc(date)), blob
        elif len(field) in (40, 64):
            commit = field.decode()
            author, date = _text(next(fields, b"")), next(fields, b"").decode()


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def utc(date: str) -> str:
    """An ISO 8601 time with an offset as RFC 3339 in UTC; what is no time stays as it is."""
    from datetime import UTC, datetime

    try:
        return datetime.fromisoformat(date).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError):
        return date


def _ref(name: str, names: set[str]) -> str | None:
    """The full name of the ref in what `git name-rev` prints."""
    short = name.split("~", maxsplit=1)[0].split("^", maxsplit=1)[0]
    return next((full for full in (f"refs/heads/{short}", f"refs/{short}") if full in names), None)
