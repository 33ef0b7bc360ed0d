"""Installing, examining and removing the native hooks, on real repositories."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from pathlib import Path

import pytest

from hooks.workspace import Recorder, Workspace, make_workspace, recorder
from tokenguard.app.hook_state import HookState, HookStatus, hook_status
from tokenguard.app.hooks import HookChange, HookResult, install_hooks, own_program, uninstall_hooks
from tokenguard.errors import OperationError, UsageError
from tokenguard.git.hooks_path import hooks_path
from tokenguard.git.repository import locate

CHANGED = "#!/bin/sh\nexit 0\n# an earlier hook, with a byte that is no UTF-8: \udce9\n"


def install(workspace: Workspace, *names: str, program: str = "", force: bool = False) -> tuple[HookResult, ...]:
    return install_hooks(locate(workspace.folder), names, program=program, force=force)


def uninstall(workspace: Workspace, *names: str, force: bool = False) -> tuple[HookResult, ...]:
    return uninstall_hooks(locate(workspace.folder), names, force=force)


def status(workspace: Workspace, *names: str) -> tuple[HookStatus, ...]:
    return hook_status(locate(workspace.folder), names)


def only(workspace: Workspace) -> HookStatus:
    return status(workspace, "pre-commit")[0]


def hooks_of(workspace: Workspace) -> Path:
    return hooks_path(locate(workspace.folder))


def write_hook(workspace: Workspace, name: str = "pre-commit", text: str = CHANGED, mode: int = 0o755) -> Path:
    """A hook that is not ours."""
    path = hooks_of(workspace) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(os.fsencode(text))
    path.chmod(mode)
    return path


def listing(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every entry of a folder: mode and content, or a link's target."""
    return {
        path.name: (
            path.lstat().st_mode,
            os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else b"",
        )
        for path in folder.iterdir()
    }


def test_install_into_a_repository_that_has_no_hooks_folder(workspace: Workspace) -> None:
    results = install(workspace)
    assert [(result.name, result.change) for result in results] == [
        ("pre-commit", HookChange.INSTALLED),
        ("pre-push", HookChange.INSTALLED),
    ]
    assert [found.state for found in status(workspace)] == [HookState.INSTALLED] * 2
    assert all(os.access(result.path, os.X_OK) for result in results)
    assert sorted(listing(hooks_of(workspace))) == ["pre-commit", "pre-push"]


def test_a_bare_repository_means_pre_receive(bare: Workspace) -> None:
    assert [result.name for result in install(bare)] == ["pre-receive"]
    assert (bare.folder / "hooks" / "pre-receive").exists()
    assert [(found.name, found.state) for found in status(bare)] == [("pre-receive", HookState.INSTALLED)]


def test_status_also_tells_of_what_was_not_asked_for_but_is_ours(workspace: Workspace) -> None:
    assert [found.state for found in status(workspace)] == [HookState.MISSING] * 2
    install(workspace, "pre-receive")
    assert [found.name for found in status(workspace)] == ["pre-commit", "pre-push", "pre-receive"]


def test_installing_twice_changes_nothing(workspace: Workspace) -> None:
    write_hook(workspace)
    first = install(workspace, program="/some/program")
    before = {path: path.stat().st_mtime_ns for path in hooks_of(workspace).iterdir()}
    second = install(workspace, program="/some/program")
    assert [result.change for result in second] == [HookChange.UNCHANGED] * 2
    assert [result.earlier for result in second] == [result.earlier for result in first]
    assert {path: path.stat().st_mtime_ns for path in hooks_of(workspace).iterdir()} == before


def test_a_hook_of_another_version_is_replaced(workspace: Workspace) -> None:
    (installed,) = install(workspace, "pre-commit", program="/old/program")
    installed.path.write_bytes(installed.path.read_bytes() + b"# of an older version\n")
    assert only(workspace).state is HookState.OUTDATED
    (result,) = install(workspace, "pre-commit", program="/new/program")
    assert result.change is HookChange.UPDATED
    assert only(workspace).program == "/new/program"
    assert only(workspace).earlier is None


@pytest.mark.parametrize("program", ["/a/plain one", "/quoted/it's $HOME `x` \\", "/caf\u00e9", ""])
def test_the_program_is_written_into_the_hook(workspace: Workspace, program: str) -> None:
    install(workspace, "pre-commit", program=program)
    assert only(workspace).program == program
    assert only(workspace).state is HookState.INSTALLED


