"""Which commits a CI job or pre-commit is about, read from what they leave in the environment. Parsing only.

Whether these commits exist, and what is to be done when they do not, is `tokenguard.git.default_range`.
Sources: GitHub's "Events that trigger workflows" and webhook payloads; GitLab's "Predefined CI/CD variables
reference"; pre-commit's `--from-ref`, `--to-ref` and pre-push arguments.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from tokenguard.errors import ConfigError
from tokenguard.model.lazy_dataclass import dataclass

_OID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_BY_HAND = frozenset(("schedule", "web", "api", "trigger", "chat", "pipeline", "parent_pipeline"))
"""Sources of GitLab pipelines that no push started: without a commit before, nothing is new in them."""


@dataclass(frozen=True, slots=True)
class CiRange:
    """The commits that a CI job is about: reachable from `head`, not from `base`."""

    where: str
    """For messages: `GitHub Actions push`."""
    head: str
    base: str | None
    """None: the branch is new, there is nothing to compare it with."""
    default_branch: str | None = None
    """What a new or rewritten branch is compared with instead; None: not known, or this is that branch."""
    tag: str | None = None
    """The ref of a tag that was pushed: an annotated one has a message of its own, and `head` may be its commit."""


@dataclass(frozen=True, slots=True)
class PreCommitRange:
    """What pre-commit tells a pre-push hook: `base` to `head`, or without a base what `remote` lacks of `head`."""

    head: str
    base: str | None = None
    remote: str | None = None
    """The remote's name or URL."""
    ref: str | None = None
    """The ref on the remote that the push moves."""


def ci_range(environ: Mapping[str, str]) -> CiRange | None:
    """The range of this CI job; None outside CI, and where a job is about no commits (by schedule, by hand).

    Raises:
        ConfigError: the CI's own description of the event cannot be read.
    """
    if environ.get("GITHUB_ACTIONS") == "true":
        return _github(environ)
    if environ.get("GITLAB_CI") == "true":
        return _gitlab(environ)
    return None


def pre_commit_range(environ: Mapping[str, str]) -> PreCommitRange | None:
    """The range that pre-commit gives a hook: its standard input is empty there. None: not under pre-commit.

    A push of a whole new history comes without PRE_COMMIT_FROM_REF, and of several pushed refs only the first is told.
    """
    base, head = environ.get("PRE_COMMIT_FROM_REF"), environ.get("PRE_COMMIT_TO_REF")
    ref = environ.get("PRE_COMMIT_REMOTE_BRANCH") or None
    if base and head:
        return PreCommitRange(head, base, ref=ref)
    local = environ.get("PRE_COMMIT_LOCAL_BRANCH")
    if local:
        remote = environ.get("PRE_COMMIT_REMOTE_NAME") or environ.get("PRE_COMMIT_REMOTE_URL") or None
        return PreCommitRange(local, remote=remote, ref=ref)
    return None


def _github(environ: Mapping[str, str]) -> CiRange | None:
    """GitHub Actions. The variables alone do not hold the commit before a push: the event's file does."""
    event_name = environ.get("GITHUB_EVENT_NAME", "")
    where = f"GitHub Actions {event_name}"
    event = _event(environ.get("GITHUB_EVENT_PATH", ""))
    default = _text(event, "repository", "default_branch")
    match event_name:
        case "push":
            ref = _text(event, "ref") or ""
            compared = default if ref != f"refs/heads/{default}" else None
            return _range(where, _text(event, "before"), _text(event, "after"), compared, ref)
        case "pull_request" | "pull_request_target" | "pull_request_review" | "pull_request_review_comment":
            ends = _text(event, "pull_request", "base", "sha"), _text(event, "pull_request", "head", "sha")
        case "merge_group":
            ends = _text(event, "merge_group", "base_sha"), _text(event, "merge_group", "head_sha")
        case _:
            return None
    return _range(where, *ends, default)


def _event(path: str) -> dict[str, object]:
    import json

    try:
        event = json.loads(Path(path).read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        reason = "cannot be read" if isinstance(error, OSError) else "is no JSON"
        raise ConfigError(
            f"GITHUB_EVENT_PATH: the event's file {reason}", remedy="give the range: tokenguard scan commits BASE..HEAD"
        ) from None
    return event if isinstance(event, dict) else {}


def _text(event: object, *keys: str) -> str | None:
    """The text at a path of keys; None where there is none."""
    for key in keys:
        event = event.get(key) if isinstance(event, dict) else None
    return event if isinstance(event, str) else None


def _gitlab(environ: Mapping[str, str]) -> CiRange | None:
    """GitLab CI. In merged-results pipelines CI_COMMIT_SHA is a merge made for the test; its source branch counts."""
    source = environ.get("CI_PIPELINE_SOURCE", "push")
    where = f"GitLab CI {source}"
    default = environ.get("CI_DEFAULT_BRANCH") or None
    head, before = environ.get("CI_COMMIT_SHA"), environ.get("CI_COMMIT_BEFORE_SHA")
    if environ.get("CI_MERGE_REQUEST_IID"):
        base = environ.get("CI_MERGE_REQUEST_DIFF_BASE_SHA") or environ.get("CI_MERGE_REQUEST_TARGET_BRANCH_SHA")
        return _range(where, base, environ.get("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA") or head, default)
    if source in _BY_HAND and not (before or "").strip("0"):
        return None
    tag = f"refs/tags/{environ.get('CI_COMMIT_TAG', '')}"
    return _range(where, before, head, default if default != environ.get("CI_COMMIT_BRANCH") else None, tag)


def _range(where: str, base: str | None, head: str | None, default_branch: str | None, ref: str = "") -> CiRange | None:
    """The range, once both ends look like commits; None where the branch was deleted."""
    if head is None or not _OID.fullmatch(head) or (base and not _OID.fullmatch(base)):
        raise ConfigError(
            f"{where}: does not say which commits it is about",
            remedy="give the range: tokenguard scan commits BASE..HEAD",
        )
    if not head.strip("0"):
        return None
    tag = ref if ref.removeprefix("refs/tags/") not in {ref, ""} else None
    return CiRange(where, head, base if base and base.strip("0") else None, default_branch, tag)


def blob_link(environ: Mapping[str, str], commit: str, path: str) -> str:
    """Where people look at a file as it was in a commit of the CI job's repository; empty outside CI."""
    if environ.get("GITHUB_ACTIONS") == "true":
        project, blob = f"{environ.get('GITHUB_SERVER_URL', '')}/{environ.get('GITHUB_REPOSITORY', '')}", "blob"
    elif environ.get("GITLAB_CI") == "true":
        project, blob = environ.get("CI_PROJECT_URL", ""), "-/blob"
    else:
        return ""
    from urllib.parse import quote  # start-up time: only reports to a store have links

    return f"{project}/{blob}/{commit}/{quote(path)}" if project.startswith("https://") else ""
