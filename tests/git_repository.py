"""Real repositories for tests, built by the real git with the settings that the fixtures give it.

Names and contents may be any bytes. Each commit is one second younger than the one before, so that ids do not
depend on how fast a test runs.
"""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_EPOCH = 1_790_000_000


class RepositoryBuilder:
    """One repository and its worktree at `path`."""

    def __init__(self, path: Path, *, object_format: str = "sha1", bare: bool = False) -> None:
        self.path = path
        self._clock = _EPOCH
        path.mkdir(parents=True, exist_ok=True)
        if not (path / ".git").exists() and not (path / "HEAD").exists():
            self.run("init", "-q", f"--object-format={object_format}", *(("--bare",) if bare else ()))

    def run(self, *arguments: str | bytes, stdin: bytes = b"", environ: Mapping[str, str] | None = None) -> str:
        """Run git in the worktree; its output without the line feed at its end."""
        return os.fsdecode(self.run_raw(*arguments, stdin=stdin, environ=environ).removesuffix(b"\n"))

    def run_raw(self, *arguments: str | bytes, stdin: bytes = b"", environ: Mapping[str, str] | None = None) -> bytes:
        """As `run`, the output as it is; a git that fails fails the test."""
        self._clock += 1
        date = f"{self._clock} +0000"
        dates = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
        environment = {**os.environ, **dates, **(environ or {})}
        done = subprocess.run(
            ["git", *arguments], cwd=self.path, input=stdin, capture_output=True, check=False, env=environment
        )
        assert done.returncode == 0, f"git {arguments!r}: {os.fsdecode(done.stderr)}"
        return done.stdout

    def write(self, path: str | bytes, content: str | bytes) -> None:
        """A file in the worktree, with the folders that it needs."""
        full = os.path.join(os.fsencode(self.path), os.fsencode(path))  # a Path takes no bytes
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)

    def add(self, files: Mapping[str, str | bytes | None] | Mapping[bytes, str | bytes | None]) -> None:
        """Write files (None: delete) and stage everything that is different in the worktree."""
        for path, content in files.items():
            if content is None:
                os.unlink(os.path.join(os.fsencode(self.path), os.fsencode(path)))
            else:
                self.write(path, content)
        self.run("add", "--all")

    def commit(
        self,
        files: Mapping[str, str | bytes | None] | Mapping[bytes, str | bytes | None] | None = None,
        message: str = "change",
    ) -> str:
        """Write, stage and commit; the commit's id."""
        self.add(files or {})
        self.run("commit", "-q", "--allow-empty", "--no-verify", "-m", message)
        return self.oid("HEAD")

    def merge(self, *others: str, files: Mapping[str, str | bytes | None] | None = None) -> str:
        """Merge; with `files`, what the merge itself puts in beside: an evil merge. The commit's id."""
        self.run("merge", "-q", "--no-ff", "--no-commit", *others)
        return self.commit(files, "merge")

    def oid(self, revision: str) -> str:
        """The object id that a revision stands for."""
        return self.run("rev-parse", "--verify", "--end-of-options", revision)

    def object(self, kind: str, content: bytes) -> str:
        """Write one object as it stands, well-formed or not; its id."""
        return self.run("hash-object", "-t", kind, "-w", "--stdin", "--literally", stdin=content)
