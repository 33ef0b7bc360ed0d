"""The objects of a database: sifted in streams, those with hits scanned as they pass, a few read by themselves."""

from __future__ import annotations

import contextlib
import queue
from collections.abc import Callable, Collection, Iterator
from functools import partial

from tokenguard.app.pipeline import BlobScanner, Scanned
from tokenguard.app.session import Session, in_threads
from tokenguard.git.objects import MISSING, Census, ObjectReader, Shard, UnreadableObjectError
from tokenguard.git.runner import Git
from tokenguard.git.sift import Sifted, Sifter
from tokenguard.model import Blob, Origin
from tokenguard.model.lazy_dataclass import dataclass, field
from tokenguard.sources.object_text import texts

_TEXT_KINDS = frozenset(("commit", "tag", "tree"))
_IN_MEMORY = 16 << 20
"""Blobs up to this size are asked of git once, though an archive is read several times."""


@dataclass(slots=True)
class Found:
    """Outcomes of objects that have something in them, kept until it is known where the objects came from."""

    source: str = "git"
    blobs: dict[str, Scanned] = field(default_factory=dict)
    texts: dict[str, list[Scanned]] = field(default_factory=dict)
    """Of commits, tags and trees, by their ids."""
    alone: dict[str, None] = field(default_factory=dict)
    """Objects that are still to be read by themselves: too large for a stream, or git broke off at them."""
    unread: list[str] = field(default_factory=list)
    total: int = 0
    """Objects that there are, those of an earlier scan among them."""
    listed: bool = True
    """Git listed all of them."""

    @property
    def oids(self) -> tuple[str, ...]:
        """Every object that has to be looked at again the next time."""
        return (*self.blobs, *self.texts, *self.unread)


def sift_objects(session: Session, git: Git, listing: Iterator[Shard]) -> list[str]:
    """The ids of the objects in which stage 1 hits anything, or at which git broke off."""
    hits: dict[str, None] = {}
    _sift(
        session,
        listing,
        lambda: Sifter(git, session.detector.scratch().parts_hit),
        lambda sifted: hits.update(dict.fromkeys(sifted.all())),
    )
    return list(hits)


def search_objects(session: Session, git: Git, listing: Iterator[Shard], found: Found) -> None:
    """Scan all objects into `found` as they pass, but for those that are to be read by themselves."""

    def sifter() -> Sifter:
        scanner = BlobScanner(session.detector)
        return Sifter(git, scanner.scratch.parts_hit, take=partial(_scan, scanner, found))

    _sift(session, listing, sifter, lambda sifted: found.alone.update(dict.fromkeys(sifted.alone)))


def _sift(
    session: Session, listing: Iterator[Shard], sifter: Callable[[], Sifter], done: Callable[[Sifted], None]
) -> None:
    """Sift the shards in threads. `done` is told after each shard, for whoever is interrupted."""
    work = queue.SimpleQueue[Shard | None]()
    threads = session.jobs

    def feed() -> None:
        try:
            for shard in listing:
                session.progress.expect(shard.size)
                work.put(shard)
        finally:
            for _ in range(threads):
                work.put(None)

    def sift() -> None:
        with sifter() as own:

            def taken() -> Iterator[Shard]:
                for shard in iter(work.get, None):
                    yield shard
                    done(own.outcome)

            own.sift(taken(), session.progress.advance)
            done(own.outcome)

    roles = [feed, *([sift] * threads)]

    def play() -> None:
        roles.pop()()

    in_threads(len(roles), play)


def count_objects(session: Session, census: Census) -> None:
    """Put into the coverage what a listing told, and what it could not."""
    for oid in census.missing:
        session.collector.skip(f"object {oid}", f"{MISSING}; run: git fsck")
    if census.broken:
        session.collector.skip("objects", f"git could not list them all: {census.broken}; run: git fsck")
    session.collector.count(blobs=census.objects, bytes=census.content, commits=census.commits)


def read_objects(session: Session, git: Git, oids: Collection[str], found: Found) -> None:
    """Scan single objects into `found`. They are not counted: the streams did that."""
    waiting = queue.SimpleQueue[str]()
    for oid in oids:
        waiting.put(oid)

    def read() -> None:
        scanner = BlobScanner(session.detector)
        with ObjectReader(git) as reader, contextlib.suppress(queue.Empty):
            while True:
                oid = waiting.get_nowait()
                try:
                    _read_object(scanner, reader, oid, found)
                except UnreadableObjectError as error:
                    found.unread.append(oid)
                    session.collector.skip(f"object {oid}", f"{error}; run: git fsck")

    in_threads(max(1, min(session.jobs, len(oids))), read)


def _read_object(scanner: BlobScanner, reader: ObjectReader, oid: str, found: Found) -> None:
    # What passed in a stream that broke off may have been damaged.
    found.blobs.pop(oid, None)
    found.texts.pop(oid, None)
    with contextlib.closing(reader.open(oid)) as content:
        kind = content.kind
        data = content.read() if kind in _TEXT_KINDS or content.remaining <= _IN_MEMORY else None
    if data is not None:
        _scan(scanner, found, oid, kind, data)
    else:
        _keep(found, oid, scanner.scan(reader.blob(oid, Origin(found.source, "", blob=oid))))
    found.alone.pop(oid, None)


def _scan(scanner: BlobScanner, found: Found, oid: str, kind: str, data: bytes) -> None:
    if kind in _TEXT_KINDS:
        outcomes = [scanner.scan(text) for text in texts(found.source, kind, oid, data)]
        if any(each.matches or each.skipped for each in outcomes):
            found.texts[oid] = outcomes
    else:
        _keep(found, oid, scanner.scan(Blob.of(Origin(found.source, "", blob=oid), data)))


def _keep(found: Found, oid: str, scanned: Scanned) -> None:
    if scanned.matches or scanned.skipped:
        found.blobs[oid] = scanned
