"""From revisions that somebody named to the commits of a range: resolved first, walked by object id.

What a user or a hook gives is never taken for an option, and what it names has to exist: gitrevisions(7).
A history that is cut off where a range lies is told as Skipped, since what was there before cannot be known.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Sequence

from tokenguard.errors import GitError, RangeError
from tokenguard.git.objects import ObjectReader, UnreadableObjectError
from tokenguard.git.runner import Git
from tokenguard.model import Skipped
from tokenguard.model.lazy_dataclass import dataclass, replace

WHOLE_HISTORY = (
    "fetch the whole history (GitHub Actions: fetch-depth: 0; GitLab CI: GIT_DEPTH: 0; else: git fetch --unshallow)"
)

_OID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_TAG_HEAD = 256
"""Bytes in which the target of a tag stands, with the longest ids."""

_FATAL = 128
"""Git's exit code where it says what is wrong; any other is that of a git that died."""

_LONGEST = 4096
_SHOWN = 200
"""Characters of a range: no longer one is asked of git, and of none more is shown."""

_RANGE_REMEDY = "give commits as git names them, such as main..HEAD"


def is_oid(text: str) -> bool:
    """Whether the text is a whole object id, SHA-1 or SHA-256."""
    return _OID.fullmatch(text) is not None


def is_zero(oid: str) -> bool:
    """Whether it is the id of nothing: how git writes a ref that is not there (yet, or any more)."""
    return not oid.strip("0")


@dataclass(frozen=True, slots=True)
class Named:
    """What the object database has under a name."""

    oid: str
    kind: str
    """`commit`, `tag`, `tree` or `blob`."""


@dataclass(frozen=True, slots=True)
class Tips:
    """Where a walk starts and where it ends, as ids of objects that exist."""

    wanted: tuple[str, ...]
    unwanted: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    """Annotated tags among the wanted."""
    skipped: tuple[Skipped, ...] = ()


@dataclass(frozen=True, slots=True)
class Commits:
    """The commits of a range, parents first."""

    inside: tuple[str, ...] = ()
    boundary: tuple[str, ...] = ()
    """Commits outside the range that have a child in it."""
    skipped: tuple[Skipped, ...] = ()


def look_up(git: Git, names: Sequence[str]) -> list[Named | None]:
    """What each name (a revision without line feeds) stands for; None where there is no such object."""
    if not names:
        return []
    request = "".join(f"{name}\n" for name in names).encode("utf-8", "surrogateescape")
    answers = git.run("cat-file", "--batch-check=%(objecttype) %(objectname)", stdin=request).splitlines()
    return [_named(answer.decode("utf-8", "replace")) for answer in answers]


def _named(answer: str) -> Named | None:
    kind, _, oid = answer.partition(" ")
    return Named(oid, kind) if kind in ("commit", "tag", "tree", "blob") and is_oid(oid) else None


def commit_named(git: Git, name: str) -> str | None:
    """The id of the commit that a revision stands for, through tags; None where there is none."""
    found = look_up(git, (f"{name}^{{commit}}",))[0]
    return found.oid if found is not None else None


def resolve(git: Git, ranges: Sequence[str]) -> Tips:
    """The tips of ranges as gitrevisions(7) has them: `A..B`, `A...B`, `X`, `^X`, `X^!`.

    A whole object id that is absent is Skipped: the checkout does not reach that far.

    Raises:
        RangeError: one of them names nothing, or no commit.
    """
    found = [oid for text in ranges for oid in _parsed(git, text)]
    oids = [oid.removeprefix("^") for oid in found]
    named = look_up(git, oids)
    peeled = look_up(git, [f"{oid}^{{commit}}" for oid in oids])
    skipped = []
    wanted: list[str] = []
    unwanted: list[str] = []
    for tip, oid, at, commit in zip(found, oids, named, peeled, strict=True):
        if at is None:
            what = "base commit" if tip.startswith("^") else "commit"
            skipped.append(Skipped(f"{what} {oid}", f"it is not in this repository; {WHOLE_HISTORY}"))
        elif commit is None:
            raise RangeError(f"{oid}: a {at.kind}, not a commit", remedy=_RANGE_REMEDY)
        else:
            (unwanted if tip.startswith("^") else wanted).append(at.oid if not tip.startswith("^") else commit.oid)
    tags = tuple(at.oid for tip, at in zip(found, named, strict=True) if at and at.kind == "tag" and tip[0] != "^")
    return Tips(_unique(wanted), _unique(unwanted), _unique(tags), tuple(skipped))


def _parsed(git: Git, text: str) -> list[str]:
    """One range as ids, those that are left out with a `^` before them."""
    if not text or text.startswith("-") or len(text) > _LONGEST or "\0" in text or "\n" in text:
        raise RangeError(f"{text[:_SHOWN]!r}: not a commit range", remedy=_RANGE_REMEDY)
    code, output, said = git.try_run("rev-parse", "--revs-only", "--end-of-options", text)
    if code == _FATAL:
        # Not always the range's fault: a configuration that is wrong ends here as well.
        raise RangeError(f"{text[:_SHOWN]!r}: git cannot tell its commits: {said}", remedy=_RANGE_REMEDY)
    if code != 0:
        raise GitError(f"git rev-parse failed: {said or f'exit code {code}'}")
    lines = output.decode("ascii", "replace").split()
    oids = [line for line in lines if is_oid(line.removeprefix("^"))]
    if not oids:
        raise RangeError(f"{text[:_SHOWN]!r}: names no commits of this repository", remedy=_RANGE_REMEDY)
    return oids


