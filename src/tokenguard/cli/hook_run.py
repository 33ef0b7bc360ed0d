"""`tokenguard hook run NAME`: what git and pre-commit call. Starts without click, since a commit waits for it."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from tokenguard.cli.change import run_push, run_receive, run_staged
from tokenguard.cli.scan_options import ScanOptions
from tokenguard.errors import UsageError

HOOKS = ("pre-commit", "pre-push", "pre-receive")


def run_hook(arguments: Sequence[str]) -> int:
    """Run the hook of that name with git's arguments; the exit code.

    Raises:
        UsageError: there is no such hook.
    """
    name = arguments[0] if arguments else ""
    options = ScanOptions(progress=False)
    match name:
        case "pre-commit":
            # Git names the index of the commit that it makes. One that adds nothing (a message that is amended) is no
            # reason to read the rest; whoever runs the hook by hand or in CI, with nothing staged, means all of it.
            return run_staged(".", options, hook=True, whole_if_unchanged="GIT_INDEX_FILE" not in os.environ)
        case "pre-push":
            remote = arguments[1] if len(arguments) > 1 else None
            return run_push(".", sys.stdin.buffer, remote, options, hook=True)
        case "pre-receive":
            return run_receive(".", sys.stdin.buffer, options)
        case _:
            raise UsageError(f"no hook is called {name[:40]!r}", remedy=f"one of {', '.join(HOOKS)}")
