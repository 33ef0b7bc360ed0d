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
from itertools import compress
from typing import TYPE_CHECKING

from tokenguard.model import Blob, Origin, Skipped
from tokenguard.model.lazy_dataclass import dataclass, replace

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_MET = _FLAGS | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
"""A file that turns into a link between listing and opening is not followed either; into a pipe, not waited for."""

FILE_NAMES = ("file name",)
"""The `via` of a blob that holds the names in a folder, a line each; its path is the folder's."""

Walked = list[str] | Blob | Skipped
"""What a walk comes to: paths of regular files, or anything else that is ready to be scanned."""
Sift = Callable[[Iterator[Walked]], Iterator[Walked]]
"""Leaves out of the lists the files that it has read whole and in which there is nothing."""


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

    def walk(self, start: str, sift: Sift = iter) -> Iterator[Blob | Skipped]:
        """Everything below `start`, or the file `start` itself; `start` may be a link and is followed."""
        try:
            mode = os.stat(start).st_mode
        except OSError as error:
            yield Skipped(start, reason(error))
            return
        if not stat.S_ISDIR(mode):
            # What a pipe gives it gives once.
            yield replace(self._file(start), rereadable=stat.S_ISREG(mode))
            return
        for item in sift(self._below(start)):
            if isinstance(item, list):
                for path in item:
                    yield self._file(path, met=True)
            else:
                yield item

    def _below(self, start: str) -> Iterator[Walked]:
        waiting: list[str] = []
        yield from self._folder(start, waiting, top=True)
        while waiting:
            yield from self._folder(waiting.pop(), waiting)

    def _folder(self, folder: str, waiting: list[str], *, top: bool = False) -> Iterator[Walked]:
        """What lies in one folder; the folders in it are put on `waiting`."""
        try:
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=_by_name)
        except OSError as error:
            yield Skipped(folder, reason(error))
            return
        self._tell(folder, entries, top=top)
        paths = [entry.name if folder == os.curdir else entry.path for entry in entries]
        if self.excluded is not None:
            wanted = [not self.excluded(path) for path in paths]
            entries, paths = list(compress(entries, wanted)), list(compress(paths, wanted))
        yield self.names(folder, [entry.name for entry in entries])
        files: list[str] = []
        inner: list[str] = []
        for entry, path in zip(entries, paths, strict=True):
            try:
                if entry.is_file(follow_symlinks=False):
                    files.append(path)
                elif entry.is_symlink():
                    yield Blob.of(Origin(self.source, path, via=("symlink",)), os.fsencode(os.readlink(path)))
                elif entry.is_dir(follow_symlinks=False) and entry.name != ".git":
                    inner.append(path)
                # Sockets, pipes and devices hold no content of their own.
            except OSError as error:
                yield Skipped(path, reason(error))
        yield files
        waiting.extend(reversed(inner))

    def _tell(self, folder: str, entries: list[os.DirEntry[str]], *, top: bool) -> None:
        if not top and self.found_repository is not None and _is_repository({entry.name for entry in entries}):
            self.found_repository(folder)

    def names(self, folder: str, names: Iterable[str]) -> Blob:
        """The names of things in a folder as a blob; it is no content of a file and not to be counted as one."""
        return Blob.of(Origin(self.source, folder, via=FILE_NAMES), os.fsencode("\n".join(names)))

    def _file(self, path: str, *, met: bool = False) -> Blob:
        """A file that was asked for, or one that was met."""
        limit = self.max_size

        def start() -> FileIO:
            file = UnawaitedFile(os.open(path, _MET)) if met else FileIO(os.open(path, _FLAGS))
            told = os.fstat(file.fileno())
            if met and not stat.S_ISREG(told.st_mode):
                file.close()
                raise OSError(errno.EINVAL, "no regular file any more")
            if limit is not None and told.st_size > limit:
                file.close()
                raise OSError(errno.EFBIG, f"larger than --max-size {limit:,} bytes")
            return file

        return Blob(Origin(self.source, path), start)


class UnawaitedFile(FileIO):
    """A file that is not waited for. What only has nothing yet, such as /proc/kmsg, has not ended."""

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """The bytes read; 0: the end."""
        count: int | None = super().readinto(buffer)
        if count is None:
            raise BlockingIOError(errno.EAGAIN, "has nothing yet, and does not end")
        return count


def _by_name(entry: os.DirEntry[str]) -> str:
    return entry.name


def _is_repository(names: set[str]) -> bool:
    return ".git" in names or names >= {"HEAD", "objects", "refs"}


def read_whole(path: str, view: memoryview) -> int:
    """Read a file that is smaller than `view`; its bytes, or -1 where it is not, or cannot be read."""
    try:
        descriptor = os.open(path, _MET)
    except OSError:
        return -1
    try:
        size = os.readv(descriptor, (view,))
        if not size and not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return -1
        # Only a read that gives nothing says that the file has ended.
        return -1 if size == len(view) or (size and os.readv(descriptor, (view[size:],))) else size
    except OSError:
        return -1
    finally:
        os.close(descriptor)


def reason(error: OSError) -> str:
    """Why a file could not be read, for a message."""
    return (error.strerror or type(error).__name__).lower() if error.errno != errno.EFBIG else str(error.strerror)
