"""Scan files and folders, or one stream."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from tokenguard.app.file_sift import FileSift
from tokenguard.app.pipeline import BlobScanner
from tokenguard.app.session import Session
from tokenguard.errors import UsageError
from tokenguard.model import Blob, Origin, Reader, Skipped
from tokenguard.sources.files import FILE_NAMES, FileSource, reason

Shown = Callable[[Iterator[Blob | Skipped]], Iterator[Blob | Skipped]]


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
        scan_blobs(session, [source.names(folder or ".", [name])])
        scan_tree(session, source, path)


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


def scan_tree(session: Session, source: FileSource, start: str, shown: Shown | None = None) -> None:
    """Scan everything that `source` walks below `start`; `shown` renames what it yields.

    In one thread: a large file is searched at 3 GB/s as it is, and with many small ones processes help.
    """
    with FileSift(session) as sift:
        items = source.walk(start, sift)
        scan_blobs(session, shown(items) if shown is not None else items)


def scan_blobs(session: Session, blobs: Iterable[Blob | Skipped]) -> None:
    """Scan whatever a source yields; what cannot be read is skipped."""
    scanner, collector = BlobScanner(session.detector), session.collector
    for item in blobs:
        if isinstance(item, Skipped):
            collector.skip(item.what, item.why)
            continue
        try:
            scanned = scanner.scan(item)
        except OSError as error:
            collector.skip(item.origin.path, reason(error))
            continue
        collector.add(scanned, counted=item.origin.via != FILE_NAMES)
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
