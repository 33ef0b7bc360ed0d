"""What the next commit adds: the index against HEAD, told by git's plumbing as a ChangeSet."""

from __future__ import annotations

import os
from collections.abc import Iterable

from tokenguard.errors import GitError
from tokenguard.git.change_set import Change, ChangeSet, NewPath, changes_of, paths_of
from tokenguard.git.raw_diff import GITLINK, Difference, index_differences
from tokenguard.git.runner import Git
from tokenguard.model.lazy_dataclass import replace


def staged(git: Git, *, else_all: bool = False) -> ChangeSet:
    """The index against HEAD, and in a merge against all that will be parents; before a first commit, all of it.

    With `else_all` an index that is the same as HEAD is taken whole: so it is when pre-commit runs on all files.
    One git process, two more in a merge.

    Raises:
        GitError: HEAD or the index cannot be read.
    """
    try:
        differences = index_differences(git, "HEAD")
    except GitError:
        if git.try_run("rev-parse", "--verify", "--quiet", "HEAD")[0] == 0:
            raise
        return whole_index(git)
    if else_all and not differences:
        return whole_index(git)
    for parent in _merge_heads(git):
        differences = _different_in_both(differences, index_differences(git, parent))
    changes = changes_of(differences)
    if any(each.unmerged for each in differences):
        changes += _unmerged(git, differences)
    return ChangeSet("staged", changes, paths_of(differences), base="HEAD")


def _merge_heads(git: Git) -> list[str]:
    """What a merge that is under way will have as parents beside HEAD."""
    try:
        lines = (git.repository.git_dir / "MERGE_HEAD").read_text("ascii", errors="replace").split()
    except FileNotFoundError:
        return []
    from tokenguard.git.revisions import is_oid  # start-up time: merges are rare

    return [line for line in lines if is_oid(line)]


def _different_in_both(first: Iterable[Difference], second: Iterable[Difference]) -> list[Difference]:
    others = {each.new.path: each for each in second}
    return [
        replace(each, parents=each.parents + others[each.new.path].parents) for each in first if each.new.path in others
    ]


def _unmerged(git: Git, differences: Iterable[Difference]) -> tuple[Change, ...]:
    """Every version of the paths that a merge left unsettled."""
    bases = {each.new.path: each.bases for each in differences if each.unmerged}
    versions = _index(git, "--unmerged")
    return tuple(
        Change(version.path, version.blob, bases[version.path])
        for version in versions
        if version.path in bases and version.blob not in bases[version.path]
    )


def whole_index(git: Git) -> ChangeSet:
    """Everything in the index, as if nothing had been before.

    Raises:
        GitError: the index cannot be read.
    """
    from tokenguard.git.revisions import commit_named  # start-up time: a commit's hook never needs it

    entries = _index(git, "--stage")
    paths = tuple(NewPath(path) for path in dict.fromkeys(entry.path for entry in entries))
    return ChangeSet("staged", tuple(entries), paths, base=commit_named(git, "HEAD"))


def _index(git: Git, which: str) -> list[Change]:
    """Entries of the index, `<mode> <oid> <stage> TAB <path>`, but for submodules."""
    entries = (record.split(b"\t", 1) for record in git.records("ls-files", which, "-z"))
    heads = ((head.decode("ascii").split(" "), os.fsdecode(path)) for head, path in entries)
    return [Change(path, oid) for (mode, oid, _stage), path in heads if mode != GITLINK]
