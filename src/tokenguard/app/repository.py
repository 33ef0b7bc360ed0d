"""Scan a whole git repository: objects, the proof that none is missing, refs, indexes, git's own files, the worktree.

The objects are sifted in streams; only those that stage 1 hits are read one by one. Where findings came from is asked
of the history at the end, for the blobs concerned alone.
"""

from __future__ import annotations

import os
import queue
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from tokenguard.app.collect import origin_location
from tokenguard.app.files import ignored, scan_blobs, scan_one
from tokenguard.app.pipeline import BlobScanner, Scanned
from tokenguard.app.session import Session, in_threads
from tokenguard.errors import GitError
from tokenguard.git.history import History, Introduction
from tokenguard.git.objects import Census, ObjectReader, Shard, UnreadableObjectError, shards
from tokenguard.git.repository import Repository, locate, repository_at
from tokenguard.git.runner import Git
from tokenguard.git.sift import Sifter
from tokenguard.git.walk import Proof, Walk
from tokenguard.model import Blob, Location, Match, Origin, Skipped
from tokenguard.sources.files import FileSource
from tokenguard.sources.object_text import texts

SOURCE = "git"
_OBJECT_KINDS = frozenset(("commit", "tag", "tree"))


@dataclass(slots=True)
class _Found:
    """Matches in objects, kept until it is known where the objects came from."""

    blobs: dict[str, Scanned] = field(default_factory=dict)
    texts: list[Scanned] = field(default_factory=list)


def scan_repository(session: Session, path: str) -> None:
    """Scan the repository that `path` lies in, and every repository checked out inside its worktree.

    Raises:
        NotARepositoryError: there is none.
        GitError: git is missing or failed as a whole.
    """
    done: set[Path] = set()
    waiting = [(locate(Path(path)), "")]
    while waiting:
        repository, prefix = waiting.pop()
        if repository.common_dir in done:
            continue
        done.add(repository.common_dir)
        waiting.extend(_scan(session, repository, prefix))


def _scan(session: Session, repository: Repository, prefix: str) -> list[tuple[Repository, str]]:
    """One repository; the repositories found inside it."""
    git = Git(repository)
    walk = Walk(git)
    try:
        found = scan_objects(session, git)
    except BaseException:
        walk.abandon()
        raise
    proof = walk.proof()
    for skipped in proof.skipped:
        session.collector.skip(prefix + skipped.what, skipped.why)
    _report(session, git, proof, found, prefix)
    scan_blobs(session, _names(git))
    return [*_git_folder(session, repository, prefix), *_worktree(session, repository, prefix)]


# Objects.


def scan_objects(session: Session, git: Git) -> _Found:
    """Every object of the database: sifted in streams, then those with hits one by one."""
    census, work = Census(), queue.SimpleQueue[Shard | None]()
    hits: dict[str, None] = {}
    sifting = _Sifting(session, git, work, hits)
    threads = session.jobs
    listing = iter(shards(git, census))

    def feed() -> None:
        try:
            for shard in listing:
                session.progress.expect(shard.size)
                work.put(shard)
        finally:
            for _ in range(threads):
                work.put(None)

    roles = [feed, *([sifting.run] * threads)]
    in_threads(len(roles), lambda: roles.pop()())
    for oid in census.missing:
        session.collector.skip(f"object {oid}", "listed, but it cannot be read; run: git fsck")
    session.collector.count(blobs=census.objects, bytes=census.content, commits=census.commits)
    return read_objects(session, git, hits)


class _Sifting:
    """A thread's share of the streams."""

    def __init__(
        self, session: Session, git: Git, work: queue.SimpleQueue[Shard | None], hits: dict[str, None]
    ) -> None:
        self._session = session
        self._git = git
        self._work = work
        self._hits = hits

    def run(self) -> None:
        """Take shards until there are no more."""
        sifter = Sifter(self._git, self._session.detector.scratch().first_hit)
        while (shard := self._work.get()) is not None:
            sifter.sift(shard, self._session.progress.advance)
        self._hits.update(dict.fromkeys((*sifter.outcome.hits, *sifter.outcome.doubtful)))


def read_objects(session: Session, git: Git, oids: Collection[str]) -> _Found:
    """Scan single objects. They are not counted: the streams did that."""
    found = _Found()
    scanner = BlobScanner(session.detector)
    with ObjectReader(git) as reader:
        for oid in oids:
            try:
                _read_object(scanner, reader, oid, found)
            except UnreadableObjectError as error:
                session.collector.skip(f"object {oid}", f"{error.args[0]}; run: git fsck")
    return found


def _read_object(scanner: BlobScanner, reader: ObjectReader, oid: str, found: _Found) -> None:
    content = reader.open(oid)
    kind = content.kind
    content.close()
    if kind in _OBJECT_KINDS:
        for text in texts(SOURCE, kind, oid, reader.read(oid)):
            found.texts.append(scanner.scan(text))
        return
    scanned = scanner.scan(reader.blob(oid, Origin(SOURCE, "", blob=oid)))
    if scanned.matches or scanned.skipped:
        found.blobs[oid] = scanned


