"""A repository to work in, and a program that only writes down how it was started."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Workspace:
    """A worktree and the PATH that its git and hooks see."""

    folder: Path
    path: str

    def run(self, *command: str, expected: int | None = 0, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run a program here; its exit code must be `expected`, unless None."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=os.environ | {"PATH": self.path} | environ,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            check=False,
        )
        shown = f"{shlex.join(command)}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        assert expected is None or done.returncode == expected, shown
        return done

    def git(self, *arguments: str, expected: int | None = 0, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run git here."""
        return self.run("git", *arguments, expected=expected, **environ)

    def write(self, name: str, text: str) -> Path:
        """Write a file and stage it."""
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        self.git("add", "--", name)
        return file

    def commit(self, *options: str, expected: int | None = 0, **environ: str) -> subprocess.CompletedProcess[str]:
        """Commit what is staged."""
        return self.git("commit", "--message", "a change", *options, expected=expected, **environ)

    def count(self) -> int:
        """The number of commits."""
        return int(self.git("rev-list", "--all", "--count").stdout)

    def at(self, folder: Path) -> Workspace:
        """The same PATH in another folder."""
        return Workspace(folder, self.path)

    def with_program(self, folder: Path) -> Workspace:
        """This folder with the programs of `folder` first on PATH."""
        return Workspace(self.folder, f"{folder}{os.pathsep}{self.path}")


@dataclass(frozen=True, slots=True)
class Recorder:
    """A program that writes down its arguments and standard input."""

    program: Path

    @property
    def folder(self) -> Path:
        """Where it lies, for PATH."""
        return self.program.parent

    def calls(self) -> list[str]:
        """The arguments of each call, one to a line."""
        told = self.program.with_name(f"{self.program.name}.arguments")
        return told.read_text().splitlines() if told.exists() else []

    def stdin(self) -> bytes:
        """What the last call read from standard input."""
        return self.program.with_name(f"{self.program.name}.stdin").read_bytes()


def recorder(program: Path, *, code: int = 0) -> Recorder:
    """Make a program that records, and exits with `code`."""
    program.parent.mkdir(parents=True, exist_ok=True)
    told = shlex.quote(str(program))
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >>{told}.arguments\ncat >{told}.stdin\nexit {code}\n')
    program.chmod(0o755)
    return Recorder(program)


def path_without_tokenguard() -> str:
    """PATH without the folders that hold a tokenguard; git must still be on it."""
    folders = [folder for folder in os.environ["PATH"].split(os.pathsep) if not (Path(folder) / "tokenguard").exists()]
    path = os.pathsep.join(folders)
    assert shutil.which("git", path=path)
    return path


def make_workspace(folder: Path, *options: str) -> Workspace:
    """A new repository in `folder`, without sample hooks."""
    folder.mkdir(parents=True)
    workspace = Workspace(folder, path_without_tokenguard())
    workspace.git("init", "--template=", *options)
    return workspace


def find_shellcheck() -> str | None:
    """The shellcheck beside this Python, or else on PATH."""
    beside = Path(sys.executable).with_name("shellcheck")
    return str(beside) if beside.exists() else shutil.which("shellcheck")
