"""What a range of commits, a push or a receive adds, told by git's plumbing as a ChangeSet.

Blobs and their bases are named here, never read: subtracting the secrets of the bases is the work of
`tokenguard.app.changes`. Whole blobs, not diff lines: a moved line stays quiet, an evil merge does not.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence

from tokenguard.errors import RangeError
from tokenguard.git.change_set import Change, ChangeSet, NewPath, changes_of, paths_of
from tokenguard.git.objects import ObjectReader
from tokenguard.git.raw_diff import GITLINK, Difference, commit_differences
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
from tokenguard.model.lazy_dataclass import dataclass, replace

_GLOB = frozenset("*?[\\")


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