def test_a_strange_program_is_only_ever_a_path(workspace: Workspace, tmp_path: Path) -> None:
    install(workspace, "pre-commit", program=f"'; touch {tmp_path}/ran; '")
    workspace.commit("--allow-empty", expected=1)
    install(workspace, "pre-commit", program=f"\ntouch {tmp_path}/ran")
    assert only(workspace).program == ""
    workspace.commit("--allow-empty", expected=1)
    assert not (tmp_path / "ran").exists()


def test_a_program_that_is_gone_is_said(workspace: Workspace, fake: Recorder) -> None:
    install(workspace, "pre-commit", program=str(fake.program))
    assert only(workspace).hint == ""
    fake.program.unlink()
    assert "is gone" in only(workspace).hint


def test_the_program_that_runs_is_found(monkeypatch: pytest.MonkeyPatch, fake: Recorder, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "argv", [str(fake.program)])
    assert own_program() == str(fake.program)
    link = tmp_path / "links" / "tokenguard"
    link.parent.mkdir()
    link.symlink_to(fake.program)
    monkeypatch.setattr(sys, "argv", [str(link)])
    assert own_program() == str(link)
    for other in (str(fake.folder / "something else"), "tokenguard"):
        monkeypatch.chdir(fake.folder)
        monkeypatch.setattr(sys, "argv", [other])
        assert own_program() != str(fake.program)


@pytest.mark.parametrize("mode", [0o755, 0o700, 0o644])
def test_an_earlier_hook_comes_back_byte_for_byte_with_its_mode(workspace: Workspace, mode: int) -> None:
    write_hook(workspace, mode=mode)
    before = listing(hooks_of(workspace))
    (result,) = install(workspace, "pre-commit")
    assert result.earlier == hooks_of(workspace) / "pre-commit.before-tokenguard"
    assert only(workspace).earlier == result.earlier
    (result,) = uninstall(workspace, "pre-commit")
    assert (result.change, result.earlier) == (HookChange.RESTORED, None)
    assert listing(hooks_of(workspace)) == before


def test_uninstall_without_an_earlier_hook_leaves_nothing(workspace: Workspace) -> None:
    install(workspace)
    assert [result.change for result in uninstall(workspace)] == [
        HookChange.REMOVED,
        HookChange.REMOVED,
        HookChange.ABSENT,
    ]
    assert listing(hooks_of(workspace)) == {}
    assert {result.change for result in uninstall(workspace)} == {HookChange.ABSENT}


def test_uninstall_leaves_a_foreign_hook_alone(workspace: Workspace) -> None:
    write_hook(workspace)
    write_hook(workspace, "pre-commit.before-tokenguard", "#!/bin/sh\n")
    before = listing(hooks_of(workspace))
    assert uninstall(workspace, "pre-commit")[0].change is HookChange.ABSENT
    assert listing(hooks_of(workspace)) == before


def test_a_mention_of_tokenguard_makes_no_hook_ours(workspace: Workspace) -> None:
    write_hook(workspace, text="#!/bin/sh\nset -e\n# tokenguard hook: called by hand\ntokenguard hook run pre-commit\n")
    assert only(workspace).state is HookState.FOREIGN


def test_uninstall_after_ours_was_deleted_by_hand(workspace: Workspace) -> None:
    path = write_hook(workspace)
    before = listing(hooks_of(workspace))
    install(workspace, "pre-commit")
    path.unlink()
    assert uninstall(workspace, "pre-commit")[0].change is HookChange.RESTORED
    assert listing(hooks_of(workspace)) == before


def test_a_second_foreign_hook_is_refused_and_nothing_changes(workspace: Workspace) -> None:
    """Another program wrote its hook over ours: there is only one place to keep an earlier one."""
    write_hook(workspace, "pre-push")
    install(workspace, "pre-push")
    write_hook(workspace, "pre-push", "#!/bin/sh\n# another\n")
    before = listing(hooks_of(workspace))
    with pytest.raises(UsageError, match=r"pre-push: is not ours.*remove or merge"):
        install(workspace)
    assert listing(hooks_of(workspace)) == before


def test_a_linked_hook_is_moved_and_its_target_is_not_touched(workspace: Workspace, tmp_path: Path) -> None:
    target = recorder(tmp_path / "shared hook")
    before = target.program.read_bytes()
    path = hooks_of(workspace) / "pre-commit"
    path.parent.mkdir()
    path.symlink_to(target.program)
    install(workspace, "pre-commit")
    assert not path.is_symlink()
    assert only(workspace).earlier is not None
    uninstall(workspace, "pre-commit")
    assert path.readlink() == target.program
    assert target.program.read_bytes() == before


