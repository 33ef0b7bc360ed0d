"""The GitHub Action and the GitLab template: every script of theirs is run, by the shell that runs it there."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from hooks.workspace import CHECKOUT, find_shellcheck

ACTION: dict[str, Any] = yaml.safe_load((CHECKOUT / "action.yml").read_text())
STEPS: list[dict[str, Any]] = ACTION["runs"]["steps"]
HEADER, TEMPLATE = yaml.safe_load_all((CHECKOUT / "templates" / "gitlab-ci.yml").read_text())
JOB: dict[str, Any] = TEMPLATE["tokenguard"]
HOSTILE = "a..b'\"; touch ran; $(touch ran) `touch ran` ${{ x }}"

# Stands for Python: `-m venv` makes an environment with this same stub and a tokenguard that records its arguments.
STUB = """\
#!/bin/sh
printf '%s\\n' "python $*" >>"$RECORD"
for last; do :; done
case "$*" in
  *'-m venv'*)
    mkdir -p "$last/bin"
    cp "$0" "$last/bin/python"
    cp "${0%/*}/scanner" "$last/bin/tokenguard"
    ;;
esac
"""
SCANNER = """\
#!/bin/sh
for argument; do
  printf '%s\\n' "$argument" >>"$RECORD"
  case $argument in
    *=*) [ "$CODE" = 2 ] || echo "report" >"${argument#*=}" ;;
  esac
