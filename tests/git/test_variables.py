"""What git's processes are given of the caller's environment: no token, whatever its variable is called."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from git_repository import RepositoryBuilder
from tokenguard.git.hooks_path import hooks_path
from tokenguard.git.repository import locate
from tokenguard.git.runner import Git, git_version

SECRETS = ("TOKENGUARD_TOKEN", "TOKENGUARD_PEPPER", "ACME_OPERATOR", "MY_KEY", "GITHUB_TOKEN", "GIT_TRACE2_EVENT")


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A git that writes its environment down, then is git."""
    real = shutil.which("git")
    assert real is not None
    programs, record = tmp_path / "programs", tmp_path / "record"
    programs.mkdir()
    (programs / "git").write_text(f'#!/bin/sh\nenv >> {record}\nexec {real} "$@"\n')
    (programs / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    for name in SECRETS:
        monkeypatch.setenv(name, f"value of {name}")
    return record


@pytest.mark.parametrize("hook", [False, True])
def test_no_variable_of_somebody_elses_reaches_git(recorded: Path, tmp_path: Path, *, hook: bool) -> None:
    repository = RepositoryBuilder(tmp_path / "repository")
    recorded.unlink()  # building it was ours
    found = locate(repository.path)
    git_version(os.environ)
    hooks_path(found)
    assert Git(found, hook=hook).run("rev-parse", "--git-dir")
    given = recorded.read_text()
    assert given.count("PATH=") >= 3
    assert f"HOME={os.environ['HOME']}" in given
    assert "value of" not in given
