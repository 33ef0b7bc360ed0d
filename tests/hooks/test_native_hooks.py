"""The shell scripts in hooks/, run by real git: commit, push, receive."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

import plant
from hooks.workspace import CHECKOUT, Recorder, Workspace, find_shellcheck, recorder
from tokenguard.app.hooks import install_hooks
from tokenguard.git.repository import locate

NAMES = ("pre-commit", "pre-push", "pre-receive")
SHELLS = [shell for shell in ("dash", "bash", "busybox") if shutil.which(shell)]


def install(workspace: Workspace, *names: str, program: Path | str = "") -> Path:
    """Install hooks that start `program`; the folder where they are."""
    return install_hooks(locate(workspace.folder), names, program=str(program))[0].path.parent


def keep(workspace: Workspace, name: str, *, code: int = 0) -> Recorder:
    """A hook of the user's own, there before ours."""
    path = workspace.git("rev-parse", "--git-path", f"hooks/{name}").stdout.strip()
    return recorder(workspace.folder / path, code=code)


# With a tokenguard that only records how it was started


def test_pre_commit_starts_tokenguard(workspace: Workspace, fake: Recorder) -> None:
    install(workspace, "pre-commit", program=fake.program)
    workspace.write("a file", "x")
    workspace.commit()
    assert fake.calls() == ["hook run pre-commit"]


def test_pre_push_passes_arguments_and_refs_on(workspace: Workspace, bare: Workspace, fake: Recorder) -> None:
    install(workspace, "pre-push", program=fake.program)
    workspace.git("push", str(bare.folder), "HEAD:refs/heads/new")
    head = workspace.git("rev-parse", "HEAD").stdout.strip()
    assert fake.calls() == [f"hook run pre-push {bare.folder} {bare.folder}"]
    assert fake.stdin().decode() == f"HEAD {head} refs/heads/new {'0' * 40}\n"


def test_pre_receive_passes_refs_on(workspace: Workspace, bare: Workspace, fake: Recorder) -> None:
    install(bare, "pre-receive", program=fake.program)
    workspace.git("push", str(bare.folder), "HEAD:refs/heads/new", "HEAD:refs/heads/newer")
    head = workspace.git("rev-parse", "HEAD").stdout.strip()
    assert fake.calls() == ["hook run pre-receive"]
    lines = [f"{'0' * 40} {head} refs/heads/{name}\n" for name in ("new", "newer")]
    assert fake.stdin().decode() == "".join(lines)


@pytest.mark.parametrize("code", [1, 2, 3])
def test_whatever_is_not_clean_stops_git(workspace: Workspace, bare: Workspace, tmp_path: Path, code: int) -> None:
    refusing = recorder(tmp_path / "refusing" / "tokenguard", code=code)
    install(workspace, "pre-commit", "pre-push", program=refusing.program)
    install(bare, "pre-receive", program=refusing.program)
    workspace.write("a file", "x")
    workspace.commit(expected=1)
    assert workspace.count() == 1
    workspace.git("push", str(bare.folder), "HEAD:refs/heads/new", expected=1)
    assert bare.count() == 0
    workspace.git("push", "--no-verify", str(bare.folder), "HEAD:refs/heads/new", expected=1)
    assert bare.count() == 0
    assert len(refusing.calls()) == 3


def test_path_is_used_when_the_program_is_gone(workspace: Workspace, fake: Recorder) -> None:
    install(workspace, "pre-commit", program="/no/such folder/tokenguard")
    workspace.with_program(fake.folder).write("a file", "x")
    workspace.with_program(fake.folder).commit()
    assert fake.calls() == ["hook run pre-commit"]


