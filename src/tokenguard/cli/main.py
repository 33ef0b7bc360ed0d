"""The program's entry point: what every run needs before any command, and how every run ends.

Commands live in the modules that `root.COMMANDS` names and are imported when they are called. `hook run`, and mostly
`scan staged` and `scan files`, start without click: they are waited for, and click alone takes as long as their scan.
"""

from __future__ import annotations

import contextlib
import os
import sys
from itertools import pairwise
from typing import TYPE_CHECKING

from tokenguard.errors import TokenguardError, WholeTokenError, fault

if TYPE_CHECKING:
    from collections.abc import Sequence

    import click

    from tokenguard.model import RuleSet

USAGE = 2
INCOMPLETE = 3
INTERRUPTED = 130

_AWAITED = (["hook", "run"], ["scan", "staged"], ["scan", "files"])
"""What somebody waits for, many times a day."""
_RULES = "--rules"
_SHORTEST_TOKEN = 40
"""No argument below so many characters is looked at for a token."""


def main() -> None:
    """Run the command line and exit."""
    _no_core_dump()
    arguments = sys.argv[1:]
    code = _run(arguments)
    if arguments[:2] in _AWAITED:
        # Everything is written and closed. To take the interpreter apart in an orderly way would only be waited for.
        os._exit(code)
    sys.exit(code)


def _run(arguments: Sequence[str]) -> int:
    """The exit code; whatever goes wrong is one line on standard error, never a traceback."""
    try:
        code = _started(arguments)
    except BrokenPipeError:
        code = INCOMPLETE
    except KeyboardInterrupt:
        code = INTERRUPTED
    except TokenguardError as error:
        complain(str(error))
        code = error.exit_code
    except OSError as error:
        where = f"{error.filename}: " if isinstance(error.filename, str) else ""
        complain(f"cannot go on: {where}{error.strerror or type(error).__name__}")
        code = INCOMPLETE
    except Exception as error:  # noqa: BLE001 - a fault of ours: not silent, not clean, and no value in its message
        complain(f"internal error, nothing can be said about the rest: {fault(error)}; please report this")
        code = INCOMPLETE
    else:
        return code
    abandon_output()
    return code


def _started(arguments: Sequence[str]) -> int:
    if arguments[:2] == ["hook", "run"] and arguments[2:3] not in (["--help"], ["-h"]):
        code = _hook(arguments)
    elif arguments[:2] == ["scan", "staged"]:
        code = _staged(arguments)
    elif arguments[:2] == ["scan", "files"]:
        code = _files(arguments)
    else:
        code = _click(arguments)
    if sys.stdout is not None:  # closed by the caller
        sys.stdout.flush()
    return code


def complain(message: str) -> None:
    """One line on standard error that says whose it is."""
    tell(message, "tokenguard: ")


def tell(message: str, before: str = "") -> None:
    """One line on standard error, without secrets and control characters."""
    from tokenguard.report.escape import shown

    if sys.stderr is not None:  # closed by the caller
        with contextlib.suppress(OSError):
            print(before + shown(_guarded(message)), file=sys.stderr)  # noqa: T201 - the one place


def _guarded(message: str) -> str:
    """The message without secrets; without those in another writing too, where the engine can be loaded."""
    from tokenguard.scan.redact import Redactor

    rules = _known_rules()
    message = Redactor(rules).guard(message)
    # That it cannot be loaded, or that memory ran out, may be what the message is about.
    with contextlib.suppress(ImportError, MemoryError, TokenguardError):
        from tokenguard.app.conceal import Concealer

        message = Concealer(rules).guard(message)
    return message


