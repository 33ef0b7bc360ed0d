"""Running git so that neither the user's nor the repository's settings change a result or run a program.

What a scanned repository could otherwise do (tried): a stdin-fed `cat-file` honours refs/replace; a missing blob
of a promisor remote with an `ext::` URL runs a command; core.fsmonitor and core.hooksPath name programs;
color.ui=always corrupts what is parsed. Environment: git(1); settings: git-config(1).
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO

from tokenguard.errors import GitError
from tokenguard.git.environment import system_variables
from tokenguard.git.pipes import includes, refuse_pipes
from tokenguard.git.repository import Repository

MINIMUM_VERSION = (2, 32)
"""The first git with GIT_CONFIG_GLOBAL, which keeps the user's own settings out."""

_SETTINGS = (
    "safe.directory=*",
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.attributesFile=/dev/null",
    "core.commitGraph=false",  # a lying commit-graph would spoil the proof of completeness
    "core.multiPackIndex=false",  # likewise
    "core.quotePath=false",
    "core.alternateRefsCommand=false",
    "protocol.allow=never",
    "color.ui=false",
    "diff.renames=true",
    "diff.renameLimit=2000",
    "diff.ignoreSubmodules=none",
    "log.showSignature=false",
    "gc.auto=0",
    "maintenance.auto=false",
)

_ENVIRONMENT = {
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "",
    "GIT_GRAFT_FILE": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_PAGER": "cat",
    "LC_ALL": "C",
    # Without these glibc gives each large object's memory back to the kernel, to have it zeroed again for the next:
    # a tenth of the time of reading a whole history.
    "MALLOC_MMAP_THRESHOLD_": "1073741824",
    "MALLOC_TRIM_THRESHOLD_": "1073741824",
    "MALLOC_TOP_PAD_": "67108864",
}

HOOK_VARIABLES = frozenset(
    (
        "GIT_DIR",
        "GIT_INDEX_FILE",
        "GIT_OBJECT_DIRECTORY",
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_QUARANTINE_PATH",
    )
)
"""What git tells a hook about the repository that it runs in; kept only there."""

_STDERR_KEPT = 2000
_PATIENCE = 5
"""Seconds within which git can read its configuration."""
_PROGRAM = "git.exe" if os.name == "nt" else "git"


def _clean_environment(environ: Mapping[str, str], *, hook: bool) -> dict[str, str]:
    """Of the caller's environment what git needs: no GIT_*, no token, nothing that makes git start programs."""
    kept = system_variables(environ)
    if hook:
        kept |= {name: environ[name] for name in HOOK_VARIABLES if name in environ}
    return kept | _ENVIRONMENT


