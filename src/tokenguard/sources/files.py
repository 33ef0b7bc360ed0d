"""Files and folders as they lie on disk: every regular file, whatever it is called; links as their target's text.

Nothing is left out by name, kind or .gitignore; only `.git` folders are left to the git source. Names are content
too: each folder gives a blob of them. Links are never followed below the paths that were asked for. What cannot be
read is a Skipped.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from io import FileIO

from tokenguard.model import Blob, Origin, Skipped
from tokenguard.model.lazy_dataclass import dataclass, replace

_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
"""A file that turns into a link between listing and opening is not followed either."""

FILE_NAMES = ("file name",)
"""The `via` of a blob that holds the names in a folder, a line each; its path is the folder's."""


@dataclass(frozen=True, slots=True)
class FileSource:
    """How a tree of files is walked."""

    source: str = "files"
    excluded: Callable[[str], bool] | None = None
    """Paths (of files and folders, as walked) that the user chose to leave out."""
    found_repository: Callable[[str], None] | None = None
    """Told each folder below the start that holds a `.git` of its own, or looks like a bare repository."""
    max_size: int | None = None
    """Larger files are Skipped, in bytes."""
    sift: Callable[[str], bool] | None = None
    """Asked of each regular file below the start: True when it was read whole and there is nothing in it."""

    def walk(self, start: str) -> Iterator[Blob | Skipped]:
        """Everything below `start`, or the file `start` itself; `start` may be a link and is followed."""
        try:
            mode = os.stat(start).st_mode
        except OSError as error:
            yield Skipped(start, reason(error))
            return
        if not stat.S_ISDIR(mode):
            # What a pipe gives it gives once.
            yield replace(self._file(start, start, _FLAGS), rereadable=stat.S_ISREG(mode))
            return
        shown = "" if start == "." else start
        waiting: list[tuple[str, str]] = []
        yield from self._folder(start, shown, waiting, top=True)
        while waiting:
            yield from self._folder(*waiting.pop(), waiting)

    def _folder(
        self, folder: str, shown: str, waiting: list[tuple[str, str]], *, top: bool = False
    ) -> Iterator[Blob | Skipped]:
        """What lies in one folder; the folders in it are put on `waiting`."""
        try:
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=_by_name)
        except OSError as error:
            yield Skipped(shown or folder, reason(error))
            return
        self._tell(folder, entries, top=top)
        before = f"{shown}{os.sep}" if shown and not shown.endswith(os.sep) else shown
        entries = self._wanted(entries, before)
        yield self.names(shown or folder, [entry.name for entry in entries])
        inner: list[tuple[str, str]] = []
        for entry in entries:
            path = before + entry.name
            try:
                if entry.is_file(follow_symlinks=False):
                    if self.sift is None or not self.sift(entry.path):
                        yield self._file(entry.path, path, _FLAGS | _NO_LINK)
                elif entry.is_symlink():
                    target = os.fsencode(os.readlink(entry.path))
                    yield Blob.of(Origin(self.source, path, via=("symlink",)), target)
                elif entry.is_dir(follow_symlinks=False) and entry.name != ".git":
                    inner.append((entry.path, path))
                # Sockets, pipes and devices hold no content of their own.
            except OSError as error:
                yield Skipped(path, reason(error))
        waiting.extend(reversed(inner))

    def _tell(self, folder: str, entries: list[os.DirEntry[str]], *, top: bool) -> None:
        if not top and self.found_repository is not None and _is_repository({entry.name for entry in entries}):
            self.found_repository(folder)

    def _wanted(self, entries: list[os.DirEntry[str]], before: str) -> list[os.DirEntry[str]]:
        if self.excluded is None:
            return entries
        return [entry for entry in entries if not self.excluded(before + entry.name)]

    def names(self, folder: str, names: Iterable[str]) -> Blob:
        """The names of things in a folder as a blob; it is no content of a file and not to be counted as one."""
        return Blob.of(Origin(self.source, folder, via=FILE_NAMES), os.fsencode("\n".join(names)))

    def _file(self, path: str, shown: str, flags: int) -> Blob:
        limit = self.max_size

        def start() -> FileIO:
            file = FileIO(os.open(path, flags))
            if limit is not None and os.fstat(file.fileno()).st_size > limit:
                file.close()
                raise OSError(errno.EFBIG, f"larger than --max-size {limit:,} bytes")
            return file

        return Blob(Origin(self.source, shown), start)


def _by_name(entry: os.DirEntry[str]) -> str:
    return entry.name


def _is_repository(names: set[str]) -> bool:
    return ".git" in names or names >= {"HEAD", "objects", "refs"}


def read_whole(path: str, view: memoryview) -> int:
    """Read a file that is smaller than `view`; its bytes, or -1 where it is not, or cannot be read."""
    try:
        descriptor = os.open(path, _FLAGS | _NO_LINK)
    except OSError:
        return -1
    try:
        size = os.readv(descriptor, (view,))
        # Only a read that gives nothing says that the file has ended.
        return -1 if size == len(view) or (size and os.readv(descriptor, (view[size:],))) else size
    except OSError:
        return -1
    finally:
        os.close(descriptor)


def reason(error: OSError) -> str:
    """Why a file could not be read, for a message."""
    return (error.strerror or type(error).__name__).lower() if error.errno != errno.EFBIG else str(error.strerror)
