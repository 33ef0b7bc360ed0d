"""The demonstration behind `make demo`: two parts, shown, explained and checked.

1. This repository, everything in it. It holds no token, so anything found is a leak (exit 1).
2. The loop: tokens minted in an empty store, leaked, found, revoked, refused, and the evidence.
With DEMO_HOME=1 also 3. your own shell histories, read-only; whatever is found there is yours to judge.

The tokens die with the private folder that they live in. Exits non-zero when something is not as it should be: the
demonstration is a test as well.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from demo.loop import close_the_loop
from demo.terminal import say, tokenguard

CHECKOUT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Run all parts; 0 when all went as it should."""
    faults = own_history()
    with tempfile.TemporaryDirectory(prefix="tokenguard-demo-") as folder:
        faults += close_the_loop(Path(folder).resolve())
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


def your_home() -> None:
    """Scan the user's real shell histories; only shows."""
    say("3. Your own shell histories, read and not changed. Exit 1: tokens lie there; 3: something was unreadable.")
    tokenguard(["scan", "shell"], dict(os.environ), Path.home())


def is_shallow(repository: Path) -> bool:
    """Whether git says that the clone lacks a part of its history."""
    question = ["git", "-C", str(repository), "rev-parse", "--is-shallow-repository"]
    return subprocess.run(question, capture_output=True, check=False).stdout.strip() == b"true"


if __name__ == "__main__":
    # Ended from outside, the private folder still goes.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
