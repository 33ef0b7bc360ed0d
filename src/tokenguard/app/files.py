"""Scan files and folders, or one stream."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from tokenguard.app.pipeline import BlobScanner
from tokenguard.app.session import Session, in_threads
from tokenguard.errors import UsageError
from tokenguard.model import Blob, Origin, Reader, Skipped
from tokenguard.sources.files import FILE_NAMES, FileSource, reason

_AT_ONCE = 64
"""Files that a thread takes at once."""


def scan_files(session: Session, paths: Sequence[str]) -> None:
    """Scan each path with everything below it; folders' names and files' names too.

    Raises:
        UsageError: there is nothing at one of the paths; nothing was scanned then.
    """
    for path in paths:
        _require(path)
    for path in paths:
        source = FileSource(excluded=ignored(path) if session.respect_gitignore else None, max_size=session.max_size)
        folder, name = os.path.split(path.rstrip(os.sep))
        scan_blobs(session, itertools.chain([source.names(folder or ".", [name])], source.walk(path)))


def _require(path: str) -> None:
    """What was never there is a slip of who typed it, and no part of a scan; what cannot be read is reported."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        raise UsageError(f"{path}: no such file or folder", remedy="correct the path; nothing was scanned") from None
    except OSError:
        return


def scan_stream(session: Session, reader: Reader, name: str) -> None:
    """Scan what a stream gives until its end."""
    scan_blobs(session, [Blob(Origin("stdin", name), lambda: reader, rereadable=False)])


def scan_blobs(session: Session, blobs: Iterable[Blob | Skipped]) -> None:
    """Scan whatever a source yields, in the session's threads."""
    source, lock = iter(blobs), threading.Lock()
    in_threads(session.jobs, lambda: _take(session, source, lock))


def _take(session: Session, source: Iterator[Blob | Skipped], lock: threading.Lock) -> None:
    scanner = BlobScanner(session.detector)
    while True:
        with lock:
            batch = list(itertools.islice(source, _AT_ONCE))
        if not batch:
            return
        for item in batch:
            if isinstance(item, Skipped):
                session.collector.skip(item.what, item.why)
            else:
                scan_one(session, scanner, item)


def scan_one(session: Session, scanner: BlobScanner, blob: Blob) -> None:
    """Scan one blob; one that cannot be read is skipped."""
    try:
        scanned = scanner.scan(blob)
    except OSError as error:
        session.collector.skip(blob.origin.path, reason(error))
        return
    session.collector.add(scanned, counted=blob.origin.via != FILE_NAMES)
    session.progress.advance(scanned.size)


def ignored(start: str) -> Callable[[str], bool] | None:
    """Whether a walked path is ignored by git; None when `start` lies in no worktree."""
    from tokenguard.errors import NotARepositoryError
    from tokenguard.git.ignored import ignored_paths
    from tokenguard.git.repository import locate
    from tokenguard.git.runner import Git

    try:
        repository = locate(Path(start))
    except NotARepositoryError:
        return None
    if repository.worktree is None:
        return None
    paths = ignored_paths(Git(repository))
    return lambda path: str(Path(path).absolute()) in paths
