"""Raw differences between trees, as git's plumbing prints them: which paths differ, from what and to what.

Formats: "raw output format" and "diff format for merges" in git-diff-tree(1). Only object ids and paths are read
here; contents are compared by whoever scans them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import islice

from tokenguard.errors import GitError
from tokenguard.git.runner import Git
from tokenguard.model.lazy_dataclass import dataclass

ABSENT = "000000"
TREE = "040000"
GITLINK = "160000"
"""The mode of a submodule's entry: its id names a commit of another repository."""

_TREE = ("diff-tree", "--stdin", "--always", "--raw", "-r", "-z", "-c", "--combined-all-paths", "--root", "--no-abbrev")
_INDEX = ("diff-index", "--cached", "--raw", "-z", "--no-abbrev", "--ita-invisible-in-index")


@dataclass(frozen=True, slots=True)
class Side:
    """A path as one of the trees has it; mode `000000`: the tree has no such path."""

    mode: str
    oid: str
    path: str

    @property
    def blob(self) -> str | None:
        """The content's id; None where there is none, or it is a submodule."""
        return None if self.mode in (ABSENT, GITLINK) or not self.oid.strip("0") else self.oid


@dataclass(frozen=True, slots=True)
class Difference:
    """One path that is different in every parent."""

    new: Side
    parents: tuple[Side, ...]
    """The path, or the one it was renamed from, in each parent."""
    commit: str | None = None
    unmerged: bool = False
    """The index holds several versions of it, none of them settled."""

    @property
    def bases(self) -> tuple[str, ...]:
        """The contents that it had before."""
        return tuple(dict.fromkeys(side.blob for side in self.parents if side.blob is not None))

    @property
    def named_anew(self) -> bool:
        """No parent has anything at this path."""
        return all(side.mode == ABSENT or side.path != self.new.path for side in self.parents)


def index_differences(git: Git, revision: str) -> list[Difference]:
    """The index against the tree of one revision; entries that are only intended to be added are left out.

    Raises:
        GitError: the revision has no tree that can be read.
    """
    code, output, _ = git.try_run(*_INDEX, "-M", revision, "--")
    if code != 0:
        # Renames with edits are found by reading contents, which a partial clone may lack.
        output = git.run(*_INDEX, "--no-renames", revision, "--")
    return list(parse(output))


def commit_differences(git: Git, commits: Sequence[str]) -> tuple[list[Difference], dict[str, str]]:
    """What each commit has that none of its parents has; of a root commit everything. And which git cannot compare.

    Where git breaks off, the commits are halved until those that cannot be compared stand alone, each with what git
    said.
    """
    if not commits:
        return [], {}
    code, output, said = _diff_tree(git, commits, "-M")
    if code == 0:
        return list(parse(output)), {}
    if len(commits) == 1:
        # Renames with edits are found by reading contents, which a partial clone may lack.
        code, output, said = _diff_tree(git, commits, "--no-renames")
        if code == 0:
            return list(parse(output)), {}
        return [], {commits[0]: said or "git broke off"}
    middle = len(commits) // 2
    first, first_failed = commit_differences(git, commits[:middle])
    second, second_failed = commit_differences(git, commits[middle:])
    return first + second, first_failed | second_failed


def _diff_tree(git: Git, commits: Sequence[str], renames: str) -> tuple[int, bytes, str]:
    return git.try_run(*_TREE, renames, stdin="".join(f"{oid}\n" for oid in commits).encode())


def parse(output: bytes) -> Iterator[Difference]:
    """Differences from `-z` output; a field without a colon is the commit that the following ones belong to.

    Raises:
        GitError: the output ends in the middle of a record.
    """
    *records, rest = output.split(b"\0")
    if rest:
        raise GitError("git's list of differences ends in the middle", remedy="run: git fsck")
    fields = iter(records)
    commit = None
    for field in fields:
        if not field.startswith(b":"):
            commit = field.decode("ascii").strip()
            continue
        header = field.decode("ascii")
        parents = len(header) - len(header.lstrip(":"))
        modes_and_ids = header.lstrip(":").split(" ")
        status = modes_and_ids.pop()
        modes, ids = modes_and_ids[: parents + 1], modes_and_ids[parents + 1 :]
        paths = _paths(fields, parents, status)
        sides = [Side(*side) for side in zip(modes, ids, paths, strict=True)]
        yield Difference(sides[-1], tuple(sides[:-1]), commit, unmerged=status.startswith("U"))


def _paths(fields: Iterator[bytes], parents: int, status: str) -> list[str]:
    """One path for each parent, and the new one. Git prints a single parent's path only if it was renamed."""
    printed = parents + 1 if parents > 1 or status[0] in "RC" else 1
    paths = [os.fsdecode(path) for path in islice(fields, printed)]
    if len(paths) != printed:
        raise GitError("git broke off in the middle of a difference", remedy="run: git fsck")
    return paths if printed > 1 else paths * (parents + 1)
