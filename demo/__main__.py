"""The demonstration behind `make demo`: two real scans, shown, explained and checked.

1. This repository, everything in it. It holds no token, so anything found is a leak (exit 1).
2. A sample home with tokens planted in its shell histories: every one of them must be found, and none shown.
With DEMO_HOME=1 also 3. your own shell histories, read-only; whatever is found there is yours to judge.

The tokens are drawn at run time and die with the private folder that they are planted in. Exits non-zero when
something is not as it should be: the demonstration is a test as well.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, Any

import plant

CHECKOUT = Path(__file__).resolve().parent.parent
TOKENGUARD = Path(sys.executable).with_name("tokenguard")
HIDDEN_RUN = 8
"""So many characters in a row of the hidden part of a token must never be printed."""

HISTORIES = (
    (".bash_history", plant.BINBOI_ACCESS, "#1763719200\nbinboi login --token {token}\nls -l\n"),
    (".zsh_history", plant.KEEBAI, ": 1763719260:0;curl -H 'Authorization: Bearer {token}' localhost/v1/me\n"),
    (".local/share/fish/fish_history", plant.BINBOI_ACCESS, "- cmd: set -x TOKEN {token}\n  when: 1763719320\n"),
    (".local/share/powershell/PSReadLine/ConsoleHost_history.txt", plant.BINBOI_LIVE, "$env:RELAY = '{token}'\n"),
    (".psql_history", plant.KEEBAI, "\\set api_key '{token}'\n"),
)
"""What is planted: file, rule, and the lines around the token, as the program in question writes them."""


def main() -> int:
    """Run the scans; 0 when all went as it should."""
    faults = [*own_history(), *sample_home()]
    if os.environ.get("DEMO_HOME") == "1":
        your_home()
    else:
        say("Your own shell histories: DEMO_HOME=1 make demo")
    for fault in faults:
        print(f"demo: {fault}", file=sys.stderr)
    say("The demonstration failed." if faults else "All went as it should.")
    return 1 if faults else 0


def own_history() -> list[str]:
    """Scan the checkout that this file lies in; the faults."""
    say(
        "1. This repository: every object of its history, reachable or not, the index, the worktree.",
        "No token is in it, so the report is empty; exit 0 also says that everything was read.",
    )
    with tempfile.TemporaryDirectory(prefix="tokenguard-demo-") as folder:
        report = Path(folder, "report.json")
        command = ["scan", "git", ".", "--format", "text", "--format", f"json={report}"]
        code = tokenguard(command, dict(os.environ), CHECKOUT)
        told = json.loads(report.read_text(encoding="utf-8")) if report.exists() else {}
    if code == 0:
        return []
    if code == 3 and is_shallow(CHECKOUT) and told.get("findings") == []:
        say("This clone is shallow: what is not here cannot be clean, hence exit 3; `git fetch --unshallow` mends it.")
        return []
    return [f"this repository should scan clean (exit 0), not exit {code}; see its report above"]


def sample_home() -> list[str]:
    """Scan a home with planted histories; the faults."""
    say(
        "2. A sample home: tokens planted in the histories of four shells and a database client.",
        "Each is named by the part that may be shown, with the program it was typed to and when; exit 1: found.",
    )
    with tempfile.TemporaryDirectory(prefix="tokenguard-demo-") as folder:
        home, text, report = (Path(folder, name) for name in ("home", "report.txt", "report.json"))
        planted = plant_histories(home)
        command = ["scan", "shell", "--format", "text", "--format", f"json={report}"]
        with text.open("wb") as out:
            code = tokenguard(command, {"HOME": str(home), "PATH": os.environ["PATH"]}, home, out)
        shown = text.read_text(encoding="utf-8")
        told = report.read_text(encoding="utf-8") if report.exists() else "{}"
    if any(leaks(token, shown + told) for token in planted):
        return ["a report holds the hidden part of a token (it is not printed here)"]
    print(shown, f"(exit {code})", sep="", flush=True)
    return ([f"this scan should exit 1, not {code}"] if code != 1 else []) + judge(json.loads(told), planted)


def judge(report: dict[str, Any], planted: dict[str, str]) -> list[str]:
    """Compare a JSON report with what was planted, by the tokens' hashes; the faults."""
    found = {finding["token_sha256"] for finding in report.get("findings", [])}
    expected = {hashlib.sha256(token.encode()).hexdigest(): place for token, place in planted.items()}
    say(f"{len(expected.keys() & found)} of {len(planted)} planted tokens found.")
    missed = [f"the token planted in {place} was not found" for name, place in expected.items() if name not in found]
    return missed + (["something was found that was not planted"] if found - expected.keys() else [])


def your_home() -> None:
    """Scan the user's real shell histories; only shows."""
    say("3. Your own shell histories, read and not changed. Exit 1: tokens lie there; 3: something was unreadable.")
    tokenguard(["scan", "shell"], dict(os.environ), Path.home())


def plant_histories(home: Path) -> dict[str, str]:
    """Write shell histories under `home`; token -> the file that it was planted in."""
    planted = {}
    for name, rule_id, lines in HISTORIES:
        token = plant.token(rule_id)
        file = home / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(lines.format(token=token), encoding="utf-8")
        planted[token] = name
    return planted


def tokenguard(arguments: list[str], environment: dict[str, str], folder: Path, out: IO[bytes] | None = None) -> int:
    """Run tokenguard as a user would, showing the command and, where the output is not kept, the exit code."""
    environment.pop("PYTHONPATH", None)
    print(f"\n$ {printed(arguments)}", flush=True)
    code = subprocess.run([TOKENGUARD, *arguments], cwd=folder, env=environment, stdout=out, check=False).returncode
    if out is None:
        print(f"(exit {code})", flush=True)
    return code


def printed(arguments: list[str]) -> str:
    """The command line as one would type it."""
    return shlex.join(["tokenguard", *arguments])


def is_shallow(repository: Path) -> bool:
    """Whether git says that the clone lacks a part of its history."""
    question = ["git", "-C", str(repository), "rev-parse", "--is-shallow-repository"]
    return subprocess.run(question, capture_output=True, check=False).stdout.strip() == b"true"


def leaks(token: str, text: str) -> bool:
    """Whether `text` holds a run of the part of `token` that must stay hidden."""
    hidden = token.removeprefix(plant.visible_prefix(token))
    return any(hidden[at : at + HIDDEN_RUN] in text for at in range(len(hidden) - HIDDEN_RUN + 1))


def say(*lines: str) -> None:
    """Print an explanation, apart from the reports."""
    print("", *lines, sep="\n", flush=True)


if __name__ == "__main__":
    # Ended from outside, the planted folder still goes.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