def _report(session: Session, git: Git, proof: Proof, found: _Found, prefix: str) -> None:
    """Give the matches in objects their places."""
    history = History(git)
    known = proof.paths(found.blobs)
    paths = {oid: (known[oid],) if oid in known else () for oid in found.blobs}
    introductions = history.introductions(paths) if found.blobs else {}
    for oid, scanned in found.blobs.items():
        places = introductions.get(oid) or (Introduction(known.get(oid, "unreachable blob"), reachable=oid in known),)
        session.collector.add_matches(scanned.matches, partial(_places, introductions=places, prefix=prefix))
        for skipped in scanned.skipped:
            session.collector.skip(f"{prefix}{places[0].path}{skipped.what} (object {oid})", skipped.why)
    _report_texts(session, history, found.texts, prefix)


def _places(match: Match, introductions: tuple[Introduction, ...], prefix: str) -> Iterator[Location]:
    (place,) = origin_location(match)
    for introduction in introductions:
        yield replace(
            place,
            path=prefix + introduction.path,
            commit=introduction.commit,
            author=introduction.author,
            date=introduction.date,
            reachable=introduction.reachable,
            ref=introduction.ref,
        )


def _report_texts(session: Session, history: History, scanned: list[Scanned], prefix: str) -> None:
    matches = [match for each in scanned for match in each.matches]
    commits = {match.origin.commit for match in matches if match.origin.commit}
    people, refs = history.people(commits), history.refs_of(commits)

    def locate_text(match: Match) -> Iterator[Location]:
        (place,) = origin_location(match)
        place = replace(place, path=prefix + place.path)
        person = people.get(place.commit or "")
        if place.commit is None or person is None:
            yield place
            return
        ref = refs.get(place.commit)
        yield replace(place, author=person.author, date=person.date, reachable=ref is not None, ref=ref)

    session.collector.add_matches(matches, locate_text)
    for each in scanned:
        for skipped in each.skipped:
            session.collector.skip(prefix + skipped.what, skipped.why)


# What is no object.


def _names(git: Git) -> Iterator[Blob]:
    """The names of refs, and the paths in the index."""
    refs = git.run("for-each-ref", "--format=%(refname)")
    yield Blob.of(Origin(SOURCE, "ref name"), refs)
    code, paths, _ = git.try_run("ls-files", "-z")
    if code == 0:
        yield Blob.of(Origin(SOURCE, "file name"), paths.replace(b"\0", b"\n"))


def _git_folder(session: Session, repository: Repository, prefix: str) -> list[tuple[Repository, str]]:
    """Git's own files: configuration, packed refs, reflogs, hooks, cached LFS objects, other worktrees' indexes."""
    shown = prefix + (".git" if repository.worktree else "")
    modules: list[tuple[Repository, str]] = []
    common = str(repository.common_dir)
    objects = os.path.join(common, "objects")
    module_root = os.path.join(common, "modules")
    for found in _module_folders(Path(module_root)):
        modules.append((found, f"{shown}/{os.path.relpath(found.git_dir, common)}/"))

    def excluded(path: str) -> bool:
        return path == objects or path.startswith((objects + os.sep, module_root + os.sep))

    source = FileSource(SOURCE, excluded=excluded)
    scan_blobs(session, _renamed(source.walk(common), common, shown))
    return modules


def _module_folders(root: Path) -> Iterator[Repository]:
    """The git folders of submodules, checked out or not."""
    for folder, names, _files in os.walk(root):
        found = repository_at(Path(folder))
        if found is not None:
            names.clear()
            yield found


def _worktree(session: Session, repository: Repository, prefix: str) -> list[tuple[Repository, str]]:
    """The checked-out files with the untracked and the ignored ones; repositories among them are scanned later."""
    if repository.worktree is None:
        return []
    top = str(repository.worktree)
    inner: list[str] = []
    source = FileSource(
        excluded=ignored(top) if session.respect_gitignore else None,
        found_repository=inner.append,
        max_size=session.max_size,
    )
    scan_blobs(session, _renamed(source.walk(top), top, prefix.rstrip("/")))
    nested = ((repository_at(Path(folder)), os.path.relpath(folder, top)) for folder in inner)
    return [(found, f"{prefix}{name}/") for found, name in nested if found is not None]


def _renamed(items: Iterator[Blob | Skipped], top: str, shown: str) -> Iterator[Blob | Skipped]:
    """The same things under the paths that a reader of the report knows them by."""
    cut = len(top.rstrip(os.sep)) + 1
    for item in items:
        if isinstance(item, Skipped):
            yield replace(item, what=os.path.join(shown, item.what[cut:]))
        else:
            yield replace(item, origin=replace(item.origin, path=os.path.join(shown, item.origin.path[cut:])))