def test_path_is_used_when_the_programs_interpreter_is_gone(
    workspace: Workspace, fake: Recorder, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    broken.write_text("#!/no/such/python\n")
    broken.chmod(0o755)
    install(workspace, "pre-commit", program=broken)
    workspace.with_program(fake.folder).commit("--allow-empty")
    assert fake.calls() == ["hook run pre-commit"]


def test_the_program_comes_before_path(workspace: Workspace, fake: Recorder, tmp_path: Path) -> None:
    other = recorder(tmp_path / "other" / "tokenguard")
    install(workspace, "pre-commit", program=other.program)
    workspace.with_program(fake.folder).commit("--allow-empty")
    assert (len(other.calls()), len(fake.calls())) == (1, 0)


@pytest.mark.parametrize("program", ["", "/no/such/tokenguard", "interpreter gone"])
def test_missing_blocks_and_says_why(workspace: Workspace, bare: Workspace, tmp_path: Path, program: str) -> None:
    if program == "interpreter gone":
        broken = tmp_path / "tokenguard"
        broken.write_text("#!/no/such/python\n")
        broken.chmod(0o755)
        program = str(broken)
    install(workspace, "pre-commit", "pre-push", program=program)
    install(bare, "pre-receive", program=program)

    told = said(workspace.commit("--allow-empty", expected=1))
    assert "commit stopped" in told
    assert "git commit --no-verify" in told
    assert program in told
    told = said(workspace.git("push", str(bare.folder), "HEAD:new", expected=1))
    assert "push stopped" in told
    assert "git push --no-verify" in told
    told = said(workspace.git("push", "--no-verify", str(bare.folder), "HEAD:new", expected=1))
    assert "push refused" in told
    assert not program or program not in told
    assert (workspace.count(), bare.count()) == (1, 0)

    workspace.commit("--allow-empty", "--no-verify")
    assert workspace.count() == 2


def said(done: subprocess.CompletedProcess[str]) -> str:
    """The one line that our hook said."""
    lines = [line for line in done.stderr.splitlines() if line.removeprefix("remote: ").startswith("tokenguard: ")]
    assert len(lines) == 1, done.stderr
    return lines[0]


def test_the_advice_to_remove_the_hook_works(workspace: Workspace) -> None:
    """Without an earlier hook; test_the_advice_brings_the_earlier_hook_back has one."""
    hooks = install(workspace, "pre-commit")
    advice = said(workspace.commit("--allow-empty", expected=1)).rpartition("remove the hook: ")[2]
    workspace.run("sh", "-c", advice)
    assert not (hooks / "pre-commit").exists()
    workspace.commit("--allow-empty")


def test_the_advice_brings_the_earlier_hook_back(workspace: Workspace) -> None:
    earlier = keep(workspace, "pre-commit")
    hooks = install(workspace, "pre-commit")
    advice = said(workspace.commit("--allow-empty", expected=1)).rpartition("remove the hook: ")[2]
    workspace.run("sh", "-c", advice)
    assert [path.name for path in hooks.iterdir() if path.name.startswith("pre-commit.before")] == []
    workspace.commit("--allow-empty")
    assert len(earlier.calls()) == 2


# An earlier hook


def test_an_earlier_pre_commit_runs_first_and_may_change_the_index(workspace: Workspace, real: Path) -> None:
    """A hook that formats and stages: what is scanned is what will be committed."""
    leak = workspace.folder / "leak"
    token = plant.token(plant.KEEBAI)
    leak.write_text(token)
    earlier = workspace.folder / ".git" / "hooks" / "pre-commit"
    earlier.parent.mkdir(exist_ok=True)
    earlier.write_text("#!/bin/sh\ngit add leak\n")
    earlier.chmod(0o755)
    install(workspace, "pre-commit", program=real)
    done = workspace.commit("--allow-empty", expected=1)
    assert plant.visible_prefix(token) in done.stdout + done.stderr
    assert workspace.count() == 1


def test_an_earlier_pre_push_gets_the_same(workspace: Workspace, bare: Workspace, fake: Recorder) -> None:
    earlier = keep(workspace, "pre-push")
    install(workspace, "pre-push", program=fake.program)
    workspace.git("push", str(bare.folder), "HEAD:refs/heads/new", "HEAD:refs/heads/newer")
    assert earlier.calls() == [f"{bare.folder} {bare.folder}"]
    assert fake.calls() == [f"hook run pre-push {bare.folder} {bare.folder}"]
    assert fake.stdin() == earlier.stdin()
    assert fake.stdin().count(b"\n") == 2


def test_an_earlier_pre_receive_gets_the_same(workspace: Workspace, bare: Workspace, fake: Recorder) -> None:
    earlier = keep(bare, "pre-receive")
    install(bare, "pre-receive", program=fake.program)
    workspace.git("push", str(bare.folder), "HEAD:refs/heads/new")
    assert len(earlier.calls()) == len(fake.calls()) == 1
    assert fake.stdin() == earlier.stdin()
    assert fake.stdin().endswith(b" refs/heads/new\n")


def test_an_earlier_hook_that_refuses_is_obeyed(workspace: Workspace, bare: Workspace, fake: Recorder) -> None:
    for name in ("pre-commit", "pre-push"):
        keep(workspace, name, code=4)
    keep(bare, "pre-receive", code=4)
    install(workspace, "pre-commit", "pre-push", program=fake.program)
    install(bare, "pre-receive", program=fake.program)
    workspace.commit("--allow-empty", expected=1)
    workspace.git("push", str(bare.folder), "HEAD:refs/heads/new", expected=1)
    workspace.git("push", "--no-verify", str(bare.folder), "HEAD:refs/heads/new", expected=1)
    assert (workspace.count(), bare.count(), fake.calls()) == (1, 0, [])


def test_an_earlier_hook_that_reads_nothing(workspace: Workspace, bare: Workspace, fake: Recorder) -> None:
    """More refs than a pipe holds, and nobody reads them: git, the shell and tokenguard must not mind."""
    earlier = keep(workspace, "pre-push")
    earlier.program.write_text("#!/bin/sh\nexit 0\n")
    install(workspace, "pre-push", program=fake.program)
    targets = [f"HEAD:refs/heads/{'long' * 40}/{number}" for number in range(500)]
    workspace.git("push", str(bare.folder), *targets)
    assert fake.stdin().count(b"\n") == len(targets)


def test_an_earlier_hook_without_the_right_to_run_is_passed_over(workspace: Workspace, fake: Recorder) -> None:
    """As git itself does."""
    earlier = keep(workspace, "pre-commit")
    earlier.program.chmod(0o644)
    install(workspace, "pre-commit", program=fake.program)
    workspace.commit("--allow-empty")
    assert (len(earlier.calls()), len(fake.calls())) == (0, 1)


def test_our_own_hook_kept_as_the_earlier_one_ends(workspace: Workspace, fake: Recorder) -> None:
    hooks = install(workspace, "pre-commit", program=fake.program)
    shutil.copy(hooks / "pre-commit", hooks / "pre-commit.before-tokenguard")
    workspace.commit("--allow-empty")
    assert fake.calls() == ["hook run pre-commit"] * 2


# Where git runs them


def test_a_worktree_and_a_relative_hooks_path(workspace: Workspace, fake: Recorder, tmp_path: Path) -> None:
    linked = workspace.at(tmp_path / "linked tree")
    workspace.git("worktree", "add", "-b", "linked", str(linked.folder))
    install(linked, "pre-commit", program=fake.program)
    linked.commit("--allow-empty")
    workspace.commit("--allow-empty")
    assert len(fake.calls()) == 2

    workspace.git("config", "core.hooksPath", "our hooks")
    install(linked, "pre-commit", program=fake.program)
    assert (linked.folder / "our hooks" / "pre-commit").exists()
    linked.commit("--allow-empty")
    assert len(fake.calls()) == 3


def test_a_submodule(workspace: Workspace, bare: Workspace, fake: Recorder) -> None:
    workspace.git("push", str(bare.folder), "HEAD:main")
    workspace.git("-c", "protocol.file.allow=always", "submodule", "add", str(bare.folder), "inner one")
    inner = workspace.at(workspace.folder / "inner one")
    install(inner, "pre-commit", program=fake.program)
    inner.commit("--allow-empty")
    assert len(fake.calls()) == 1
    workspace.commit()
    assert len(fake.calls()) == 1


def test_commit_in_a_subfolder_and_of_a_path(workspace: Workspace, fake: Recorder) -> None:
    install(workspace, "pre-commit", program=fake.program)
    workspace.write("a folder/a file", "x")
    inner = workspace.at(workspace.folder / "a folder")
    inner.commit("a file")
    assert len(fake.calls()) == 1


# With the real tokenguard


def test_a_leak_is_stopped_at_commit(workspace: Workspace, real: Path) -> None:
    install(workspace, "pre-commit", program=real)
    token = plant.token(plant.BINBOI_ACCESS)
    workspace.write("a folder/some settings", f"key = {token}\n")
    done = workspace.commit(expected=1)
    assert plant.visible_prefix(token) in done.stdout + done.stderr
    assert "some settings" in done.stdout + done.stderr
    assert token not in done.stdout + done.stderr
    assert workspace.count() == 1


def test_a_clean_commit_passes(workspace: Workspace, real: Path) -> None:
    install(workspace, "pre-commit", program=real)
    workspace.write("a folder/some settings", "key = none\n")
    workspace.commit()
    assert workspace.count() == 2


def test_a_commit_that_adds_no_content_is_not_stopped_by_an_old_leak(workspace: Workspace, real: Path) -> None:
    token = plant.token(plant.KEEBAI)
    workspace.write("settings", token)
    workspace.write("plain", "1")
    workspace.commit()
    install(workspace, "pre-commit", program=real)
    for arguments in (("--amend", "--message=reworded"), ("--allow-empty", "--message=again")):
        assert "no findings; 0 blobs" in workspace.git("commit", *arguments).stderr
    workspace.git("rm", "--quiet", "plain")
    assert "no findings; 0 blobs" in workspace.git("commit", "--message=less").stderr
    told = workspace.run(str(real), "hook", "run", "pre-commit", expected=1)
    assert plant.visible_prefix(token) in told.stdout


def test_a_leak_is_stopped_at_push(workspace: Workspace, bare: Workspace, real: Path) -> None:
    """Also one that a later commit took out again."""
    install(workspace, "pre-push", program=real)
    workspace.git("remote", "add", "origin", str(bare.folder))
    workspace.git("push", "origin", "HEAD:main")
    assert bare.count() == 1
    token = plant.token(plant.KEEBAI)
    workspace.write("settings", token)
    workspace.commit()
    workspace.write("settings", "")
    workspace.commit()
    done = workspace.git("push", "origin", "HEAD:main", expected=1)
    assert plant.visible_prefix(token) in done.stdout + done.stderr
    assert token not in done.stdout + done.stderr
    assert bare.count() == 1


def test_a_leak_is_refused_at_receive(workspace: Workspace, bare: Workspace, real: Path) -> None:
    install(bare, "pre-receive", program=real)
    workspace.git("push", str(bare.folder), "HEAD:refs/heads/main")
    assert bare.count() == 1
    token = plant.token(plant.BINBOI_LIVE)
    workspace.write("settings", token)
    workspace.commit()
    done = workspace.git("push", str(bare.folder), "HEAD:refs/heads/main", expected=1)
    assert plant.visible_prefix(token) in done.stderr
    assert token not in done.stdout + done.stderr
    assert bare.count() == 1


def test_a_leak_and_an_earlier_hook(workspace: Workspace, bare: Workspace, real: Path) -> None:
    earlier = keep(workspace, "pre-push")
    install(workspace, "pre-push", program=real)
    token = plant.token(plant.KEEBAI)
    workspace.write("settings", token)
    workspace.commit()
    done = workspace.git("push", str(bare.folder), "HEAD:refs/heads/main", expected=1)
    assert plant.visible_prefix(token) in done.stdout + done.stderr
    assert len(earlier.calls()) == 1
    assert bare.count() == 0


# The scripts themselves


@pytest.mark.parametrize("name", NAMES)
def test_shellcheck_has_nothing_to_say(name: str) -> None:
    shellcheck = find_shellcheck()
    if shellcheck is None:
        pytest.skip("shellcheck is not installed")
    subprocess.run([shellcheck, "--shell=sh", str(CHECKOUT / "hooks" / name)], check=True)


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_passes_refs_on_byte_for_byte(workspace: Workspace, fake: Recorder, shell: str) -> None:
    """A ref's name need not be UTF-8, and nothing is added or dropped at the end."""
    earlier = keep(workspace, "pre-push")
    hooks = install(workspace, "pre-push", program=fake.program)
    command = [shell, "sh"] if shell == "busybox" else [shell]
    for refs in (b"", b"refs/heads/caf\xe9 1 refs/heads/x 0\n", b"no end", b"two ends\n\n"):
        subprocess.run([*command, str(hooks / "pre-push"), "origin", "a url"], input=refs, check=True)
        assert (earlier.stdin(), fake.stdin()) == (refs, refs)
    assert set(fake.calls()) == {"hook run pre-push origin a url"}
