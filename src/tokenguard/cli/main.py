"""The program's entry point: what every run needs before any command, and how every run ends.

Commands live in the modules that `_COMMANDS` names and are imported when they are called. `hook run` starts without
click: a commit waits for it, and click alone takes as long as the scan of a commit.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING

from tokenguard.errors import TokenguardError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import click

USAGE = 2
INCOMPLETE = 3
INTERRUPTED = 130


def main() -> None:
    """Run the command line and exit."""
    _no_core_dump()
    arguments = sys.argv[1:]
    try:
        in_hook = arguments[:2] == ["hook", "run"] and arguments[2:3] not in (["--help"], ["-h"])
        code = _hook(arguments) if in_hook else _click(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        code = _closed_pipe()
    except KeyboardInterrupt:
        code = INTERRUPTED
    except TokenguardError as error:
        complain(str(error))
        code = error.exit_code
    except Exception as error:  # noqa: BLE001 - a fault of ours: not silent, not clean, and no value in its message
        complain(f"internal error, nothing can be said about the rest: {fault(error)}; please report this")
        code = INCOMPLETE
    sys.exit(code)


def fault(error: BaseException) -> str:
    """Kind and place of an unforeseen exception; its message may hold data and is left out."""
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    where = f" at {os.path.basename(last.tb_frame.f_code.co_filename)}:{last.tb_lineno}" if last is not None else ""
    return f"{type(error).__name__}{where}"


def complain(message: str) -> None:
    """One line on standard error, without secrets and control characters."""
    from tokenguard.report.escape import shown
    from tokenguard.ruleset.assemble import load_builtin
    from tokenguard.scan.redact import Redactor

    print(f"tokenguard: {shown(Redactor(load_builtin()).clean(message))}", file=sys.stderr)  # noqa: T201 - the one place


def _hook(arguments: Sequence[str]) -> int:
    from tokenguard.cli.hook_run import run_hook

    return run_hook(arguments[2:])


def _click(arguments: Sequence[str]) -> int:
    import click

    from tokenguard.cli.root import root

    try:
        outcome = root.main(args=list(arguments), prog_name="tokenguard", standalone_mode=False)
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except click.Abort:
        return INTERRUPTED
    except click.ClickException as error:
        complain(_one_line(error))
        return USAGE
    return outcome if isinstance(outcome, int) else 0


def _one_line(error: click.ClickException) -> str:
    """Click's message, and which help to read."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "tokenguard"
    return f"{' '.join(error.format_message().split())} (see: {command} --help)"


def _closed_pipe() -> int:
    """The reader of our output went away: what it did not read is lost, and so the outcome is not known to it."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return INCOMPLETE


def _no_core_dump() -> None:
    """A crash must not write the memory, with secrets in it, to a file."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
