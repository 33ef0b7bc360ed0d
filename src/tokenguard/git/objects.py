"""The object database: what is in it, and single objects read by id.

Everything goes through `git cat-file` (git-cat-file(1)): pygit2 reads the same objects three times slower, and
GitPython's own readers fail on SHA-256 repositories.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Self

from tokenguard.git.runner import Git, Process
from tokenguard.model import Blob, Origin
from tokenguard.model.lazy_dataclass import dataclass, field

SHARD_BYTES = 128 << 20
"""Content bytes of one shard: long enough to keep delta chains together, short enough to balance two readers."""

_ALL = ("cat-file", "--batch-all-objects", "--unordered", "--buffer")
_ENDS = 1000
"""Objects at which git may end: each costs a start of git."""

_DRAIN = 8 << 20
"""An object that is left unread is drained up to this size; beyond, starting git anew is cheaper."""

MISSING = "missing from the object database, or corrupt"
"""Git says the same of both."""


class UnreadableObjectError(OSError):
    """An object that should be there is missing or corrupt; the message is the reason."""


@dataclass(slots=True)
class Shard:
    """A run of objects in pack order: lines `<oid> <type> <size>`, just as `cat-file --batch` will head them."""

    lines: list[bytes] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    """How many bytes git gives for each: the line, the content, a line feed."""
    size: int = 0
    """Bytes of their contents."""


@dataclass(slots=True)
class Census:
    """What a listing said on its way past."""

    objects: int = 0
    content: int = 0
    """Bytes of all objects."""
    commits: int = 0
    missing: list[str] = field(default_factory=list)
    """Objects that are listed but cannot be read."""
    broken: str = ""
    """Why the listing broke off, so that what it told is not all."""

    def restart(self) -> None:
        """Count anew: the listing begins again."""
        self.objects = self.content = self.commits = 0
        self.missing.clear()


def shards(git: Git, census: Census) -> Iterator[Shard]:
    """All objects in pack order, in shards.

    Trees are among them: a walk over the history names each blob once, under one path, so that only the trees
    themselves hold every file name that there ever was.
    """
    process = git.start(*_ALL, "--batch-check")
    yield from group(process.stdout, census)
    code, said = process.finish()
    if code == 0:
        return
    # At a header that is nonsense git ends ("invalid object type"). Names alone it tells without looking at headers.
    code, names, _ = git.try_run(*_ALL, "--batch-check=%(objectname)")
    census.restart()
    if code == 0:
        yield from shards_of(git, names.split(), census)
    else:
        census.broken = said or f"exit code {code}"


def shards_of(git: Git, ids: Iterable[bytes], census: Census) -> Iterator[Shard]:
    """As `shards`, of the named objects alone. One at which git ends is missing; it is asked again for the others."""
    waiting = list(ids)
    for _ in range(_ENDS):
        asked = b"".join(name + b"\n" for name in waiting)
        code, output, said = git.try_run("cat-file", "--buffer", "--batch-check", stdin=asked)
        *answers, _rest = output.split(b"\n")
        yield from group([answer + b"\n" for answer in answers], census)
        whole = len(answers) == len(waiting)
        if whole or code == 0:
            census.broken = "" if whole and code == 0 else said or f"it ended with exit code {code}"
            return
        census.missing.append(waiting[len(answers)].decode())
        waiting = waiting[len(answers) + 1 :]
    census.broken = "git ended at one object after the other"


def group(lines: Iterable[bytes], census: Census) -> Iterator[Shard]:
    """Lines of `cat-file --batch-check`, gathered into shards."""
    shard = Shard()
    for line in lines:
        # What is said once for each object of a history is said in few words: the time counts.
        oid, _, about = line.partition(b" ")
        kind, _, text = about.partition(b" ")
        if not text[:-1].isdigit():
            census.missing.append(oid.decode())
            continue
        size = int(text)
        shard.lines.append(line)
        shard.answers.append(len(line) + size + 1)
        shard.size += size
        census.commits += kind == b"commit"
        if shard.size >= SHARD_BYTES:
            yield _counted(shard, census)
            shard = Shard()
    if shard.lines:
        yield _counted(shard, census)


def _counted(shard: Shard, census: Census) -> Shard:
    census.objects += len(shard.lines)
    census.content += shard.size
    return shard


class ObjectReader:
    """One `git cat-file --batch` kept open; gives objects one after the other. Not for several threads."""

    def __init__(self, git: Git) -> None:
        self._git = git
        self._process: Process | None = None
        self._content: ObjectContent | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def blob(self, oid: str, origin: Origin) -> Blob:
        """The object as a Blob; it is read when it is opened."""
        return Blob(origin, lambda: self.open(oid))

    def open(self, oid: str) -> ObjectContent:
        """Start reading an object; what was open before is closed.

        Raises:
            UnreadableObjectError: it is missing or corrupt.
        """
        if self._content is not None:
            self._content.close()
        process = self._process or self._git.start("cat-file", "--batch", stdin=True)
        self._process = process
        try:
            process.stdin.write(oid.encode("utf-8", "surrogateescape") + b"\n")
            header = _line(process)
        except OSError:
            header = b""
        parts = header.split()
        if len(parts) != 3 or not parts[2].isdigit():
            raise self._unreadable(alive=bool(header))
        self._content = ObjectContent(self, process, parts[1].decode(), int(parts[2]))
        return self._content

    def read(self, oid: str) -> bytes:
        """A small object whole.

        Raises:
            UnreadableObjectError: it is missing or corrupt.
        """
        with contextlib.closing(self.open(oid)) as content:
            return content.read()

    def _unreadable(self, *, alive: bool) -> UnreadableObjectError:
        if alive:
            return UnreadableObjectError(MISSING)
        said = self.abandon()
        return UnreadableObjectError(f"corrupt: {said}" if said else "corrupt")

    def abandon(self) -> str:
        """Give the running git up; what it last said. The next object is asked of a new one."""
        process, self._process, self._content = self._process, None, None
        return process.finish()[1] if process is not None else ""

    def released(self, content: ObjectContent) -> None:
        """The content was closed: make git ready for the next request."""
        if self._content is not content:
            return
        self._content = None
        if content.remaining > _DRAIN and self._process is not None:
            self._process.kill()
            self._process = None

    def close(self) -> None:
        """End git."""
        self.abandon()


class ObjectContent:
    """A Reader over the content of one object, straight from git's output."""

    def __init__(self, owner: ObjectReader, process: Process, kind: str, size: int) -> None:
        self.kind = kind
        """`blob`, `commit`, `tag` or `tree`."""
        self.remaining = size
        """Bytes that are still to be read."""
        self._owner = owner
        self._process = process
        self._closed = False
        self._ended = False

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill `buffer` as far as the pipe has bytes; 0 at the object's end.

        Raises:
            UnreadableObjectError: git broke off in the middle of the object.
        """
        wanted = min(len(buffer), self.remaining)
        if wanted == 0:
            self._finish()
            return 0
        count = self._process.stdout.readinto(buffer[:wanted])  # type: ignore[attr-defined]  # unbuffered: FileIO
        if not count:
            self._closed = True
            said = self._owner.abandon()
            raise UnreadableObjectError(f"corrupt: {said}" if said else "git broke off while reading it")
        self.remaining -= count
        return int(count)

    def read(self) -> bytes:
        """All that is left, in memory."""
        data = bytearray(self.remaining)
        view = memoryview(data)
        done = 0
        while done < len(data) and (count := self.readinto(view[done:])):
            done += count
        return bytes(data)

    def _finish(self) -> None:
        """Take the line feed that ends an object in the stream."""
        if not self._ended and not self._closed:
            self._ended = True
            self._process.stdout.read(1)

    def close(self) -> None:
        """Skip what was not read."""
        if self._closed:
            return
        if self.remaining <= _DRAIN:
            scrap = memoryview(bytearray(1 << 16))
            with contextlib.suppress(UnreadableObjectError):
                while self.readinto(scrap):
                    pass
        self._closed = True
        self._owner.released(self)


def _line(process: Process) -> bytes:
    """A header line, byte by byte: the stream is unbuffered, so that contents can be read into place."""
    line = bytearray()
    while (byte := process.stdout.read(1)) and byte != b"\n":
        line += byte
    return bytes(line) + byte if byte else b""
