"""The range that nobody gave: from the CI job, from pre-commit, or from the branch's upstream.

Where the commit to compare with is gone or never was, more is taken, never less: a range that cannot be known
must not look clean.
"""

from __future__ import annotations

from collections.abc import Mapping

from tokenguard.config.ci import CiRange, PreCommitRange, ci_range
from tokenguard.errors import RangeError
from tokenguard.git.change_set import ChangeSet
from tokenguard.git.changes import commits, push
from tokenguard.git.revisions import commit_named, look_up, resolve, shallow_commits
from tokenguard.git.runner import Git
from tokenguard.model.lazy_dataclass import replace

_NOTHING = "0" * 40
_GIVE_ONE = "give one, such as: tokenguard scan commits main..HEAD; for everything: tokenguard scan git"


def default_ranges(git: Git, environ: Mapping[str, str]) -> tuple[str, ...]:
    """What `tokenguard.git.changes.commits` is to scan: the CI job's range, outside CI `@{upstream}..HEAD`.

    In CI the upstream is what the job has checked out: all that is new would be called clean, unread.

    Raises:
        RangeError: there is none: a job by schedule or by hand, one of an unknown CI, or no upstream.
        ConfigError: the CI's description of the event cannot be read.
    """
    job = ci_range(environ)
    if job is not None:
        return (*ci_ranges(git, job), *_annotated(git, job.tag))
    if _in_ci(environ):
        raise RangeError("no range: this CI job is about no push, pull or merge request", remedy=_GIVE_ONE)
    # Of cat-file, which looks names up elsewhere, a missing upstream is the end.
    if git.try_run("rev-parse", "--verify", "--quiet", "@{upstream}^{commit}")[0] == 0:
        return ("@{upstream}..HEAD",)
    raise RangeError("no range: the current branch has no upstream", remedy=_GIVE_ONE)


def _annotated(git: Git, tag: str | None) -> tuple[str, ...]:
    """The tag, where it is an object with a message."""
    if tag is None or "\n" in tag:  # a name is a line
        return ()
    (found,) = look_up(git, [tag])
    return (tag,) if found is not None and found.kind == "tag" else ()


def _in_ci(environ: Mapping[str, str]) -> bool:
    return any(environ.get(name) for name in ("CI", "GITHUB_ACTIONS", "GITLAB_CI"))


def ci_ranges(git: Git, job: CiRange) -> tuple[str, ...]:
    """The ranges of a CI job.

    A new branch is compared with the remote's default branch, and so is one that was rewritten: its old tip is in
    no clone. In a shallow clone an absent commit may also be just cut off, so there it stays in the range.
    """
    if job.base is not None and (commit_named(git, job.base) is not None or shallow_commits(git)):
        return (f"{job.base}..{job.head}",)
    default = f"refs/remotes/origin/{job.default_branch}"
    if job.default_branch is not None and commit_named(git, default) is not None:
        return (job.head, f"^{default}")
    return (job.head,)


def pre_commit_changes(git: Git, pushed: PreCommitRange) -> ChangeSet:
    """What the push adds that pre-commit runs a hook for.

    Raises:
        RangeError: what pre-commit gave names nothing.
    """
    names = (pushed.ref,) if pushed.ref else ()
    if pushed.base is not None:
        return replace(commits(git, (f"{pushed.base}..{pushed.head}",)), source="push", names=names)
    tips = resolve(git, (pushed.head,))
    if len(tips.wanted) != 1:
        raise RangeError("PRE_COMMIT_LOCAL_BRANCH: names no commit of this repository", remedy="give the range by hand")
    return push(git, (f"{pushed.head} {tips.wanted[0]} {pushed.ref or pushed.head} {_NOTHING}",), pushed.remote)
