"""Where git looks for a repository's hooks, asked of git itself with the user's own configuration in force.

The runner overrules core.hooksPath and the user's settings on purpose, since a scanned repository is hostile. Who
installs a hook asks the opposite: what will git do when this user commits? Reading that path runs no program.
Settings: git-config(1), core.hooksPath; the answer: git-rev-parse(1), --git-path.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tokenguard.errors import GitError
from tokenguard.git.environment import system_variables
from tokenguard.git.repository import Repository
from tokenguard.git.runner import find_git, last_line


def hooks_path(repository: Repository, environ: Mapping[str, str] | None = None) -> Path:
    """The folder from which git runs the repository's hooks; it need not exist.

    It is the common folder's `hooks` (also for linked worktrees), or what core.hooksPath says: a relative one counts
    from the top of the worktree, in a bare repository from its folder.

    Raises:
        GitError: git is missing, or does not say.
    """
    caller = os.environ if environ is None else environ
    folder = repository.worktree or repository.git_dir
    done = subprocess.run(
        # A hook's path, not the folder's: for an empty core.hooksPath only the former is what git runs.
        [find_git(caller), "rev-parse", "--git-path", "hooks/pre-commit"],
        cwd=folder,
        env=_environment(repository, caller),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        raise GitError(f"git does not say where its hooks are: {last_line(done.stderr)}")
    return (folder / os.fsdecode(done.stdout.removesuffix(b"\n"))).parent


def _environment(repository: Repository, caller: Mapping[str, str]) -> dict[str, str]:
    """What git needs, pointed at this repository; of git's variables only what says where settings are."""
    settings = {
        name: value
        for name, value in caller.items()
        # GIT_CONFIG_PARAMETERS holds the -c options of one command, which the next commit will not have.
        if name.startswith("GIT_CONFIG") and name != "GIT_CONFIG_PARAMETERS"
    }
    kept = system_variables(caller) | settings | {"GIT_DIR": str(repository.git_dir), "LC_ALL": "C"}
    if repository.worktree is not None:
        kept["GIT_WORK_TREE"] = str(repository.worktree)
    return kept
