"""The objects of a database: sifted in streams, then those with hits read one by one."""

from __future__ import annotations

import contextlib
import queue
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from tokenguard.app.pipeline import BlobScanner, Scanned
from tokenguard.app.session import Session, in_threads
from tokenguard.git.objects import MISSING, Census, ObjectReader, Shard, UnreadableObjectError
from tokenguard.git.runner import Git
from tokenguard.git.sift import Sifter
from tokenguard.model import Blob, Origin
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
    hits: dict[str, None] = field(default_factory=dict)
    """Objects in which stage 1 hits anything; to be read, or read by now."""
    unread: list[str] = field(default_factory=list)
    total: int = 0
    """Objects that there are, those of an earlier scan among them."""
    listed: bool = True
    """Git listed all of them."""

    @property
    def oids(self) -> tuple[str, ...]:
        """Every object that has to be looked at again the next time."""
        return (*self.blobs, *self.texts, *self.unread)


def sift_objects(
    session: Session, git: Git, listing: Iterator[Shard], hits: dict[str, None] | None = None
) -> list[str]:
    """The ids of the objects in which stage 1 hits anything, or at which git broke off.

    `hits` has those of each shard as soon as it is sifted, for whoever is interrupted.
    """
    work = queue.SimpleQueue[Shard | None]()
    hits = {} if hits is None else hits
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
        with Sifter(git, session.detector.scratch().each_hit) as sifter:

            def taken() -> Iterator[Shard]:
                for shard in iter(work.get, None):
                    yield shard
                    hits.update(dict.fromkeys(sifter.outcome.all()))

            sifter.sift(taken(), session.progress.advance)
            hits.update(dict.fromkeys(sifter.outcome.all()))

    roles = [feed, *([sift] * threads)]

    def play() -> None:
        roles.pop()()

    in_threads(len(roles), play)
    return list(hits)


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

    # Unpacking archives is most of the work here, and zlib lets other threads run.
    in_threads(max(1, min(session.jobs, len(oids))), read)


def _read_object(scanner: BlobScanner, reader: ObjectReader, oid: str, found: Found) -> None:
    with contextlib.closing(reader.open(oid)) as content:
        kind = content.kind
        data = content.read() if kind in _TEXT_KINDS or content.remaining <= _IN_MEMORY else None
    if kind in _TEXT_KINDS:
        outcomes = [scanner.scan(text) for text in texts(found.source, kind, oid, data or b"")]
        if any(each.matches or each.skipped for each in outcomes):
            found.texts[oid] = outcomes
        return
    origin = Origin(found.source, "", blob=oid)
    scanned = scanner.scan(reader.blob(oid, origin) if data is None else Blob.of(origin, data))
    if scanned.matches or scanned.skipped:
        found.blobs[oid] = scanned
