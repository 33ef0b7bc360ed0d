"""Private copies of the repository that is measured: the given one is only ever read.

Commits are made with fast-import, without a worktree.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_MOST_STAND_INS = 1000
_EPOCH = 1_790_000_000


class CopyError(Exception):
    """The repository cannot be measured; the message says why."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What kind of repository it is."""

    name: str
    objects: int
    bytes: int
    """Of the contents of all objects."""
    stand_ins: int
    """Blobs that it lacks."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A repository of our own, bare or with a worktree."""

    path: Path
    environ: Mapping[str, str]

    def git(self, *arguments: str, stdin: bytes = b"") -> str:
        """What git prints.

        Raises:
            CopyError: it failed.
        """
        command = ["git", "-C", str(self.path), *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, check=False, env=self.environ)
        if done.returncode != 0:
            raise CopyError(f"git {arguments[0]}: {os.fsdecode(done.stderr).strip()}")
        return os.fsdecode(done.stdout).strip()

    def clone(self, target: Path, *options: str) -> Copy:
        """Another one, by hard links where the file system has them."""
        target.parent.mkdir(parents=True, exist_ok=True)
        command = ["git", "clone", "--quiet", "--local", *options, "--", str(self.path), str(target)]
        done = subprocess.run(command, capture_output=True, check=False, env=self.environ)
        if done.returncode != 0:
            raise CopyError(f"git clone: {os.fsdecode(done.stderr).strip()}")
        return Copy(target, self.environ)

    def mirror(self, target: Path) -> Copy:
        """Another one with all refs and all objects, the unreachable ones too."""
        return self.clone(target, "--mirror")

    def remove(self) -> None:
        """Delete it."""
        shutil.rmtree(self.path)

    def head(self) -> str:
        """The commit that HEAD points at."""
        return self.git("rev-parse", "--verify", "HEAD^{commit}")

    def commit(self, branch: str, start: str, changes: Sequence[tuple[str, str]]) -> None:
        """One commit for each (path, content) in turn, on a branch that begins at `start`."""
        self.git("fast-import", "--quiet", "--force", stdin=b"".join(_stream(branch, start, changes)))

    def plant(self, draw: random.Random, contents: Sequence[str]) -> None:
        """A commit for each content: the first half on top of HEAD, the others on branches from old commits."""
        half = len(contents) // 2
        files = [(f"planted/{number}.txt", content) for number, content in enumerate(contents)]
        self.advance(files[:half])
        history = self.git("rev-list", "HEAD").split()
        for number, file in enumerate(files[half:]):
            self.commit(f"refs/heads/bench-{number}", draw.choice(history), [file])

    def advance(self, files: Sequence[tuple[str, str]]) -> None:
        """Commits on top of HEAD."""
        self.commit(self.git("symbolic-ref", "HEAD"), self.head(), files)

    def stand_in(self) -> int:
        """Put an empty blob wherever a blob is missing, so that every tool gets to the end; how many.

        A partial clone lacks blobs. What reads diffs breaks off at the first of them, and would look fast.

        Raises:
            CopyError: too much is missing, or other things than blobs.
        """
        missing = [line[1:] for line in self._walk() if line.startswith("?")]
        if len(missing) > _MOST_STAND_INS:
            raise CopyError(f"{len(missing):,} objects are missing; take a full clone")
        for oid in missing:
            file = self.path / "objects" / oid[:2] / oid[2:]
            file.parent.mkdir(exist_ok=True)
            # Git does not compare a loose object with its name when it reads one.
            file.write_bytes(zlib.compress(b"blob 0\0"))
        if missing and any(line.startswith("?") for line in self._walk()):
            raise CopyError("commits or trees are missing; take a full clone")
        return len(missing)

    def _walk(self) -> list[str]:
        return self.git("rev-list", "--objects", "--all", "--missing=print").splitlines()

    def count(self) -> tuple[int, int]:
        """Objects, and bytes of their contents."""
        listing = ("cat-file", "--batch-all-objects", "--unordered", "--buffer", "--batch-check=%(objectsize)")
        sizes = self.git(*listing).split()
        return len(sizes), sum(map(int, sizes))


def measured(source: Path, target: Path, environ: Mapping[str, str], name: str | None) -> tuple[Copy, Facts]:
    """A private copy of a repository: its objects and refs; no index, no worktree, no reflogs.

    Without a `name`, what it is called follows from its origin or folder.

    Raises:
        CopyError: it is no repository, has no commit, or lacks too much.
    """
    original = Copy(source, environ)
    original.head()
    copy = original.mirror(target)
    stand_ins = copy.stand_in()
    objects, size = copy.count()
    return copy, Facts(name or _name(original), objects, size, stand_ins)


def _name(repository: Copy) -> str:
    """The last part of its origin's URL, else of its path; never a whole URL, which may hold a password."""
    try:
        place = repository.git("config", "remote.origin.url")
    except CopyError:
        place = repository.git("rev-parse", "--absolute-git-dir")
    place = place.replace("\\", "/").rstrip("/").removesuffix("/.git")
    return place.rpartition("/")[2].rpartition(":")[2].removesuffix(".git")


def _stream(branch: str, start: str, changes: Sequence[tuple[str, str]]) -> Iterator[bytes]:
    """For git-fast-import(1)."""
    for number, (path, content) in enumerate(changes):
        data = content.encode()
        yield f"commit {branch}\ncommitter Bench <bench@example.org> {_EPOCH + number} +0000\n".encode()
        yield b"data 6\nchange\n"
        if number == 0:
            yield f"from {start}\n".encode()
        yield f"M 100644 inline {path}\ndata {len(data)}\n".encode() + data + b"\n"