done
exit "$CODE"
"""


@dataclass(frozen=True, slots=True)
class Runner:
    """A folder in which steps are run as a CI runner would run them."""

    folder: Path

    def run(self, script: str, *shell: str, **environ: str) -> int:
        file = self.folder / "script.sh"
        file.write_text(script)
        base = {
            "PATH": f"{self.folder / 'programs'}:{os.environ['PATH']}",
            "RECORD": str(self.folder / "record"),
            "RUNNER_TEMP": str(self.folder / "runner temp"),
            "TMPDIR": str(self.folder / "runner temp"),
            "GITHUB_ACTION_PATH": "/the action/itself",
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary"),
            "GITHUB_OUTPUT": str(self.folder / "output"),
        }
        done = subprocess.run([*shell, str(file)], cwd=self.folder / "work", env=base | environ, check=False)
        return done.returncode

    def action(self, code: int = 0, **inputs: str) -> int:
        """Run both steps of the action; the exit code of the last."""
        defaults = {name: str(each.get("default", "")) for name, each in ACTION["inputs"].items()}
        given = defaults | {name.replace("_", "-"): value for name, value in inputs.items()}
        for step in STEPS:
            values = {
                name: re.sub(r"^\$\{\{ inputs\.([a-z-]+) \}\}$", lambda hit: given[hit[1]], text)
                for name, text in step["env"].items()
            }
            result = self.run(step["run"], "bash", "--noprofile", "--norc", "-eo", "pipefail", CODE=str(code), **values)
            if result != 0:
                return result
        return 0

    def job(self, code: int = 0, **inputs: str) -> int:
        """Run the script of the GitLab job."""
        defaults = {name: str(each.get("default", "")) for name, each in HEADER["spec"]["inputs"].items()}
        given = defaults | inputs
        values = {
            name: re.sub(r"^\$\[\[ inputs\.([a-z]+) \]\]$", lambda hit: given[hit[1]], text)
            for name, text in JOB["variables"].items()
        }
        script = "set -e\n" + "\n".join(JOB["script"])
        return self.run(script, "sh", CODE=str(code), **values)

    def recorded(self) -> list[str]:
        return (self.folder / "record").read_text().splitlines()

    def text(self, name: str) -> str:
        file = self.folder / name
        return file.read_text() if file.exists() else ""


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    for folder in ("programs", "runner temp", "work"):
        (tmp_path / folder).mkdir()
    for name, text in (("python3", STUB), ("scanner", SCANNER)):
        program = tmp_path / "programs" / name
        program.write_text(text)
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return Runner(tmp_path)


# The GitHub Action


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step["name"])
def test_a_step_is_bash_and_takes_nothing_but_its_environment(step: dict[str, Any]) -> None:
    assert step["shell"] == "bash"
    assert "${{" not in step["run"]
    subprocess.run(["bash", "-n"], input=step["run"], text=True, check=True)
    assert all(re.fullmatch(r"\$\{\{ inputs\.[a-z-]+ \}\}", value) for value in step["env"].values())
    assert {value[11:-3] for value in step["env"].values()} <= set(ACTION["inputs"])
    # Such variables are tokenguard's own configuration.
    assert not [name for name in step["env"] if name.startswith("TOKENGUARD_")]


def test_every_input_is_used_and_described() -> None:
    used = {value[11:-3] for step in STEPS for value in step["env"].values()}
    assert used == set(ACTION["inputs"])
    assert all(each["description"] for each in ACTION["inputs"].values())


def test_the_scripts_pass_shellcheck() -> None:
    shellcheck = find_shellcheck()
    if shellcheck is None:
        pytest.skip("shellcheck is not installed")
    for step in STEPS:
        subprocess.run([shellcheck, "--shell=bash", "-"], input=step["run"], text=True, check=True)


def test_the_action_installs_itself_and_scans_the_events_commits(runner: Runner) -> None:
    assert runner.action() == 0
    temp = runner.folder / "runner temp"
    assert runner.recorded()[1:] == [
        f"python -I -m venv {temp}/tokenguard",
        "python -I -m pip install --disable-pip-version-check --quiet /the action/itself",
        "scan",
        "commits",
        "--no-progress",
        "--format",
        "github",
        "--format",
        "sarif=tokenguard.sarif",
        "--format",
        f"markdown={temp}/tokenguard-summary.md",
        "--repo",
        ".",
    ]
    assert (runner.folder / "work" / "tokenguard.sarif").exists()


@pytest.mark.parametrize("code", [0, 1, 2, 3])
def test_the_exit_code_is_passed_on_and_the_reports_are_there(runner: Runner, code: int) -> None:
    assert runner.action(code) == code
    assert runner.text("output") == f"exit-code={code}\n"
    assert runner.text("summary") == ("" if code == 2 else "report\n")
    assert (runner.folder / "work" / "tokenguard.sarif").exists() == (code != 2)


def test_a_second_run_does_not_show_the_summary_of_the_first(runner: Runner) -> None:
    runner.action(1)
    (runner.folder / "summary").unlink()
    assert runner.action(2) == 2
    assert runner.text("summary") == ""


def test_inputs_are_arguments_and_never_script(runner: Runner) -> None:
    assert runner.action(range=HOSTILE, path="-a folder", fail_on="high", strict_allow="true") == 0
    told = runner.recorded()
    assert told[-5:] == ["--strict-allow", "--repo", "-a folder", "--", HOSTILE]
    assert told[-7:-5] == ["--fail-on", "high"]
    assert not (runner.folder / "work" / "ran").exists()


@pytest.mark.parametrize("mode", ["git", "files"])
def test_the_other_modes(runner: Runner, mode: str) -> None:
    assert runner.action(mode=mode, path="--some folder") == 0
    told = runner.recorded()
    assert told[told.index("scan") + 1] == mode
    assert told[-2:] == ["--", "--some folder"]


def test_an_unknown_mode_fails_without_a_scan(runner: Runner) -> None:
    assert runner.action(mode="commits; true") == 2
    assert "scan" not in runner.recorded()


def test_a_python_that_is_missing_fails(runner: Runner) -> None:
    assert runner.action(python="no-such-python") == 2
    assert not (runner.folder / "record").exists()


# The GitLab template


def test_the_job_keeps_its_reports_when_it_fails_and_has_the_history() -> None:
    assert JOB["artifacts"]["when"] == "always"
    assert sorted(JOB["artifacts"]["reports"].values()) == JOB["artifacts"]["paths"]
    assert JOB["variables"]["GIT_DEPTH"] == "0"
    assert not any("$[[" in line for line in JOB["script"])
    assert "allow_failure" not in JOB


def test_the_job_scans_the_pipelines_commits(runner: Runner) -> None:
    assert runner.job(source="git+https://example.org/group/project@0123") == 0
    told = runner.recorded()
    assert told[1].endswith(" --quiet git+https://example.org/group/project@0123")
    assert told[2:] == [
        "scan",
        "commits",
        "--no-progress",
        "--format",
        "text",
        "--format",
        "gitlab=gl-secret-detection-report.json",
        "--format",
        "junit=tokenguard-junit.xml",
        "--",
    ]
    for report in JOB["artifacts"]["paths"]:
        assert (runner.folder / "work" / report).exists()


@pytest.mark.parametrize("code", [1, 2, 3])
def test_the_job_fails_with_the_scan(runner: Runner, code: int) -> None:
    assert runner.job(code, source="x") == code


def test_the_jobs_inputs_are_arguments_and_never_script(runner: Runner) -> None:
    assert runner.job(source=HOSTILE, range=HOSTILE) == 0
    assert runner.recorded()[-1] == HOSTILE
    assert not (runner.folder / "work" / "ran").exists()