def commits_between(git: Git, tips: Tips, *excluded: str) -> Commits:
    """The commits reachable from the wanted tips, not from the unwanted or `excluded` (`--all`, `--remotes=R`).

    Where git breaks the walk off, what can be reached without it is taken, and what is missing is Skipped; so is a
    shallow boundary in the range.
    """
    if not tips.wanted:
        return Commits()
    request = "".join([*(f"{oid}\n" for oid in tips.wanted), *(f"^{oid}\n" for oid in tips.unwanted)])
    options = ["--topo-order", "--reverse", "--boundary", "--stdin", *(("--not", *excluded) if excluded else ())]
    code, output, said = git.try_run("rev-list", *options, stdin=request.encode())
    lines = output.decode("ascii", "replace").split()
    shallow = shallow_commits(git)
    if code == 0:
        boundary = tuple(line[1:] for line in lines if line.startswith("-"))
        walked = Commits(tuple(line for line in lines if is_oid(line)), boundary)
    else:
        walked = _salvaged(git, tips, excluded, shallow)
        if not walked.skipped:
            why = f"git cannot walk them: {said or 'it broke off'}; run: git fsck"
            walked = replace(walked, skipped=(Skipped("commits of the range", why),))
    cut = f"its parents are cut off in this shallow clone; {WHOLE_HISTORY}"
    return replace(
        walked, skipped=(*(Skipped(f"commit {oid}", cut) for oid in walked.inside if oid in shallow), *walked.skipped)
    )


def _salvaged(git: Git, tips: Tips, excluded: Sequence[str], shallow: frozenset[str]) -> Commits:
    """The same, commit by commit, as far as they are there."""
    from tokenguard.git.salvage import History  # start-up time: hardly ever needed

    with ObjectReader(git) as objects:
        code, output, _ = git.try_run("rev-list", *excluded, "--stdin", stdin="\n".join((*tips.unwanted, "")).encode())
        outside = frozenset(output.decode("ascii", "replace").split())
        if code != 0:
            # That something is missing there too makes more of the range, not less: nothing is lost by it.
            refs = git.try_run("rev-parse", *excluded)[1].decode("ascii", "replace").split() if excluded else ()
            outside = frozenset(History(objects, shallow).commits((*tips.unwanted, *refs))[0])
        history = History(objects, shallow)
        found, border = history.commits(tips.wanted, outside)
    return Commits(
        tuple(oid for oid, node in found.items() if not node.tag), tuple(border), tuple(history.skipped.values())
    )


def shallow_commits(git: Git) -> frozenset[str]:
    """Where a shallow clone ends: gitrepository-layout(5)."""
    try:
        text = (git.repository.common_dir / "shallow").read_text("ascii", errors="replace")
    except FileNotFoundError:
        return frozenset()
    return frozenset(text.split())


def file_at(git: Git, revision: str, path: str, limit: int) -> bytes | None:
    """A file as it stood in a revision; None where there was none.

    Raises:
        GitError: it is larger than `limit` bytes, or cannot be read.
    """
    # Of cat-file, a file that is not there and one whose content is missing look the same.
    code, found, _ = git.try_run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}:{path}")
    if code != 0:
        return None
    oid = found.decode("ascii").strip()
    with ObjectReader(git) as objects:
        try:
            content = objects.open(oid)
            if content.kind != "blob":
                return None
            if content.remaining > limit:
                raise GitError(f"{path} in {revision}: larger than {limit:,} bytes")
            return objects.read(oid)
        except UnreadableObjectError as error:
            raise GitError(f"{path} in {revision}: {error}", remedy="run: git fsck") from None


def tag_chain(git: Git, tags: Iterable[str]) -> tuple[str, ...]:
    """Annotated tags, and the tags that they point to in turn."""
    chain: dict[str, None] = {}
    with ObjectReader(git) as objects:
        for tag in tags:
            following: str | None = tag
            while following is not None and following not in chain:
                chain[following] = None
                following = _tagged_tag(objects, following)
    return tuple(chain)


def _tagged_tag(objects: ObjectReader, tag: str) -> str | None:
    """The tag that a tag points to; None where it points to something else, or cannot be read."""
    head = bytearray(_TAG_HEAD)
    try:
        content = objects.open(tag)
        with contextlib.closing(content):
            filled = content.readinto(memoryview(head))
    except UnreadableObjectError:
        return None  # Whoever scans the tag meets the same fault and tells it.
    header = re.match(rb"object ([0-9a-f]+)\ntype tag\n", head[:filled])
    return header[1].decode() if header else None


def _unique(oids: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(oids))
