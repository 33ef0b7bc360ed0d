"""The proof of completeness: what the history says should be there, and is not.

An absent object is not listed, and git exits 0 without it. A `git rev-list --objects` over all refs, and one over what
only reflogs and indexes hold, name every object that they miss (git-rev-list(1), --missing=print). The first goes
through the history from its roots, and lists each object behind the first commit that holds it: so it tells as well
where a blob came from. What a ref or an index names without a commit it lists behind any commit.
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
import zlib
from collections.abc import Collection, Iterable, Iterator

from tokenguard.git.database import faults
from tokenguard.git.repository import Repository
from tokenguard.git.runner import Git
from tokenguard.model import Skipped
from tokenguard.model.lazy_dataclass import dataclass

_READ = 1 << 20
_REFLOG_ENTRY = re.compile(rb"^([0-9a-f]{40,64}) ([0-9a-f]{40,64}) ", re.MULTILINE)
_NAMED = 1000
"""Missing objects that are named one by one; a partial clone can miss hundreds of thousands."""
_HISTORY = ("--in-commit-order", "--topo-order", "--reverse", "--all")
_BESIDE = ("--reflog", "--indexed-objects", "--not", "--all")


@dataclass(frozen=True, slots=True)
class Listed:
    """Where the walk came upon a blob."""

    path: str
    """Empty where a ref names the blob itself."""
    commit: str | None = None
    """The commit that it is listed behind; None: it is listed beside the history that refs reach."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What the walk found wrong; nothing at all proves that the object database is whole."""

    skipped: tuple[Skipped, ...]
    missing: tuple[str, ...] = ()
    """Ids of the objects that are missing."""
    walked: bool = True
    """The walk came to its end."""
    _history: tuple[bytes, ...] = ()
    _beside: tuple[bytes, ...] = ()

    def listed(self, blobs: Collection[str]) -> dict[str, Listed]:
        """Where the walk came upon those of the blobs that it reached, in its order: from the roots of the history."""
        wanted = {blob.encode() for blob in blobs}
        found: dict[str, Listed] = {}
        if not wanted:
            return found
        commit = b""
        for line in _lines(self._history):
            oid, named, path = line.partition(b" ")
            if not named and not line.startswith(b"?"):
                commit = oid
            elif oid in wanted:
                found.setdefault(oid.decode(), Listed(os.fsdecode(path), commit.decode() or None))
        for line in _lines(self._beside):
            oid, _, path = line.partition(b" ")
            if oid in wanted:
                found.setdefault(oid.decode(), Listed(os.fsdecode(path)))
        return found


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    return (line for chunk in chunks for line in zlib.decompress(chunk).split(b"\n"))


class _Listing:
    """A running `git rev-list`: its lines, taken in large pieces, and the objects that it misses."""

    def __init__(self, git: Git, known: tuple[str, ...], *what: str) -> None:
        reads = ("--stdin",) if known else ()
        self._process = git.start("rev-list", "--objects", "--missing=print", *what, *reads, stdin=bool(known))
        if known:
            with contextlib.suppress(BrokenPipeError):  # it ended at once: its exit code will tell
                self._process.stdin.write("".join(f"^{commit}\n" for commit in known).encode())
            self._process.stdin.close()
        self.chunks: list[bytes] = []
        """Compressed."""
        self.missing: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        """Whole lines, in large pieces: they are looked into only when there are findings, and take half the room."""
        rest = b""
        while chunk := self._chunk():
            lines, feed, rest_of_line = (rest + chunk).rpartition(b"\n")
            rest = rest_of_line
            if not feed:
                continue
            self.chunks.append(zlib.compress(lines, 1))
            if lines.startswith(b"?") or b"\n?" in lines:
                self.missing += [line[1:].split()[0].decode() for line in lines.split(b"\n") if line.startswith(b"?")]

    def _chunk(self) -> bytes:
        with contextlib.suppress(ValueError):  # abandoned: the stream was closed meanwhile
            return self._process.stdout.read(_READ)
        return b""

    def finish(self) -> tuple[int, str]:
        """Wait for its end: the exit code and the last line that git said on standard error."""
        self._reader.join()
        return self._process.finish()

    def abandon(self) -> None:
        self._process.kill()
        self._reader.join()


