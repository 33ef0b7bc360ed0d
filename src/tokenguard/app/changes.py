"""Scan what a change adds: the secrets of each new blob without those that it held before.

What is new is told by `tokenguard.git.changes` and `index_changes`. Bases are read only where a new blob holds
something, so that a change without a secret costs the reading of the new blobs alone.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING

from tokenguard.app.collect import origin_location
from tokenguard.app.pipeline import BlobScanner, Scanned
from tokenguard.app.session import Session
from tokenguard.errors import GitError
from tokenguard.git.change_set import Change, ChangeSet, NewPath
from tokenguard.git.objects import ObjectReader, UnreadableObjectError
from tokenguard.git.runner import Git
from tokenguard.model import Blob, Origin
from tokenguard.model.lazy_dataclass import dataclass, replace
from tokenguard.sources.object_text import texts

if TYPE_CHECKING:
    from tokenguard.git.history import Person
    from tokenguard.model import Allowance, Location, Match

_STREAMED = 200
"""From so many objects on, sifting one stream of them is faster than asking git for one after the other."""

_WHOLE = 64 << 20
"""A commit or tag with a secret in it is taken apart up to this size; a larger one is reported as a whole."""

_COUNTED = {"blob": "blobs", "commit": "commits"}
"""What of the coverage an object counts as; tags count by their bytes alone."""

_REMEDY = "fetch or restore it (git fsck names all that are missing)"

_Read = Callable[[str], Scanned | None]


def scan_changes(session: Session, git: Git, changed: ChangeSet, objects: ObjectReader | None = None) -> None:
    """Collect what the change adds, how much was read for it, and what could not be read.

    An inline allowance that stood in the base revision is marked `standing`; all others were added by the change. A
    reader that is open already may be lent: a git less to start.
    """
    for skipped in changed.skipped:
        session.collector.skip(skipped.what, skipped.why)
    with ObjectReader(git) if objects is None else nullcontext(objects) as reader:
        scan = _ChangeScan(session, git, reader, changed)
        scan.blobs(changed.changes)
        scan.objects("commit", changed.commits)
        scan.objects("tag", changed.tags)
    scan.paths(changed.paths)
    scan.refs(changed.names)
    scan.tell()


def _marked(match: Match) -> Match:
    allowance = match.allowance
    return match if allowance is None else replace(match, allowance=replace(allowance, standing=True))


@dataclass(frozen=True, slots=True)
class _Added:
    """A new secret at the place where it was added; who added it is asked at the end."""

    match: Match
    path: str
    blob: str | None = None
    commit: str | None = None
    ref: str | None = None


class _ChangeScan:
    """One change on its way through the stages: every blob is read once, at however many paths it is."""

    def __init__(self, session: Session, git: Git, objects: ObjectReader, changed: ChangeSet) -> None:
        self._session = session
        self._git = git
        self._objects = objects
        self._source = changed.source
        self._base = changed.base
        self._scanner = BlobScanner(session.detector)
        self._scanned: dict[str, Scanned] = {}
        """What may be asked for again: new blobs with matches, and bases."""
        self._allowances: dict[str, Counter[Allowance]] = {}
        """By path, as the base revision has them."""
        self._added: list[_Added] = []

    # Contents.

    def blobs(self, changes: Iterable[Change]) -> None:
        """The new contents."""
        places: dict[str, list[Change]] = {}
        for change in changes:
            places.setdefault(change.blob, []).append(change)
        for blob, scanned in self._outcomes("blob", places, lambda blob: self._blob(blob, places[blob][0])):
            self._skip(scanned)
            for change in places[blob] if scanned.matches else ():
                fresh = self._fresh(change, scanned.matches)
                self._added.extend(_Added(match, change.path, blob, change.commit) for match in fresh)

    def _fresh(self, change: Change, matches: Collection[Match]) -> list[Match]:
        """The matches that no base holds, with the allowances marked that the change did not add.

        An allowance that covers more than it did before was copied, and so is new.
        """
        held = self._held(change)
        new = [match for match in matches if (match.rule_id, match.fingerprint) not in held]
        if all(match.allowance is None for match in new):
            return new
        before = self._allowed_before(change.path)
        covered = Counter(match.allowance for match in matches if match.allowance is not None)
        standing = {each for each, number in covered.items() if number <= before[each]}
        return [_marked(match) if match.allowance in standing else match for match in new]

    def _held(self, change: Change) -> set[tuple[str, str]]:
        """Rule and fingerprint of what was there before; a base that cannot be read holds nothing, which is noted."""
        outcomes = [self._blob(base, change) for base in change.bases]
        return {(match.rule_id, match.fingerprint) for each in outcomes if each is not None for match in each.matches}

    def _allowed_before(self, path: str) -> Counter[Allowance]:
        """How many secrets each allowance stood beside in the base revision.

        Not in the parents: one that lies in the range itself may have brought the allowance along, beside a secret
        that is not new, for a later commit to put another one there.
        """
        if path not in self._allowances:
            self._allowances[path] = Counter(
                match.allowance for match in self._before(path) if match.allowance is not None
            )
        return self._allowances[path]

    def _before(self, path: str) -> Collection[Match]:
        if self._base is None or "\n" in path:  # a request is a line
            return ()
        try:
            return self._scanner.scan(self._objects.blob(f"{self._base}:{path}", Origin(self._source, path))).matches
        except UnreadableObjectError:
            return ()  # most often it was not there; where it cannot be read, nothing is known to have been allowed

    def _blob(self, oid: str, change: Change) -> Scanned | None:
        """The outcome of one blob, scanned unless it was before."""
        if oid in self._scanned:
            return self._scanned[oid]
        scanned = self._scan(self._objects.blob(oid, Origin(self._source, change.path, oid, change.commit)))
        if scanned is not None and (scanned.matches or oid != change.blob):
            self._scanned[oid] = scanned
        return scanned

    # Messages and people.

    def objects(self, kind: str, oids: Collection[str]) -> None:
        """Commits or tags. One is taken apart only where it holds something."""
        place = f"{kind} message"
        outcomes = self._outcomes(kind, oids, lambda oid: self._scan(self._objects.blob(oid, self._origin(place, oid))))
        for oid, whole in outcomes:
            if whole.matches or whole.skipped:
                for part in self._parts(kind, oid) if whole.size <= _WHOLE else [whole]:
                    self._keep(part, commit=oid if kind == "commit" else None)

    def _parts(self, kind: str, oid: str) -> list[Scanned]:
        try:
            parts = texts(self._source, kind, oid, self._objects.read(oid))
        except UnreadableObjectError as error:
            self._unreadable(self._origin(f"{kind} message", oid), error)
            return []
        return [scanned for scanned in map(self._scan, parts) if scanned is not None]

    # Names.

    def paths(self, paths: Collection[NewPath]) -> None:
        """The names of files and folders that are new. A look at all of them at once costs next to nothing."""
        together = self._name("file name", "\n".join(new.path for new in paths))
        if together is not None and (together.matches or together.skipped):
            for new in paths:
                self._keep(self._name("file name", new.path), commit=new.commit)

    def refs(self, names: Iterable[str]) -> None:
        """The names of refs."""
        for name in names:
            self._keep(self._name("ref name", name), ref=name)

    def _name(self, place: str, name: str) -> Scanned | None:
        return self._scan(Blob.of(self._origin(place), os.fsencode(name)))

    def _keep(self, scanned: Scanned | None, *, commit: str | None = None, ref: str | None = None) -> None:
        """Take the outcome of a text that has no base."""
        if scanned is not None:
            self._skip(scanned)
            for match in scanned.matches:
                self._added.append(_Added(match, match.origin.path, match.origin.blob, commit, ref))

    # Reading.

    def _outcomes(self, kind: str, oids: Collection[str], read: _Read) -> Iterator[tuple[str, Scanned]]:
        """The outcome of each object that may hold something. All of them are counted, as blobs or commits."""
        if len(oids) >= _STREAMED:
            outcomes = ((oid, read(oid)) for oid in self._sifted(kind, oids))
            yield from ((oid, scanned) for oid, scanned in outcomes if scanned is not None)
            return
        for oid in oids:
            scanned = read(oid)
            if scanned is not None:
                self._count(kind, 1, scanned.size)
                self._session.progress.advance(scanned.size)
                yield oid, scanned

    def _sifted(self, kind: str, oids: Collection[str]) -> list[str]:
        """Those of many objects in which stage 1 hits, and those at which git broke off."""
        from tokenguard.app.objects import sift_objects  # start-up time: a commit is small
        from tokenguard.git.objects import Census, shards_of

        session, census = self._session, Census()
        listing = shards_of(self._git, (oid.encode() for oid in oids), census)
        found = set(sift_objects(session, self._git, listing))
        for oid in census.missing:
            session.collector.skip(f"object {oid}", f"missing from the object database; {_REMEDY}")
        if census.broken:
            session.collector.skip(f"{kind}s of the change", f"git could not list them all: {census.broken}; {_REMEDY}")
        self._count(kind, census.objects, census.content)
        return [oid for oid in oids if oid in found]

    def _count(self, kind: str, objects: int, size: int) -> None:
        counted = _COUNTED.get(kind)
        self._session.collector.count(bytes=size, **({counted: objects} if counted else {}))

    def _origin(self, place: str, oid: str | None = None) -> Origin:
        return Origin(self._source, place, oid)

    def _scan(self, blob: Blob) -> Scanned | None:
        """The outcome of one blob; None where it cannot be read, which is noted."""
        try:
            return self._scanner.scan(blob)
        except OSError as error:
            self._unreadable(blob.origin, error)
            return None

    def _unreadable(self, origin: Origin, error: OSError) -> None:
        what = f"{origin.path} ({origin.blob})" if origin.blob else origin.path
        self._session.collector.skip(what, f"{error}; {_REMEDY}")

    def _skip(self, scanned: Scanned) -> None:
        for skipped in scanned.skipped:
            self._session.collector.skip(skipped.what, skipped.why)

    # Places.

    def tell(self) -> None:
        """Give the new secrets to the collector, with who added them."""
        people = self._people({added.commit for added in self._added if added.commit is not None})
        for added in self._added:
            person = people.get(added.commit or "")
            self._session.collector.add_matches((added.match,), partial(_places, added, person))

    def _people(self, commits: Collection[str]) -> Mapping[str, Person]:
        if not commits:
            return {}
        from tokenguard.git.history import History  # start-up time: only findings have authors

        try:
            return History(self._git).people(commits)
        except GitError as error:
            self._session.collector.skip("authors of the commits with findings", str(error))
            return {}


def _places(added: _Added, person: Person | None, match: Match) -> tuple[Location]:
    (place,) = origin_location(match)
    place = replace(place, path=added.path, blob=added.blob, commit=added.commit, ref=added.ref)
    return (place if person is None else replace(place, author=person.author, date=person.date or None),)