def _known_rules() -> RuleSet:
    """The built-in rules, the user's own and those of `--rules`, as far as these can be read.

    That some cannot may be what is told, and so early that nothing has looked at the options yet.
    """
    from pathlib import Path

    from tokenguard.app.ruleset import rules_for
    from tokenguard.app.sight import of_user
    from tokenguard.ruleset.assemble import load_builtin

    known = load_builtin()
    read: tuple[Path, ...] = ()
    for wanted in ((), *((Path(named),) for named in _named_rules(sys.argv))):
        with contextlib.suppress(TokenguardError, OSError):
            known = rules_for(of_user(os.environ).settings({"rules": (*read, *wanted)}))
            read = (*read, *wanted)
    return known


def _named_rules(arguments: Sequence[str]) -> list[str]:
    """The rule files of the command line, in the two ways in which an option's value is written."""
    apart = [after for option, after in pairwise(arguments) if option == _RULES]
    return apart + [each.removeprefix(_RULES + "=") for each in arguments if each.startswith(_RULES + "=")]


def abandon_output() -> None:
    """Let go of what is still to be written to standard output: the interpreter would try again, and fail, at exit."""
    with contextlib.suppress(OSError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _staged(arguments: Sequence[str]) -> int:
    """`scan staged`: what hooks that people write for themselves call."""
    from tokenguard.cli.plain_options import plain_staged

    read = plain_staged(arguments[2:])
    if read is None:
        return _click(arguments)
    from tokenguard.cli.change import run_staged
    from tokenguard.cli.scan_options import parse

    _warn_of_tokens(arguments)
    repository, typed = read
    return run_staged(repository, parse(**typed))


def _files(arguments: Sequence[str]) -> int:
    """`scan files`."""
    from tokenguard.cli.plain_options import plain_files

    read = plain_files(arguments[2:])
    if read is None:
        return _click(arguments)
    from tokenguard.cli.scan_options import parse
    from tokenguard.cli.target import run_files

    _warn_of_tokens(arguments)
    paths, typed = read
    return run_files(paths, parse(**typed))


def _hook(arguments: Sequence[str]) -> int:
    from tokenguard.cli.hook_run import run_hook

    return run_hook(arguments[2:])


def _click(arguments: Sequence[str]) -> int:
    # These two name tokens: one in the place of its name they refuse themselves, and say more of it.
    naming = arguments[0] in {"token", "revoke"} if arguments else False
    refused = False
    if not naming:
        _warn_of_tokens(arguments)
    try:
        return _command(arguments)
    except WholeTokenError:
        refused = True
        raise
    finally:
        if naming and not refused:
            _warn_of_tokens(arguments)


def _command(arguments: Sequence[str]) -> int:
    import click

    from tokenguard.cli.root import root

    try:
        outcome = root.main(args=list(arguments), prog_name="tokenguard", standalone_mode=False)
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except click.Abort:
        return INTERRUPTED
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return USAGE
    except click.ClickException as error:
        complain(_one_line(error))
        return USAGE
    except SystemExit as ended:
        # Click's own way out: 0 after completion, 1 when the reader of the output went away. 1 means findings here.
        return INCOMPLETE if ended.code else 0
    return outcome if isinstance(outcome, int) else 0


def _warn_of_tokens(arguments: Sequence[str]) -> None:
    """Who pastes a token as an argument has to know where it lies now, whatever the command does with it."""
    if max(map(len, arguments), default=0) < _SHORTEST_TOKEN or arguments[0] == "login":  # which names the line itself
        return
    from tokenguard.scan.redact import Redactor

    clean = Redactor(_known_rules()).clean
    for argument in arguments:
        if (redacted := clean(argument)) != argument:
            complain(
                f"{redacted}: a token in an argument: it is in your shell's history now, and every process could see "
                "it; revoke it (a text is scanned with: tokenguard scan stdin)"
            )


def _one_line(error: click.ClickException) -> str:
    """Click's message, and which help to read."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "tokenguard"
    return f"{' '.join(error.format_message().split())} (see: {command} --help)"


def _no_core_dump() -> None:
    """A crash must not write the memory, with secrets in it, to a file."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
