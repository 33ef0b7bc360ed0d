"""One scan from the command line: settings, rules, the scan itself, what does not count, reports, exit code.

Whatever ends a scan early, what was found until then is reported, and the scan is incomplete.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TextIO

from tokenguard.app.outcome import Outcome
from tokenguard.app.perform import Scan, perform
from tokenguard.app.ruleset import rules_for
from tokenguard.app.session import Progress, Session, Silence
from tokenguard.app.sight import Sight
from tokenguard.cli.main import abandon_output, complain
from tokenguard.cli.scan_options import Output, ScanOptions
from tokenguard.config.settings import Settings
from tokenguard.errors import OutputError
from tokenguard.model import Report, RuleSet, Severity, State
from tokenguard.model.lazy_dataclass import dataclass, replace
from tokenguard.report.format import Options
from tokenguard.report.registry import reporter
from tokenguard.report.summary import summary

CLEAN, FINDINGS, INCOMPLETE = 0, 1, 3

Respond = Callable[[Outcome], tuple[Outcome, bool]]
"""An outcome with what became of its findings, and whether everything that was asked for was done."""

_NO_TERMINAL = 100
"""Columns of a text report that goes elsewhere."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a command hands over: where its configuration stands, and the scan."""

    sight: Sight
    scan: Scan
    root: Path | None = None
    """Where the paths of its findings start; None: the current folder."""
    hook: bool = False
    """It runs in a hook of git's."""


def run_scan(run: Run, options: ScanOptions) -> int:
    """Run it, write the reports, and give the exit code."""
    started = time.time()
    settings = run.sight.settings(options.flags())
    for note in settings.notes:
        complain(note)
    ruleset = rules_for(settings, run.sight.read_inside, options.only)
    with _reporting(options) as report_to, _response(run, options, settings, ruleset) as respond:
        outcome = _performed(run, options, settings, ruleset)
        finished = True
        if respond is not None:
            outcome, finished = respond(outcome)
        for note in outcome.notes:
            complain(note)
        tell_incomplete(outcome.report)
        written = _write_all(outcome.report, options.outputs, started)
        if report_to is not None:
            # Last: whatever becomes of it, the report is written.
            finished = report_to(outcome.report) and finished
    return written or (exit_code(outcome.report, settings, options) if finished else INCOMPLETE)


def _performed(run: Run, options: ScanOptions, settings: Settings, ruleset: RuleSet) -> Outcome:
    progress, close = shown_progress(wanted=options.progress)
    try:
        return perform(
            run.sight,
            settings,
            ruleset,
            interruptible(run.scan),
            cache=cache_folder(),
            progress=progress,
            every_place=options.policy is not None,
            own_process=True,
        )
    finally:
        close()


def _response(
    run: Run, options: ScanOptions, settings: Settings, ruleset: RuleSet
) -> AbstractContextManager[Respond | None]:
    """What is done with the findings, made ready before the scan: None where nothing was asked for."""
    if not options.verify and not options.revoke:
        return contextlib.nullcontext()
    from tokenguard.cli.response import prepared  # start-up time: most scans ask nobody

    return prepared(options, settings, ruleset, root=run.root or Path.cwd(), hook=run.hook)


def _reporting(options: ScanOptions) -> AbstractContextManager[Callable[[Report], bool] | None]:
    """Hands in the report, made ready before the scan: None where nothing was asked for."""
    if options.report_to is None:
        return contextlib.nullcontext()
    from tokenguard.cli.report_to import reporter_to  # start-up time: as above

    return reporter_to(options.report_to)


def interruptible(scan: Scan) -> Scan:
    """The scan, ended by Ctrl-C or SIGTERM as by any other failure: what was found until then is reported."""

    def until_interrupted(session: Session) -> None:
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # how a CI job is cancelled
        try:
            scan(session)
        except KeyboardInterrupt:
            session.collector.problem("interrupted", "the scan", "interrupted; the rest was not read")

    return until_interrupted


def tell_incomplete(report: Report) -> None:
    """One line about what was not read: a report in a file, or one for a program, is seen by nobody at once."""
    reasons = [f"{error.what}: {error.why}" for error in report.errors]
    reasons += [f"{skipped.what}: {skipped.why}" for skipped in report.skipped]
    if reasons:
        more = f" (and {len(reasons) - 1:,} more, see the report)" if len(reasons) > 1 else ""
        complain(f"incomplete: {reasons[0]}{more}")


def exit_code(report: Report, settings: Settings, options: ScanOptions) -> int:
    """0 clean, 1 findings, 3 incomplete; the last wins."""
    if report.state is State.INCOMPLETE:
        return INCOMPLETE
    lowest = (settings.fail_on or Severity.INFO).rank
    counted = any(finding.severity.rank >= lowest for finding in report.findings)
    return FINDINGS if counted and not options.exit_zero else CLEAN


def _write_all(report: Report, outputs: tuple[Output, ...], started: float) -> int:
    """Write every report, whatever becomes of the others; 0, or the exit code.

    Where none could be written, the findings are not lost: they are shown on standard output.
    """
    done, failed = 0, 0
    for output in sorted(outputs, key=lambda each: each.path is None):
        try:
            _write(report, output, started)
            done += 1
        except OutputError as error:
            complain(f"{error} (it says: {summary(report)})")
            failed = INCOMPLETE
    if not done and all(output.path for output in outputs):
        with contextlib.suppress(OutputError):
            _write(report, Output("text"), started)
    return failed


def _write(report: Report, output: Output, started: float) -> None:
    options = Options(started=started, finished=time.time(), colour=False, width=_width())
    write = reporter(output.format).write
    if output.path is not None:
        from tokenguard.report.output import write_file

        write_file(output.path, lambda out: write(report, out, options))
        return
    try:
        with _standard_output() as out:
            write(report, out, replace(options, colour=_colour(out)))
    except OSError as error:
        abandon_output()
        closed = isinstance(error, BrokenPipeError)
        raise OutputError(
            f"the report was cut off: standard output {'was closed' if closed else f'fails ({error.strerror})'}",
            remedy="write it into a file: -o FILE",
        ) from error


def _standard_output() -> TextIO:
    """A stream of our own over it: under PYTHONUNBUFFERED that of Python does not see that a write was cut short."""
    if sys.stdout is None:
        raise OutputError("the report cannot be written: standard output is closed", remedy="use -o FILE")
    sys.stdout.flush()
    descriptor = sys.stdout.fileno()
    return os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace", newline="", closefd=False)


def _colour(out: TextIO) -> bool:
    return out.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def _width() -> int:
    """Columns of the terminal. As shutil.get_terminal_size, without what that module imports: a hook waits for it."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns):
        return int(columns)
    try:
        return os.get_terminal_size(1).columns or _NO_TERMINAL
    except OSError:
        return _NO_TERMINAL


def shown_progress(*, wanted: bool) -> tuple[Progress, Callable[[], None]]:
    """A bar where it is wanted and standard error is a terminal, and what removes it."""
    if not wanted or sys.stderr is None or not sys.stderr.isatty():
        return Silence(), lambda: None
    from tokenguard.cli.progress import Bar

    bar = Bar()
    return bar, bar.close


def cache_folder() -> Path | None:
    """Where what was read clean is remembered; None when the environment names no place."""
    folder, home = os.environ.get("XDG_CACHE_HOME", ""), os.environ.get("HOME", "")
    if not folder and not home:
        return None
    return (Path(folder) if folder else Path(home, ".cache")) / "tokenguard"
