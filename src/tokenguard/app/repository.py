"""Scan a whole git repository: objects, the proof that none is missing, refs, indexes, git's own files, the worktree.

What an earlier scan read and found clean is not read again (`tokenguard.app.memory`).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from tokenguard.app.attribution import Introductions, attribute, leave_unplaced
from tokenguard.app.files import ignored, scan_blobs, scan_tree
from tokenguard.app.memory import Memory, recall, remember
from tokenguard.app.objects import Found, count_objects, read_objects, search_objects
from tokenguard.app.session import Session
from tokenguard.errors import GitError
from tokenguard.git.history import History
from tokenguard.git.inventory import Inventory, pack_objects, take
from tokenguard.git.objects import Census, Shard, shards, shards_of
from tokenguard.git.pipes import refuse_pipes_among_objects
from tokenguard.git.repository import Repository, locate, repository_at, views
from tokenguard.git.runner import Git
from tokenguard.git.walk import Proof, Walk
from tokenguard.model import Blob, Origin, Skipped
from tokenguard.model.lazy_dataclass import replace
from tokenguard.sources.files import FileSource

SOURCE = "git"

_NO_REPOSITORY = "no repository that git can read, so that its objects were not searched; run: git fsck"


def scan_repository(session: Session, path: str) -> None:
    """Scan the repository that `path` lies in, and every repository checked out inside its worktree.

    What git cannot do in one of them keeps nothing else from being read.

    Raises:
        NotARepositoryError: there is none.
        GitError: git is missing.
    """
    done: set[Path] = set()
    waiting = [(locate(Path(path)), "")]
    while waiting:
        repository, prefix = waiting.pop()
        if repository.common_dir in done:
            continue
        done.add(repository.common_dir)
        for part in (_scan_database, _scan_names):
            try:
                part(session, repository, prefix)
            except GitError as error:
                session.collector.skip(f"{prefix}.git", str(error))
        waiting += _git_folder(session, repository, prefix)
        waiting += _worktree(session, repository, prefix)


# Objects.


def _scan_database(session: Session, repository: Repository, prefix: str) -> None:
    """Every object, with the proof that none is missing."""
    refuse_pipes_among_objects(repository)
    git, digest = Git(repository), session.detector.ruleset.digest
    inventory = take(repository) if session.cache is not None else None
    memory = recall(session.cache, repository, digest) if inventory is not None else Memory()
    if inventory is None or not memory.holds(inventory):
        memory = Memory()
    walk, found = Walk(git, memory.tips, memory.ref_tips), Found(SOURCE)
    try:
        scan_objects(session, git, found, memory, inventory)
        proof = walk.proof(memory.missing)
        for skipped in proof.skipped:
            session.collector.skip(prefix + skipped.what, skipped.why)
        introductions = attribute(session, git, proof, found, remembered=memory.introductions, prefix=prefix)
    except BaseException as ended:
        walk.abandon()
        if isinstance(ended, (KeyboardInterrupt, GitError)):
            _salvage(session, git, found, prefix)
        raise
    if inventory is not None and proof.walked and found.listed and not _shows_secret(session, introductions):
        with contextlib.suppress(GitError):
            remember(session.cache, repository, digest, _learned(git, inventory, found, proof, introductions))


def _shows_secret(session: Session, introductions: Introductions) -> bool:
    """Whether a path, an author or a branch where something was found holds a secret: none may lie in a cache."""
    texts = {
        text for places in introductions.values() for place in places for text in (place.path, place.author, place.ref)
    }
    return any(session.collector.clean(text) != text for text in texts if text)


def _salvage(session: Session, git: Git, found: Found, prefix: str) -> None:
    """Report what was found when the scan ended early, though where it came from was not asked any more."""
    with contextlib.suppress(GitError):
        read_objects(session, git, tuple(found.alone), found)
    leave_unplaced(session, found, prefix)


def scan_objects(session: Session, git: Git, found: Found, memory: Memory, inventory: Inventory | None = None) -> None:
    """What is in the objects that are not remembered, and in those that are to be read again, into `found`."""
    census = Census()
    search_objects(session, git, _listing(git, census, memory, inventory), found)
    count_objects(session, census)
    session.collector.count(remembered=memory.objects)
    read_objects(session, git, dict.fromkeys((*memory.again, *found.alone)), found)
    found.unread += census.missing
    found.total = memory.objects + census.objects
    found.listed = not census.broken


def _listing(git: Git, census: Census, memory: Memory, inventory: Inventory | None) -> Iterator[Shard]:
    if memory.tips and inventory is not None:
        with contextlib.suppress(GitError, OSError):  # a pack's index that cannot be read: then all is read again
            return shards_of(git, list(_new_objects(git, memory, inventory)), census)
    return shards(git, census)


def _new_objects(git: Git, memory: Memory, inventory: Inventory) -> Iterator[bytes]:
    for pack in set(inventory.packs) - set(memory.packs):
        yield from pack_objects(git, pack[0])
    for oid in inventory.loose - memory.loose:
        yield oid.encode()


def _learned(git: Git, inventory: Inventory, found: Found, proof: Proof, introductions: Introductions) -> Memory:
    history = History(git)
    return Memory(
        packs=inventory.packs,
        loose=inventory.loose,
        objects=found.total,
        again=found.oids,
        tips=history.tips(reflogs=True),
        ref_tips=history.tips(),
        missing=proof.missing,
        introductions=dict(introductions),
    )


# What is no object.


def _scan_names(session: Session, repository: Repository, _prefix: str) -> None:
    """The names of refs, and the paths in the indexes: of version 4 the file itself holds them in pieces."""
    scan_blobs(session, _names(Git(repository)))


def _names(git: Git) -> Iterator[Blob | Skipped]:
    code, refs, said = git.try_run("for-each-ref", "--format=%(refname)")
    yield Blob.of(Origin(SOURCE, "ref name"), refs)
    if code != 0:
        yield Skipped("refs", f"git cannot list them: {said or 'it broke off'}; run: git fsck")
    for view in views(git.repository):
        # From the top: core.worktree may say that the folder git runs in lies deep below it.
        code, paths, said = Git(view).try_run("ls-files", "-z", "--full-name", "--", ":(top)")
        yield Blob.of(Origin(SOURCE, "file name"), paths.replace(b"\0", b"\n"))
        if code != 0:
            yield Skipped(str(view.git_dir / "index"), f"git cannot read it: {said or 'it broke off'}; run: git fsck")


def _git_folder(session: Session, repository: Repository, prefix: str) -> list[tuple[Repository, str]]:
    """Git's own files: configuration, packed refs, reflogs, hooks, cached LFS objects, other worktrees' indexes."""
    shown = prefix + (".git" if repository.worktree else "")
    common = str(repository.common_dir)
    modules: dict[str, Repository] = {}
    for folder in _module_folders(os.path.join(common, "modules")):
        found = repository_at(Path(folder))
        if found is not None:
            modules[folder] = found
        else:
            session.collector.skip(os.path.join(shown, os.path.relpath(folder, common)), _NO_REPOSITORY)
    apart = {os.path.join(common, "objects"), *modules}
    scan_blobs(session, _renamed(FileSource(SOURCE, excluded=apart.__contains__).walk(common), common, shown))
    return [(found, f"{os.path.join(shown, os.path.relpath(folder, common))}/") for folder, found in modules.items()]


def _module_folders(root: str) -> Iterator[str]:
    """The git folders of submodules, checked out or not, whole or not: a name may hold slashes."""
    for folder, names, _files in os.walk(root):
        if "objects" in names:
            names.clear()
            yield folder


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
    scan_tree(session, source, top, lambda items: _renamed(items, top, prefix.rstrip("/")))
    nested: list[tuple[Repository, str]] = []
    for folder in inner:
        shown, found = f"{prefix}{os.path.relpath(folder, top)}/", repository_at(Path(folder))
        if found is not None:
            nested.append((found, shown))
        elif os.path.lexists(os.path.join(folder, ".git")):
            session.collector.skip(f"{shown}.git", _NO_REPOSITORY)
    return nested


def _renamed(items: Iterator[Blob | Skipped], top: str, shown: str) -> Iterator[Blob | Skipped]:
    """The same things under the paths that a reader of the report knows them by."""
    cut = len(top.rstrip(os.sep)) + 1

    def known(path: str) -> str:
        return os.path.join(shown, path[cut:]).rstrip(os.sep) or "."

    for item in items:
        if isinstance(item, Skipped):
            yield replace(item, what=known(item.what))
        else:
            yield replace(item, origin=replace(item.origin, path=known(item.origin.path)))