def test_a_link_to_our_script_is_replaced_and_its_target_is_not_touched(workspace: Workspace, tmp_path: Path) -> None:
    (installed,) = install(workspace, "pre-commit")
    target = tmp_path / "elsewhere"
    shutil.move(installed.path, target)
    before = listing(tmp_path)["elsewhere"]
    installed.path.symlink_to(target)
    assert only(workspace).state is HookState.INSTALLED
    assert install(workspace, "pre-commit", program="/a/program")[0].change is HookChange.UPDATED
    assert not installed.path.is_symlink()
    assert listing(tmp_path)["elsewhere"] == before


@pytest.mark.parametrize("target", ["/no/such/file", "/dev/zero"])
def test_a_link_to_nothing_or_to_a_device(workspace: Workspace, target: str) -> None:
    path = hooks_of(workspace) / "pre-commit"
    path.parent.mkdir()
    path.symlink_to(target)
    assert only(workspace).state is HookState.FOREIGN
    install(workspace, "pre-commit")
    assert only(workspace).state is HookState.INSTALLED
    uninstall(workspace, "pre-commit")
    assert str(path.readlink()) == target


def test_a_folder_in_the_place_of_a_hook_is_refused(workspace: Workspace) -> None:
    (hooks_of(workspace) / "pre-commit").mkdir(parents=True)
    with pytest.raises(UsageError, match="is no file"):
        install(workspace)
    assert sorted(listing(hooks_of(workspace))) == ["pre-commit"]


def test_a_hook_without_the_right_to_run_is_disabled(workspace: Workspace) -> None:
    (installed,) = install(workspace, "pre-commit")
    installed.path.chmod(0o644)
    assert only(workspace).state is HookState.DISABLED
    assert "git passes it over" in only(workspace).hint
    assert install(workspace, "pre-commit")[0].change is HookChange.UPDATED
    assert only(workspace).state is HookState.INSTALLED


def test_an_unknown_name_is_refused(workspace: Workspace) -> None:
    for action in (install, uninstall, status):
        with pytest.raises(UsageError, match=r"post-commit: no such hook.*pre-push"):
            action(workspace, "post-commit")


@pytest.mark.usefixtures("ordinary_user")
def test_a_folder_without_the_right_to_write(workspace: Workspace) -> None:
    write_hook(workspace)
    before = listing(hooks_of(workspace))
    hooks_of(workspace).chmod(0o500)
    with pytest.raises(OperationError, match="Permission denied"):
        install(workspace)
    hooks_of(workspace).chmod(0o700)
    assert listing(hooks_of(workspace)) == before


def test_a_failure_in_the_middle_brings_the_hook_back(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    write_hook(workspace)
    before = listing(hooks_of(workspace))

    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device", str(self), None, str(target))

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OperationError, match="No space left on device"):
        install(workspace, "pre-commit")
    assert listing(hooks_of(workspace)) == before


# Where git looks


def test_hooks_path_is_what_git_says(workspace: Workspace, home: Path, tmp_path: Path) -> None:
    folder = workspace.folder
    assert hooks_of(workspace) == folder / ".git" / "hooks"
    for value, expected in (
        ("our hooks", folder / "our hooks"),
        ("~/my hooks", home / "my hooks"),
        (str(tmp_path / "anywhere"), tmp_path / "anywhere"),
        ("", Path("/")),
    ):
        workspace.git("config", "core.hooksPath", value)
        assert hooks_of(workspace) == expected


def test_the_users_own_configuration_counts(workspace: Workspace, home: Path) -> None:
    workspace.git("config", "--global", "core.hooksPath", "~/hooks of mine")
    assert hooks_of(workspace) == home / "hooks of mine"


def test_a_conditional_include_counts(workspace: Workspace, home: Path) -> None:
    (home / "work").write_text("[core]\n\thooksPath = work hooks\n")
    workspace.git("config", "--global", f"includeIf.gitdir:{workspace.folder}/.path", "~/work")
    assert hooks_of(workspace) == workspace.folder / "work hooks"


