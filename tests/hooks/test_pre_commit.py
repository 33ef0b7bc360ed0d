"""Both hooks run by the real pre-commit, which installs tokenguard from a clone as it does for a user."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

import plant
from hooks.workspace import CHECKOUT, Workspace, make_workspace
from tokenguard.app.hooks import install_hooks
from tokenguard.git.repository import locate

if TYPE_CHECKING:
    import subprocess

SOURCES = ("hooks", "rules", "src", ".pre-commit-hooks.yaml", "LICENSE", "README.md", "pyproject.toml")
"""What a clone needs to be installed."""
RULE = plant.KEEBAI


@dataclass(frozen=True, slots=True)
class Framework:
    """The real pre-commit and the clone that it takes its hooks from."""

    clone: Workspace
    store: Path

    def run(self, workspace: Workspace, *arguments: str, expected: int = 0) -> str:
        """Run pre-commit in a repository; all that it said."""
        command = (sys.executable, "-m", "pre_commit", *arguments)
        return spoken(workspace.run(*command, expected=expected, PRE_COMMIT_HOME=str(self.store)))

    def configuration(self) -> str:
        """What a user writes into .pre-commit-config.yaml."""
        revision = self.clone.git("rev-parse", "HEAD").stdout.strip()
        hooks = [{"id": "tokenguard"}, {"id": "tokenguard-push"}]
        return yaml.safe_dump({"repos": [{"repo": str(self.clone.folder), "rev": revision, "hooks": hooks}]})


def spoken(done: subprocess.CompletedProcess[str]) -> str:
    return done.stdout + done.stderr


@pytest.fixture(scope="session")
def framework(tmp_path_factory: pytest.TempPathFactory) -> Framework:
    """One clone and one store for all tests: the hooks' environment is made once."""
    folder = tmp_path_factory.mktemp("framework")
    clone = make_workspace(folder / "clone")
    for name in SOURCES:
        source = CHECKOUT / name
        if source.is_dir():
            shutil.copytree(source, clone.folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, clone.folder / name)
    clone.git("add", ".")
    clone.commit("--quiet")
    return Framework(clone, folder / "store")


