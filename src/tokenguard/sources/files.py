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
from dataclasses import dataclass

from tokenguard.model import Blob, Origin, Skipped

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

    def walk(self, start: str) -> Iterator[Blob | Skipped]:
        """Everything below `start`, or the file `start` itself; `start` may be a link and is followed."""
        try:
            mode = os.stat(start).st_mode
        except OSError as error:
            yield Skipped(start, reason(error))
            return
        if stat.S_ISDIR(mode):
            yield from self._folder(start, "" if start == "." else start, top=True)
        else:
            yield self._file(start, start)

    def _folder(self, folder: str, shown: str, *, top: bool = False) -> Iterator[Blob | Skipped]:
        try:
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            yield Skipped(shown or folder, reason(error))
            return
        if not top and self.found_repository is not None and _is_repository({entry.name for entry in entries}):
            self.found_repository(folder)
        named = [(entry, os.path.join(shown, entry.name)) for entry in entries]
        if self.excluded is not None:
            named = [(entry, path) for entry, path in named if not self.excluded(path)]
        yield self.names(shown or folder, (entry.name for entry, _ in named))
        for entry, path in named:
            yield from self._entry(entry, path)

    def names(self, folder: str, names: Iterable[str]) -> Blob:
        """The names of things in a folder as a blob; it is no content of a file and not to be counted as one."""
        return Blob.of(Origin(self.source, folder, via=FILE_NAMES), os.fsencode("\n".join(names)))

    def _entry(self, entry: os.DirEntry[str], path: str) -> Iterator[Blob | Skipped]:
        try:
            if entry.is_dir(follow_symlinks=False):
                if entry.name != ".git":
                    yield from self._folder(entry.path, path)
            elif entry.is_file(follow_symlinks=False):
                yield self._file(entry.path, path)
            elif entry.is_symlink():
                target = os.fsencode(os.readlink(entry.path))
                yield Blob.of(Origin(self.source, path, via=("symlink",)), target)
            # Sockets, pipes and devices hold no content of their own.
        except OSError as error:
            yield Skipped(path, reason(error))

    def _file(self, path: str, shown: str) -> Blob:
        return Blob(Origin(self.source, shown), lambda: _open(path, self.max_size))


def _is_repository(names: set[str]) -> bool:
    return ".git" in names or names >= {"HEAD", "objects", "refs"}


def _open(path: str, max_size: int | None) -> FileReader:
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0))
    if max_size is not None and os.fstat(descriptor).st_size > max_size:
        os.close(descriptor)
        raise OSError(errno.EFBIG, f"larger than --max-size {max_size:,} bytes")
    return FileReader(descriptor)


class FileReader:
    """A Reader straight over a file descriptor: a quarter of the cost of a file object for a small file."""

    __slots__ = ("_descriptor",)

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill `buffer` as far as one read goes."""
        return os.readv(self._descriptor, [buffer])

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move to an offset, for archives that are read from their end."""
        return os.lseek(self._descriptor, offset, whence)

    def tell(self) -> int:
        """Where the next read begins."""
        return os.lseek(self._descriptor, 0, os.SEEK_CUR)

    def read(self, size: int = -1, /) -> bytes:
        """`size` bytes, or all that are left."""
        if size >= 0:
            return os.read(self._descriptor, size)
        with open(os.dup(self._descriptor), "rb", buffering=0) as rest:
            return rest.read()

    def seekable(self) -> bool:
        """Whether `seek` works: not on a pipe."""
        return stat.S_ISREG(os.fstat(self._descriptor).st_mode)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


def reason(error: OSError) -> str:
    """Why a file could not be read, for a message."""
    return (error.strerror or type(error).__name__).lower() if error.errno != errno.EFBIG else str(error.strerror)