class Process:
    """A running git whose output is streamed; its standard error is drained beside it, so that it cannot block."""

    def __init__(self, popen: subprocess.Popen[bytes]) -> None:
        self._popen = popen
        self._said = b""
        self._ended: tuple[int, str] | None = None
        self._drain = threading.Thread(target=self._read_stderr, daemon=True)
        self._drain.start()

    def _read_stderr(self) -> None:
        stream = self._popen.stderr
        while stream is not None and (chunk := stream.read(4096)):
            self._said = (self._said + chunk)[-_STDERR_KEPT:]

    @property
    def stdin(self) -> IO[bytes]:
        """Where requests go."""
        if self._popen.stdin is None:
            raise GitError("git was started without a standard input")
        return self._popen.stdin

    @property
    def stdout(self) -> IO[bytes]:
        """Where answers come from."""
        if self._popen.stdout is None:
            raise GitError("git was started without a standard output")
        return self._popen.stdout

    @property
    def running(self) -> bool:
        """Whether git has not ended yet."""
        return self._popen.poll() is None

    def finish(self) -> tuple[int, str]:
        """Close both ends, wait; the exit code and the last line that git said on standard error."""
        if self._ended is not None:
            return self._ended
        for stream in (self._popen.stdin, self._popen.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        code = self._popen.wait()
        self._drain.join()
        if self._popen.stderr is not None:
            self._popen.stderr.close()
        self._ended = code, last_line(self._said)
        return self._ended

    def kill(self) -> None:
        """End it at once; what it would still have said is not wanted."""
        self._popen.kill()
        self.finish()


def last_line(said: bytes) -> str:
    """The last line of what git said, decoded for a message."""
    lines = said.decode("utf-8", "replace").strip().splitlines()
    return lines[-1].removeprefix("fatal: ").removeprefix("error: ") if lines else ""


class Git:
    """Git on one repository, with every setting that matters overruled."""

    def __init__(self, repository: Repository, *, hook: bool = False, environ: Mapping[str, str] | None = None) -> None:
        caller = os.environ if environ is None else environ
        self.repository = repository
        self._environment = _clean_environment(caller, hook=hook)
        self._environment["GIT_DIR"] = str(repository.git_dir)
        if repository.worktree is not None:
            # Overrules core.worktree, which a scanned repository could point anywhere.
            self._environment["GIT_WORK_TREE"] = str(repository.worktree)
        self._program = find_git(caller)
        self._settings = tuple(part for setting in _SETTINGS for part in ("-c", setting))
        refuse_pipes(repository)
        if includes(repository):
            self._check_includes()

    def _check_includes(self) -> None:
        """Read the configuration once, as every git will: what it includes may be a pipe."""
        try:
            subprocess.run(
                self._command(("config", "--list", "--name-only")),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                env=self._environment,
                cwd=self._folder,
                check=False,
                timeout=_PATIENCE,
            )
        except subprocess.TimeoutExpired:
            raise GitError(
                f"{self.repository.common_dir / 'config'}: git waits for ever for what this configuration includes",
                remedy="correct include.path there",
            ) from None

    def _command(self, arguments: Iterable[str]) -> list[str]:
        return [self._program, *self._settings, *arguments]

    @property
    def _folder(self) -> Path:
        worktree = self.repository.worktree
        return worktree if worktree is not None and worktree.is_dir() else self.repository.git_dir

    def start(self, *arguments: str, stdin: bool = False, stdout: int | None = None) -> Process:
        """Start git and stream its output, or let it write to the descriptor `stdout`.

        With `stdin` requests can be written to it, and nothing is buffered on our side.
        """
        return Process(
            subprocess.Popen(
                self._command(arguments),
                stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
                stdout=subprocess.PIPE if stdout is None else stdout,
                stderr=subprocess.PIPE,
                env=self._environment,
                cwd=self._folder,
                bufsize=0 if stdin else -1,
            )
        )

    def try_run(self, *arguments: str, stdin: bytes = b"") -> tuple[int, bytes, str]:
        """Run git to its end: exit code, standard output, last line of standard error."""
        done = subprocess.run(
            self._command(arguments),
            input=stdin,
            capture_output=True,
            env=self._environment,
            cwd=self._folder,
            check=False,
        )
        return done.returncode, done.stdout, last_line(done.stderr)

    def run(self, *arguments: str, stdin: bytes = b"") -> bytes:
        """Standard output of a git that must succeed.

        Raises:
            GitError: it did not; the message names the subcommand, never its arguments.
        """
        code, output, said = self.try_run(*arguments, stdin=stdin)
        if code != 0:
            raise GitError(f"git {arguments[0]} failed: {said or f'exit code {code}'}")
        return output

    def records(self, *arguments: str, stdin: bytes = b"") -> Iterator[bytes]:
        """NUL-terminated records (`-z`) of a git that must succeed."""
        output = self.run(*arguments, stdin=stdin)
        return iter(output.split(b"\0")[:-1])


def find_git(environ: Mapping[str, str]) -> str:
    """The git program.

    Raises:
        GitError: there is none on PATH.
    """
    for folder in environ.get("PATH", os.defpath).split(os.pathsep):
        # A relative folder would be one of whatever is scanned.
        program = os.path.join(folder, _PROGRAM)
        if os.path.isabs(folder) and os.path.isfile(program) and os.access(program, os.X_OK):
            return program
    needed = ".".join(map(str, MINIMUM_VERSION))
    raise GitError("git was not found on PATH", remedy=f"install git {needed} or newer")


class VersionCheck:
    """Asks git for its version while something else is going on."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        """Raises GitError where there is no git."""
        self._program = find_git(environ)
        clean = _clean_environment(environ, hook=False)  # a user's trace2 settings would write and run things here too
        self._asked = subprocess.Popen(
            [self._program, "version"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=clean
        )

    def version(self) -> tuple[int, ...]:
        """The answer, as numbers.

        Raises:
            GitError: git does not say its version.
        """
        said, _ = self._asked.communicate()
        found = re.search(rb"(\d+)\.(\d+)(?:\.(\d+))?", said)
        if found is None:
            raise GitError(f"{self._program}: does not say its version", remedy="install a working git")
        return tuple(int(number) for number in found.groups(default=b"0"))

    def require(self) -> None:
        """Refuse a git that is too old.

        Raises:
            GitError: naming the version found and the one needed.
        """
        found = self.version()
        if found < MINIMUM_VERSION:
            needed = ".".join(map(str, MINIMUM_VERSION))
            raise GitError(f"git {'.'.join(map(str, found))} is too old", remedy=f"install git {needed} or newer")


def git_version(environ: Mapping[str, str]) -> tuple[int, ...]:
    """The version of git, as numbers.

    Raises:
        GitError: there is no git, or it does not say its version.
    """
    return VersionCheck(environ).version()


def require_git(environ: Mapping[str, str]) -> None:
    """Refuse a git that is missing or too old.

    Raises:
        GitError: naming the version found and the one needed.
    """
    VersionCheck(environ).require()