class Walk:
    """The walk, running beside the scan of the objects."""

    def __init__(self, git: Git, known: tuple[str, ...] = (), known_refs: tuple[str, ...] = ()) -> None:
        """Start it. `known`: commits whose whole history was proved to be there before; `known_refs`: those of refs."""
        self._git = git
        # What only a reflog held before is listed behind the commit by which refs reach it now.
        self._history = _Listing(git, known_refs, *_HISTORY)
        try:
            self._beside = _Listing(git, known, *_BESIDE)
        except BaseException:
            self._history.abandon()
            raise

    def proof(self, known_missing: tuple[str, ...] = ()) -> Proof:
        """Wait for the end of the walk; `known_missing` were missing in the history that was walked before."""
        ended = (self._history.finish(), self._beside.finish())
        # Of what both say of one fault the longer message names the object.
        code, said = max((end for end in ended if end[0] != 0), key=lambda end: len(end[1]), default=(0, ""))
        repository = self._git.repository
        logs = read_reflogs(repository)
        found = [*self._history.missing, *self._beside.missing]
        if code != 0:
            found += self._checked()
        # The walk passes over what a reflog names and is not there, with a warning for those who watch.
        missing = tuple(dict.fromkeys((*found, *self._absent({*known_missing, *logs.oids}))))
        skipped = [Skipped(f"object {oid}", "missing from the object database") for oid in missing[:_NAMED]]
        if len(missing) > _NAMED:
            skipped.append(Skipped(f"{len(missing) - _NAMED:,} more objects", "missing from the object database"))
        if code != 0:
            why = f"the history could not be walked to its end ({said or f'exit code {code}'}); run: git fsck"
            skipped.append(Skipped("history", why))
        skipped += (*logs.skipped, *shallow(repository), *faults(repository))
        return Proof(tuple(skipped), missing, code == 0, tuple(self._history.chunks), tuple(self._beside.chunks))

    def _checked(self) -> list[str]:
        """What git's own check misses: a walk ends at the first commit that is not there, and does not name it."""
        _, output, _ = self._git.try_run("fsck", "--connectivity-only", "--no-dangling", "--no-progress")
        return [line.split()[-1].decode() for line in output.splitlines() if line.startswith(b"missing ")]

    def _absent(self, oids: Collection[str]) -> list[str]:
        """Those of the objects that are not there; all of them where git cannot tell."""
        if not oids:
            return []
        asked = "".join(f"{oid}\n" for oid in oids).encode()
        code, output, _ = self._git.try_run("cat-file", "--buffer", "--batch-check", stdin=asked)
        if code != 0:
            return list(oids)
        return [answer.split()[0].decode() for answer in output.splitlines() if answer.endswith(b" missing")]

    def abandon(self) -> None:
        """Stop walking: the scan failed elsewhere."""
        self._history.abandon()
        self._beside.abandon()


def shallow(repository: Repository) -> tuple[Skipped, ...]:
    """The boundary of a shallow clone: what lies before it is not there to be read."""
    try:
        commits = (repository.common_dir / "shallow").read_text("ascii", "replace").split()
    except FileNotFoundError:
        return ()
    except OSError as error:
        return (Skipped("shallow", f"cannot be read: {error.strerror}"),)
    remedy = "the history before it is not in this shallow clone; fetch it: git fetch --unshallow"
    return tuple(Skipped(f"parents of commit {commit}", remedy) for commit in commits[:_NAMED])


@dataclass(frozen=True, slots=True)
class Reflogs:
    """What the reflogs hold."""

    oids: frozenset[str]
    """The objects that they name."""
    skipped: tuple[Skipped, ...]
    """Those that cannot be read."""


def read_reflogs(repository: Repository) -> Reflogs:
    """All reflogs, those of linked worktrees too."""
    oids: set[str] = set()
    skipped: list[Skipped] = []
    folders = [repository.common_dir / "logs", *repository.common_dir.glob("worktrees/*/logs")]
    for path in (path for folder in folders for path in folder.rglob("*") if path.is_file()):
        try:
            data = path.read_bytes()
        except OSError as error:
            skipped.append(Skipped(str(path), f"cannot be read: {error.strerror}"))
        else:
            oids.update(oid.decode() for entry in _REFLOG_ENTRY.finditer(data) for oid in entry.groups())
    return Reflogs(frozenset(oid for oid in oids if oid.strip("0")), tuple(skipped))
