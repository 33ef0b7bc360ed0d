"""What CI jobs and pre-commit leave in the environment, as they document it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tokenguard.config.ci import CiRange, PreCommitRange, ci_range, pre_commit_range
from tokenguard.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

BASE, HEAD, MERGE = "a" * 40, "b" * 40, "c" * 40
ZERO = "0" * 40


def github(tmp_path: Path, name: str, event: object) -> dict[str, str]:
    path = tmp_path / "event.json"
    path.write_text(json.dumps(event))
    return {
        "CI": "true",
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": name,
        "GITHUB_EVENT_PATH": str(path),
        "GITHUB_SHA": MERGE,
    }


def pushed(before: str, after: str = HEAD, ref: str = "refs/heads/topic") -> dict[str, object]:
    return {"before": before, "after": after, "ref": ref, "repository": {"default_branch": "main"}}


@pytest.mark.parametrize("environ", [{}, {"CI": "true"}, {"GITHUB_ACTIONS": "false"}, {"GITLAB_CI": ""}])
def test_no_known_ci(environ: dict[str, str]) -> None:
    assert ci_range(environ) is None


def test_github_push(tmp_path: Path) -> None:
    found = ci_range(github(tmp_path, "push", pushed(BASE)))
    assert found == CiRange("GitHub Actions push", HEAD, BASE, "main")


def test_github_first_push(tmp_path: Path) -> None:
    assert ci_range(github(tmp_path, "push", pushed(ZERO))) == CiRange("GitHub Actions push", HEAD, None, "main")


def test_github_push_of_the_default_branch_is_not_compared_with_itself(tmp_path: Path) -> None:
    found = ci_range(github(tmp_path, "push", pushed(ZERO, ref="refs/heads/main")))
    assert found == CiRange("GitHub Actions push", HEAD, None, None)


def test_github_push_of_a_tag_called_like_the_default_branch(tmp_path: Path) -> None:
    found = ci_range(github(tmp_path, "push", pushed(ZERO, ref="refs/tags/main")))
    assert found == CiRange("GitHub Actions push", HEAD, None, "main", "refs/tags/main")


def test_github_deleted_branch(tmp_path: Path) -> None:
    assert ci_range(github(tmp_path, "push", pushed(BASE, ZERO))) is None


@pytest.mark.parametrize("name", ["pull_request", "pull_request_target"])
def test_github_pull_request(tmp_path: Path, name: str) -> None:
    event = {
        "pull_request": {"base": {"sha": BASE}, "head": {"sha": HEAD}},
        "repository": {"default_branch": "main"},
    }
    assert ci_range(github(tmp_path, name, event)) == CiRange(f"GitHub Actions {name}", HEAD, BASE, "main")


def test_github_merge_group(tmp_path: Path) -> None:
    event = {"merge_group": {"base_sha": BASE, "head_sha": HEAD}}
    assert ci_range(github(tmp_path, "merge_group", event)) == CiRange("GitHub Actions merge_group", HEAD, BASE)


@pytest.mark.parametrize("name", ["schedule", "workflow_dispatch", "release", ""])
def test_github_events_about_no_commits(tmp_path: Path, name: str) -> None:
    assert ci_range(github(tmp_path, name, {})) is None


@pytest.mark.parametrize(
    "event",
    [
        {},
        [],
        "text",
        {"before": BASE},
        {"before": 7, "after": 8},
        {"before": "--output=x", "after": HEAD},
        {"before": BASE, "after": "HEAD"},
        {"before": BASE, "after": HEAD + "\n"},
    ],
)
def test_github_event_that_says_nothing_is_an_error(tmp_path: Path, event: object) -> None:
    with pytest.raises(ConfigError, match=r"BASE\.\.HEAD"):
        ci_range(github(tmp_path, "push", event))


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000])
def test_github_event_file_that_is_no_json(tmp_path: Path, content: bytes) -> None:
    environ = github(tmp_path, "push", {})
    (tmp_path / "event.json").write_bytes(content)
    with pytest.raises(ConfigError, match="GITHUB_EVENT_PATH: the event's file is no JSON"):
        ci_range(environ)


@pytest.mark.parametrize("path", ["", "missing", "folder"])
def test_github_event_file_that_is_not_there(tmp_path: Path, path: str) -> None:
    (tmp_path / "folder").mkdir()
    environ = github(tmp_path, "push", {}) | {"GITHUB_EVENT_PATH": path and str(tmp_path / path)}
    with pytest.raises(ConfigError, match="GITHUB_EVENT_PATH: the event's file cannot be read"):
        ci_range(environ)


def gitlab(**variables: str) -> dict[str, str]:
    fixed = {"CI": "true", "GITLAB_CI": "true", "CI_DEFAULT_BRANCH": "main", "CI_COMMIT_SHA": HEAD}
    return fixed | variables


def test_gitlab_push() -> None:
    environ = gitlab(CI_PIPELINE_SOURCE="push", CI_COMMIT_BEFORE_SHA=BASE, CI_COMMIT_BRANCH="topic")
    assert ci_range(environ) == CiRange("GitLab CI push", HEAD, BASE, "main")


def test_gitlab_first_push() -> None:
    environ = gitlab(CI_PIPELINE_SOURCE="push", CI_COMMIT_BEFORE_SHA=ZERO, CI_COMMIT_BRANCH="topic")
    assert ci_range(environ) == CiRange("GitLab CI push", HEAD, None, "main")
    assert ci_range(environ | {"CI_COMMIT_BRANCH": "main"}) == CiRange("GitLab CI push", HEAD, None, None)


def test_gitlab_tag() -> None:
    environ = gitlab(CI_PIPELINE_SOURCE="push", CI_COMMIT_BEFORE_SHA=ZERO, CI_COMMIT_TAG="v1")
    assert ci_range(environ) == CiRange("GitLab CI push", HEAD, None, "main", "refs/tags/v1")


def test_gitlab_merge_request() -> None:
    environ = gitlab(
        CI_PIPELINE_SOURCE="merge_request_event",
        CI_MERGE_REQUEST_IID="7",
        CI_COMMIT_BEFORE_SHA=ZERO,
        CI_MERGE_REQUEST_DIFF_BASE_SHA=BASE,
        CI_MERGE_REQUEST_SOURCE_BRANCH_SHA="",
    )
    assert ci_range(environ) == CiRange("GitLab CI merge_request_event", HEAD, BASE, "main")


def test_gitlab_merged_results_pipeline() -> None:
    environ = gitlab(
        CI_PIPELINE_SOURCE="merge_request_event",
        CI_MERGE_REQUEST_IID="7",
        CI_MERGE_REQUEST_DIFF_BASE_SHA=BASE,
        CI_MERGE_REQUEST_SOURCE_BRANCH_SHA=HEAD,
        CI_COMMIT_SHA=MERGE,
    )
    assert ci_range(environ) == CiRange("GitLab CI merge_request_event", HEAD, BASE, "main")


@pytest.mark.parametrize("source", ["schedule", "web", "api", "trigger"])
def test_gitlab_pipelines_that_nobody_pushed(source: str) -> None:
    assert ci_range(gitlab(CI_PIPELINE_SOURCE=source, CI_COMMIT_BEFORE_SHA=ZERO)) is None


@pytest.mark.parametrize("head", ["", "HEAD", "--all"])
def test_gitlab_that_says_nothing_is_an_error(head: str) -> None:
    with pytest.raises(ConfigError):
        ci_range(gitlab(CI_PIPELINE_SOURCE="push", CI_COMMIT_SHA=head))


def test_sha256_repositories() -> None:
    environ = gitlab(CI_COMMIT_SHA="b" * 64, CI_COMMIT_BEFORE_SHA="0" * 64)
    assert ci_range(environ) == CiRange("GitLab CI push", "b" * 64, None, "main")


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, None),
        ({"PRE_COMMIT": "1"}, None),
        ({"PRE_COMMIT_FROM_REF": BASE}, None),
        ({"PRE_COMMIT_FROM_REF": BASE, "PRE_COMMIT_TO_REF": HEAD}, PreCommitRange(HEAD, BASE)),
        (
            {
                "PRE_COMMIT_FROM_REF": BASE,
                "PRE_COMMIT_TO_REF": HEAD,
                "PRE_COMMIT_LOCAL_BRANCH": "refs/heads/topic",
                "PRE_COMMIT_REMOTE_BRANCH": "refs/heads/main",
                "PRE_COMMIT_REMOTE_NAME": "origin",
            },
            PreCommitRange(HEAD, BASE, ref="refs/heads/main"),
        ),
        (
            {
                "PRE_COMMIT_LOCAL_BRANCH": "refs/heads/topic",
                "PRE_COMMIT_REMOTE_BRANCH": "refs/heads/topic",
                "PRE_COMMIT_REMOTE_NAME": "origin",
                "PRE_COMMIT_REMOTE_URL": "https://host/repository",
            },
            PreCommitRange("refs/heads/topic", remote="origin", ref="refs/heads/topic"),
        ),
        ({"PRE_COMMIT_LOCAL_BRANCH": "HEAD", "PRE_COMMIT_REMOTE_URL": "u"}, PreCommitRange("HEAD", remote="u")),
    ],
)
def test_pre_commit(environ: dict[str, str], expected: PreCommitRange | None) -> None:
    assert pre_commit_range(environ) == expected
