"""`tokenguard completion …`: the scripts, read by real shells, complete commands, options and values."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

import plant
from cli.program import CLEAN, COMMAND, INSTALLED, USAGE, run
from tokenguard.cli.root import COMMANDS
from tokenguard.report.registry import FORMATS

SHELLS = ("bash", "zsh", "fish")

needs_program = pytest.mark.skipif(not INSTALLED.exists(), reason="tokenguard is not installed as a program here")


@pytest.fixture
def path(monkeypatch: pytest.MonkeyPatch) -> None:
    """The installed program first on PATH: completion starts it by its name."""
    monkeypatch.setenv("PATH", f"{INSTALLED.parent}{os.pathsep}{os.environ['PATH']}")


def in_bash(line: str, cwd: Path) -> list[str]:
    """What bash offers for the last word of a command line."""
    script = f"""
    eval "$({COMMAND[0]} completion bash)"
    complete -p tokenguard | grep -q -- '-F _tokenguard_completion' || exit 9
    COMP_WORDS=({line} "$1"); COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 ))
    _tokenguard_completion tokenguard
    printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    *words, last = line.split(" ")
    script = script.replace(f"({line} ", f"({' '.join(words)} ")
    done = subprocess.run(["bash", "-c", script, "bash", last], cwd=cwd, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


@needs_program
@pytest.mark.usefixtures("path")
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("tokenguard ", set(COMMANDS)),
        ("tokenguard token create a --family bi", {plant.BINBOI_ACCESS, plant.BINBOI_LIVE}),
        ("tokenguard sc", {"scan"}),
        ("tokenguard scan ", {"files", "git", "staged", "commits", "push", "receive", "shell", "stdin"}),
        ("tokenguard scan files --exit", {"--exit-zero"}),
        ("tokenguard scan files --format ", set(FORMATS)),
        ("tokenguard scan files --format j", {"json", "jsonl", "junit"}),
        ("tokenguard scan git --only ", set(plant.RULES)),
        ("tokenguard scan files --fail-on cr", {"critical"}),
        ("tokenguard rules show k", {plant.KEEBAI}),
        ("tokenguard rules export --to ", {"gitleaks"}),
        ("tokenguard hook install pre-p", {"pre-push"}),
        ("tokenguard completion ", set(SHELLS)),
    ],
)
def test_bash(tmp_path: Path, line: str, offered: set[str]) -> None:
    assert set(in_bash(line, tmp_path)) == offered


@needs_program
@pytest.mark.usefixtures("path")
@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_take_the_script(tmp_path: Path, shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    script = {
        "zsh": f'autoload -U compinit; compinit -u; eval "$({INSTALLED} completion zsh)"; print $_comps[tokenguard]',
        "fish": f"{INSTALLED} completion fish | source; complete --do-complete 'tokenguard scan st'",
    }[shell]
    done = subprocess.run([shell, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    expected = {"zsh": ["_tokenguard_completion"], "fish": ["staged", "stdin"]}[shell]
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == expected


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_names_the_program(tmp_path: Path, shell: str) -> None:
    ended = run("completion", shell, cwd=tmp_path)
    assert (ended.code, ended.err) == (CLEAN, "")
    assert f"_TOKENGUARD_COMPLETE={shell}_complete" in ended.out


def test_a_shell_that_is_not_known(tmp_path: Path) -> None:
    ended = run("completion", "tcsh", cwd=tmp_path)
    assert ended.code == USAGE
    assert "'tcsh' is not one of 'bash', 'zsh', 'fish'" in ended.message