@pytest.fixture
def guarded(framework: Framework, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A repository with both hooks installed, and the configuration committed."""
    monkeypatch.setenv("PRE_COMMIT_HOME", str(framework.store))
    workspace.write(".pre-commit-config.yaml", framework.configuration())
    workspace.commit()
    framework.run(workspace, "install", "--hook-type", "pre-commit", "--hook-type", "pre-push")
    return workspace


@pytest.fixture
def remote(guarded: Workspace, bare: Workspace) -> Workspace:
    """A remote that has the first commits of `guarded`, pushed through the hook."""
    guarded.git("remote", "add", "origin", str(bare.folder))
    guarded.git("push", "origin", "HEAD:main")
    guarded.git("fetch", "origin")
    return bare


def shows(told: str, token: str) -> bool:
    """Whether the token was reported, and not shown."""
    assert token not in told
    return plant.visible_prefix(token) in told


def leak(workspace: Workspace, name: str = "settings") -> str:
    """Stage a file with a new token."""
    token = plant.token(RULE)
    workspace.write(name, f"key: {token}\n")
    return token


def test_a_leak_is_stopped_at_commit(guarded: Workspace) -> None:
    token = leak(guarded, "a folder/the settings")
    assert shows(spoken(guarded.commit(expected=1)), token)
    assert guarded.count() == 2


def test_a_clean_commit_passes(guarded: Workspace) -> None:
    guarded.write("settings", "key: none\n")
    told = spoken(guarded.commit())
    assert "Passed" in told
    assert guarded.count() == 3


def test_only_what_is_staged_counts(guarded: Workspace) -> None:
    """pre-commit puts unstaged changes aside while its hooks run."""
    guarded.write("settings", "key: none\n")
    (guarded.folder / "settings").write_text(plant.token(RULE))
    guarded.commit()
    assert guarded.count() == 3


def test_no_module_of_the_repository_is_imported(guarded: Workspace) -> None:
    """The hook's working folder is the repository: a file there must not stand in for a module."""
    for name in ("tokenguard", "hyperscan", "click"):
        guarded.write(f"{name}.py", "open('ran', 'w').close()\n")
    guarded.commit()
    assert not (guarded.folder / "ran").exists()


def test_all_files_with_nothing_staged_reads_the_whole_index(framework: Framework, guarded: Workspace) -> None:
    """As in CI: a fresh checkout."""
    framework.run(guarded, "run", "--all-files")
    token = leak(guarded)
    guarded.commit("--no-verify")
    assert shows(framework.run(guarded, "run", "--all-files", expected=1), token)


def test_a_first_push_is_scanned(guarded: Workspace, bare: Workspace) -> None:
    """pre-commit gives no range when the first commit of all is pushed."""
    token = leak(guarded)
    guarded.commit("--no-verify")
    guarded.write("settings", "")
    guarded.commit()
    assert shows(spoken(guarded.git("push", str(bare.folder), "HEAD:main", expected=1)), token)
    assert bare.count() == 0


def test_a_clean_push_passes(guarded: Workspace, remote: Workspace) -> None:
    guarded.commit("--allow-empty")
    guarded.git("push", "origin", "HEAD:main")
    assert remote.count() == 3


def test_a_later_push_is_scanned(guarded: Workspace, remote: Workspace) -> None:
    """The leak is in the middle, and gone from the tip."""
    token = leak(guarded)
    guarded.commit("--no-verify")
    guarded.write("settings", "")
    guarded.commit()
    assert shows(spoken(guarded.git("push", "origin", "HEAD:main", expected=1)), token)
    assert remote.count() == 2


def test_a_push_of_a_new_branch_is_scanned(guarded: Workspace, remote: Workspace) -> None:
    guarded.git("switch", "--create", "new")
    token = leak(guarded)
    guarded.commit("--no-verify")
    guarded.write("settings", "")
    guarded.commit()
    assert shows(spoken(guarded.git("push", "origin", "new", expected=1)), token)
    assert remote.count() == 2


def test_our_native_hook_is_kept_and_run_by_pre_commit(
    framework: Framework, workspace: Workspace, real: Path, bare: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Installed after ours, pre-commit calls ours first, with the refs that it does not give its own hooks."""
    monkeypatch.setenv("PRE_COMMIT_HOME", str(framework.store))
    install_hooks(locate(workspace.folder), program=str(real))
    workspace.write(".pre-commit-config.yaml", "repos: []\n")
    framework.run(workspace, "install", "--hook-type", "pre-commit", "--hook-type", "pre-push")
    assert (workspace.folder / ".git" / "hooks" / "pre-push.legacy").exists()
    workspace.commit()
    token = leak(workspace)
    assert shows(spoken(workspace.commit(expected=1)), token)
    workspace.commit("--no-verify")
    workspace.git("branch", "clean", "HEAD~1")
    # The second ref is the one that pre-commit alone would not see.
    assert shows(spoken(workspace.git("push", str(bare.folder), "clean", "HEAD:main", expected=1)), token)
    assert bare.count() == 0


def test_the_hooks_say_what_pre_commit_needs_to_know() -> None:
    declared = {hook["id"]: hook for hook in yaml.safe_load((CHECKOUT / ".pre-commit-hooks.yaml").read_text())}
    assert list(declared) == ["tokenguard", "tokenguard-push"]
    for hook in declared.values():
        assert hook["language"] == "python"
        assert (hook["pass_filenames"], hook["always_run"], hook["require_serial"]) == (False, True, True)
    assert declared["tokenguard"]["stages"] == ["pre-commit"]
    assert declared["tokenguard-push"]["stages"] == ["pre-push"]
