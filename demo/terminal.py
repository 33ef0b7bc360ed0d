"""How the demonstration speaks: explanations, command lines as one would type them, and what the program answers."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import plant

TOKENGUARD = Path(sys.executable).with_name("tokenguard")
HIDDEN_RUN = 8
"""So many characters in a row of the hidden part of a token must never be printed."""


class Fault(Exception):  # noqa: N818 - what is wrong with the demonstration, not with a program
    """Something is not as it should be."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command ended with."""

    code: int
    printed: str


@dataclass
class Terminal:
    """Runs tokenguard as the user of a home does, and shows it. No token that is known may be in what is shown."""

    folder: Path
    environ: dict[str, str]
    tokens: list[str] = field(default_factory=list)

    def run(self, *arguments: str, expect: int, stdin: str | None = None, shown: str = "") -> Answer:
        """Run a command and show it with its answer; `shown` is what stands behind it on the command line.

        Raises:
            Fault: another exit code than expected, or the answer gives a token away.
        """
        print(f"\n$ {printed(arguments)}{shown}", flush=True)
        done = self._run(arguments, stdin)
        said = os.fsdecode(done.stdout + done.stderr)
        self.check(said)
        print(said, f"(exit {done.returncode})", sep="", flush=True)
        if done.returncode != expect:
            raise Fault(f"{printed(arguments)} should exit {expect}, not {done.returncode}")
        return Answer(done.returncode, os.fsdecode(done.stdout))

    def secret(self, *arguments: str) -> str:
        """Run a command whose standard output is a token, and go into a pipe; the rest of what it says is shown.

        Raises:
            Fault: it failed.
        """
        print(f"\n$ {printed(arguments)} | …", flush=True)
        done = self._run(arguments, None)
        token = os.fsdecode(done.stdout).strip()
        if done.returncode != 0 or not token:
            raise Fault(f"{printed(arguments)}: {os.fsdecode(done.stderr)}")
        self.tokens.append(token)
        said = os.fsdecode(done.stderr)
        self.check(said)
        print(said, end="", flush=True)
        return token

    def check(self, text: str) -> None:
        """Fault where a text gives away a token; the text is not repeated."""
        if any(leaks(token, text) for token in self.tokens):
            raise Fault("what tokenguard printed holds the hidden part of a token (it is not shown here)")

    def _run(self, arguments: tuple[str, ...], stdin: str | None) -> subprocess.CompletedProcess[bytes]:
        given = stdin.encode() if stdin is not None else b""
        command = [str(TOKENGUARD), *arguments]
        return subprocess.run(command, cwd=self.folder, env=self.environ, input=given, capture_output=True, check=False)


def tokenguard(arguments: list[str], environment: dict[str, str], folder: Path) -> int:
    """Run tokenguard with its output on the terminal itself; the exit code."""
    environment.pop("PYTHONPATH", None)
    print(f"\n$ {printed(arguments)}", flush=True)
    code = subprocess.run([TOKENGUARD, *arguments], cwd=folder, env=environment, check=False).returncode
    print(f"(exit {code})", flush=True)
    return code


def printed(arguments: list[str] | tuple[str, ...]) -> str:
    """The command line as one would type it."""
    return shlex.join(["tokenguard", *arguments])


def leaks(token: str, text: str) -> bool:
    """Whether `text` holds a run of the part of `token` that must stay hidden."""
    hidden = token.removeprefix(plant.visible_prefix(token))
    return any(hidden[at : at + HIDDEN_RUN] in text for at in range(len(hidden) - HIDDEN_RUN + 1))


def say(*lines: str) -> None:
    """Print an explanation, apart from the reports."""
    print("", *lines, sep="\n", flush=True)