def test_another_repository_in_the_environment_does_not_count(
    workspace: Workspace, bare: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when install is run by a hook or an alias of another repository."""
    monkeypatch.setenv("GIT_DIR", str(bare.folder))
    monkeypatch.setenv("GIT_COMMON_DIR", str(bare.folder))
    monkeypatch.setenv("GIT_CONFIG_PARAMETERS", "'core.hooksPath'='elsewhere'")
    assert hooks_of(workspace) == workspace.folder / ".git" / "hooks"


def test_a_linked_worktree_shares_the_hooks(workspace: Workspace, tmp_path: Path) -> None:
    workspace.git("worktree", "add", "-b", "linked", str(tmp_path / "linked"))
    linked = workspace.at(tmp_path / "linked")
    assert install(linked)[0].path == workspace.folder / ".git" / "hooks" / "pre-commit"
    assert only(workspace).state is HookState.INSTALLED


def test_a_worktree_of_a_bare_repository(workspace: Workspace, bare: Workspace, tmp_path: Path) -> None:
    workspace.git("push", str(bare.folder), "HEAD:main")
    bare.git("worktree", "add", str(tmp_path / "tree"), "main")
    assert [result.name for result in install(bare.at(tmp_path / "tree"))] == ["pre-commit", "pre-push"]
    assert (bare.folder / "hooks" / "pre-commit").exists()


def test_a_relative_path_in_a_bare_repository(bare: Workspace) -> None:
    bare.git("config", "core.hooksPath", "elsewhere")
    assert install(bare)[0].path == bare.folder / "elsewhere" / "pre-receive"


def test_a_folder_that_serves_others_needs_force(workspace: Workspace, home: Path) -> None:
    workspace.git("config", "--global", "core.hooksPath", "~/hooks")
    for action in (install, uninstall):
        with pytest.raises(UsageError, match=r"outside the repository.*--force"):
            action(workspace)
    assert not (home / "hooks").exists()
    results = install(workspace, force=True)
    assert all("every repository" in result.hint for result in results)
    assert (home / "hooks" / "pre-commit").exists()
    assert {result.change for result in uninstall(workspace, force=True)} == {HookChange.REMOVED, HookChange.ABSENT}


def test_a_hooks_folder_that_is_a_link_to_the_outside_needs_force(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    hooks_of(workspace).symlink_to(tmp_path / "shared")
    with pytest.raises(UsageError, match="outside the repository"):
        install(workspace)
    assert listing(tmp_path / "shared") == {}


def test_a_folder_of_the_worktree_is_said(workspace: Workspace) -> None:
    workspace.git("config", "core.hooksPath", ".githooks")
    assert all("part of the worktree" in result.hint for result in install(workspace))


def test_hooks_that_are_turned_off_are_refused(workspace: Workspace) -> None:
    workspace.git("config", "core.hooksPath", os.devnull)
    with pytest.raises(UsageError, match="git runs no hooks here"):
        install(workspace, force=True)
    assert all("git runs no hooks here; unset core.hooksPath" in each.hint for each in status(workspace))


# Other hook managers


@pytest.mark.parametrize("folder", [".husky/_", ".husky"])
def test_husky_is_not_broken_but_told_about(workspace: Workspace, folder: str) -> None:
    """Its hooks look up their own file name, and under another one do nothing without a word."""
    workspace.git("config", "core.hooksPath", folder)
    write_hook(workspace, text='#!/usr/bin/env sh\n. "$(dirname "$0")/h"\n')
    before = listing(hooks_of(workspace))
    with pytest.raises(UsageError, match=r'tokenguard hook run pre-commit "\$@"` to \.husky/pre-commit'):
        install(workspace)
    assert listing(hooks_of(workspace)) == before
    assert "husky" in only(workspace).hint
    assert "husky" in status(workspace, "pre-push")[0].hint


def test_the_pre_commit_frameworks_hook_is_kept_and_its_own_way_is_told(workspace: Workspace) -> None:
    write_hook(workspace, text="#!/usr/bin/env bash\n# File generated by pre-commit: https://pre-commit.com\n")
    assert ".pre-commit-config.yaml" in only(workspace).hint
    (result,) = install(workspace, "pre-commit")
    assert ".pre-commit-config.yaml" in result.hint
    assert result.earlier is not None


def test_a_new_repository_with_git_sample_hooks(tmp_path: Path) -> None:
    """The samples that git puts there are not hooks."""
    made = make_workspace(tmp_path / "new")
    shutil.rmtree(made.folder)
    made.folder.mkdir()
    made.git("init")
    assert {found.state for found in status(made)} == {HookState.MISSING}
    install(made)
    assert stat.S_IMODE((hooks_of(made) / "pre-commit").stat().st_mode) & 0o111
