"""What a commit, a range of commits, a push or a receive adds, told by git's plumbing as a ChangeSet.

Blobs and their bases are named here, never read: subtracting the secrets of the bases is the work of
`tokenguard.app.changes`. Whole blobs, not diff lines: a moved line stays quiet, an evil merge does not.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from tokenguard.errors import GitError, RangeError
from tokenguard.git.change_set import Change, ChangeSet, NewPath, changes_of, paths_of
from tokenguard.git.objects import ObjectReader
from tokenguard.git.raw_diff import GITLINK, Difference, commit_differences, index_differences
from tokenguard.git.revisions import (
    Named,
    Tips,
    commit_named,
    commits_between,
    is_oid,
    is_zero,
    look_up,
    resolve,
    shallow_commits,
    tag_chain,
)
from tokenguard.git.runner import Git
from tokenguard.model import Skipped

_GLOB = frozenset("*?[\\")


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
    entries = _index(git, "--stage")
    paths = tuple(NewPath(path) for path in dict.fromkeys(entry.path for entry in entries))
    return ChangeSet("staged", tuple(entries), paths, base=commit_named(git, "HEAD"))


def _index(git: Git, which: str) -> list[Change]:
    """Entries of the index, `<mode> <oid> <stage> TAB <path>`, but for submodules."""
    entries = (record.split(b"\t", 1) for record in git.records("ls-files", which, "-z"))
    heads = ((head.decode("ascii").split(" "), os.fsdecode(path)) for head, path in entries)
    return [Change(path, oid) for (mode, oid, _stage), path in heads if mode != GITLINK]


def commits(git: Git, ranges: Sequence[str]) -> ChangeSet:
    """The commits of ranges, read as gitrevisions(7) does.

    `A..B`: in B, not in A. `A...B`: in one of them, not in both. `X`: X and all its history. `X^!`: X alone.
    Several add up, `^X` takes away.

    Raises:
        RangeError: a range names nothing.
    """
    tips = resolve(git, ranges)
    found = _walked(git, "commits", tips)
    base = tips.unwanted[0] if tips.unwanted else found.base
    return replace(found, tags=tag_chain(git, tips.tags), base=base)


def _walked(git: Git, source: str, tips: Tips, *excluded: str, known: str | None = None) -> ChangeSet:
    """What the commits between the tips and the excluded add. Base: the newest commit outside that they build on.

    What `known` (a commit) and the unwanted hold is not new where a parent cannot be read.
    """
    walked = commits_between(git, tips, *excluded)
    differences, failed = commit_differences(git, walked.inside)
    unread: tuple[Skipped, ...] = ()
    if failed:
        instead = (*tips.unwanted, *walked.boundary[-1:], *((known,) if known is not None else ()))
        salvaged, unread = _salvaged(git, failed, tuple(dict.fromkeys(instead)))
        differences = [*differences, *salvaged]
    return ChangeSet(
        source,
        changes_of(differences),
        paths_of(differences),
        walked.inside,
        skipped=tuple(dict.fromkeys((*tips.skipped, *walked.skipped, *unread))),
        base=walked.boundary[-1] if walked.boundary else None,
    )


def _salvaged(
    git: Git, failed: Mapping[str, str], instead: Sequence[str]
) -> tuple[list[Difference], tuple[Skipped, ...]]:
    """What can be told of commits that git cannot compare, for the reason that it gave."""
    from tokenguard.git.salvage import History, differences  # start-up time: hardly ever needed

    with ObjectReader(git) as objects:
        history = History(objects, shallow_commits(git))
        found = [each for commit in failed for each in differences(history, commit, instead)]
    if history.skipped:
        return found, tuple(history.skipped.values())
    return found, tuple(
        Skipped(f"commit {commit}", f"git cannot compare it: {said}") for commit, said in failed.items()
    )


@dataclass(frozen=True, slots=True)
class RefUpdate:
    """One ref that a push or a receive moves from `old` to `new`; an id of zeros: the ref is not there then."""

    name: str
    old: str
    new: str


def push(git: Git, lines: Iterable[str], remote: str | None) -> ChangeSet:
    """What a push adds to `remote` (a name or URL; None: one that has nothing yet), by pre-push's lines in githooks(5).

    Known to be there: what the lines say, if it is here too, and what the remote-tracking refs say.

    Raises:
        RangeError: a line is not one of git's.
    """
    updates = [_pushed(line) for line in lines if line.strip()]
    known = _remote_name(git, remote) if remote else None
    arriving = _arriving(git, updates)
    if arriving is None:
        return ChangeSet("push")
    olds = [update.old for update in updates if not is_zero(update.old)]
    default = (f"refs/remotes/{known}/HEAD",) if known else ()
    there = look_up(git, [f"{name}^{{commit}}" for name in (*olds, *default)])
    unwanted = tuple(each.oid for each in there[: len(olds)] if each is not None)
    excluded = (f"--remotes={known}",) if known else ()
    tips = replace(arriving.tips, unwanted=unwanted)
    first = next((each.oid for each in there if each is not None), None)
    found = _walked(git, "push", tips, *excluded, known=first)
    return arriving.with_commits(git, replace(found, base=first or found.base))


def receive(git: Git, lines: Iterable[str]) -> ChangeSet:
    """What a push adds to this repository, by pre-receive's lines in githooks(5). Base: the default branch, HEAD.

    Raises:
        RangeError: a line is not one of git's.
    """
    arriving = _arriving(git, [_received(line) for line in lines if line.strip()])
    if arriving is None:
        return ChangeSet("receive")
    base = commit_named(git, "HEAD")
    found = _walked(git, "receive", arriving.tips, "--all", known=base)
    return arriving.with_commits(git, replace(found, base=base))


def _pushed(line: str) -> RefUpdate:
    """`<local ref> <local oid> <remote ref> <remote oid>`; the local one may be any revision, with spaces in it."""
    parts = line.rstrip("\n").rsplit(" ", 3)
    if len(parts) != 4 or not (is_oid(parts[1]) and is_oid(parts[3])):
        raise RangeError("standard input: not the lines of git's pre-push hook", remedy="see githooks(5)")
    return RefUpdate(parts[2], parts[3], parts[1])


def _received(line: str) -> RefUpdate:
    """`<old oid> <new oid> <ref>`."""
    parts = line.rstrip("\n").split(" ", 2)
    if len(parts) != 3 or not (is_oid(parts[0]) and is_oid(parts[1])):
        raise RangeError("standard input: not the lines of git's pre-receive hook", remedy="see githooks(5)")
    return RefUpdate(parts[2], parts[0], parts[1])


def _remote_name(git: Git, remote: str) -> str | None:
    """The name under which remote-tracking refs are kept; None where there are none."""
    if not _GLOB & set(remote) and ":" not in remote and not remote.startswith(("/", ".")):
        return remote
    code, output, _ = git.try_run("config", "-z", "--get-regexp", r"^remote\..*\.(url|pushurl)$")
    if code != 0:
        return None
    for record in output.split(b"\0")[:-1]:
        key, _, url = os.fsdecode(record).partition("\n")
        name = key.removeprefix("remote.").rpartition(".")[0]
        if url == remote and not _GLOB & set(name):
            return name
    return None


@dataclass(frozen=True, slots=True)
class _Arriving:
    """The new tips of refs: those that lead to commits, and contents that a ref names directly."""

    tips: Tips
    names: tuple[str, ...]
    contents: tuple[Change, ...]

    def with_commits(self, git: Git, found: ChangeSet) -> ChangeSet:
        paths = tuple(NewPath(each.path) for each in self.contents)
        return replace(
            found,
            changes=found.changes + self.contents,
            paths=found.paths + paths,
            tags=tag_chain(git, self.tips.tags),
            names=self.names,
        )


def _arriving(git: Git, updates: Sequence[RefUpdate]) -> _Arriving | None:
    """What the refs that are created or moved stand for; None where refs are only deleted."""
    moved = [update for update in updates if not is_zero(update.new)]
    if not moved:
        return None
    named = look_up(git, [update.new for update in moved])
    peeled = look_up(git, [f"{update.new}^{{}}" for update in moved])
    skipped = tuple(
        Skipped(f"object {update.new}", "a ref is moved to it, but it is not in this repository")
        for update, end in zip(moved, peeled, strict=True)
        if end is None
    )
    ends = [(update.name, end) for update, end in zip(moved, peeled, strict=True) if end is not None]
    wanted = tuple(dict.fromkeys(end.oid for _, end in ends if end.kind == "commit"))
    tags = tuple(dict.fromkeys(each.oid for each in named if each is not None and each.kind == "tag"))
    contents = tuple(change for name, end in ends if end.kind != "commit" for change in _contents(git, name, end))
    return _Arriving(Tips(wanted, (), tags, skipped), tuple(dict.fromkeys(each.name for each in moved)), contents)


def _contents(git: Git, ref: str, end: Named) -> list[Change]:
    """A ref that names no commit but a file or a folder: all that is in it."""
    if end.kind == "blob":
        return [Change(ref, end.oid)]
    records = (record.split(b"\t", 1) for record in git.records("ls-tree", "-r", "-z", "--full-tree", end.oid))
    entries = ((head.decode("ascii").split(" "), os.fsdecode(path)) for head, path in records)
    return [Change(path, oid) for (mode, _kind, oid), path in entries if mode != GITLINK]
