"""Which files a worktree's .gitignore leaves out, as git itself understands it."""

from __future__ import annotations

import os

from tokenguard.git.runner import Git


def ignored_paths(git: Git) -> frozenset[str]:
    """Absolute paths of ignored files and folders; of a folder that is ignored whole only the folder itself.

    Raises:
        GitError: git could not tell.
    """
    top = str(git.repository.worktree)
    entries = git.records("ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z")
    return frozenset(os.path.join(top, os.fsdecode(entry).rstrip("/")) for entry in entries)
