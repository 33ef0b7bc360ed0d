"""One scan from the command line: settings, rules, the scan itself, what does not count, reports, exit code.

Whatever ends a scan early, what was found until then is reported, and the scan is incomplete.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from tokenguard.app.collect import Collector
from tokenguard.app.detector import Detector
from tokenguard.app.judge import Sight, judged
from tokenguard.app.ruleset import rules_for
from tokenguard.app.session import Progress, Session, Silence
from tokenguard.cli.main import complain, fault
from tokenguard.cli.scan_options import Output, ScanOptions
from tokenguard.config.settings import Settings
from tokenguard.errors import OperationError, OutputError, TokenguardError
from tokenguard.model import Report, Severity, State
from tokenguard.report.format import Options
from tokenguard.report.registry import reporter

CLEAN, FINDINGS, INCOMPLETE = 0, 1, 3


@dataclass(frozen=True, slots=True)
class Run:
    """What a command hands over: where its configuration stands, and the scan."""

    sight: Sight
    scan: Callable[[Session], None]


def run_scan(run: Run, options: ScanOptions) -> int:
    """Run it, write the reports, and give the exit code."""
    started = time.time()
    settings = run.sight.settings(options.flags())
    for note in settings.notes:
        complain(note)
    ruleset = rules_for(settings, run.sight.read_inside, options.only)
    collector = Collector(ruleset)
    progress, close = _progress(options)
    session = Session(
        detector=Detector(ruleset, cache_folder() if settings.cache else None),
        collector=collector,
        jobs=settings.jobs or _processors(),
        max_size=settings.max_size,
        respect_gitignore=settings.respect_gitignore,
        cache=cache_folder() if settings.cache else None,
        progress=progress,
    )
    try:
        run.scan(session)
    except KeyboardInterrupt:
        collector.problem("interrupted", "the scan", "interrupted; the rest was not read")
    except OperationError as error:
        collector.problem("failed", "the scan", str(error))
    except MemoryError:
        collector.problem("memory", "the scan", "out of memory; use fewer --jobs")
    except TokenguardError:
        raise
    except Exception as error:  # noqa: BLE001 - what was found before a fault of ours is not lost
        collector.problem("internal", "the scan", f"internal error: {fault(error)}; please report this")
    finally:
        close()
    outcome = judged(collector, ruleset, run.sight, settings)
    for note in outcome.notes:
        complain(note)
    written = _write_all(outcome.report, options.outputs, started)
    return written or exit_code(outcome.report, settings, options)


def exit_code(report: Report, settings: Settings, options: ScanOptions) -> int:
    """0 clean, 1 findings, 3 incomplete; the last wins."""
    if report.state is State.INCOMPLETE:
        return INCOMPLETE
    lowest = (settings.fail_on or Severity.INFO).rank
    counted = any(finding.severity.rank >= lowest for finding in report.findings)
    return FINDINGS if counted and not options.exit_zero else CLEAN


def _write_all(report: Report, outputs: tuple[Output, ...], started: float) -> int:
    """Write every report; one that fails does not keep the others from being written. 0, or the exit code."""
    failed = 0
    for output in sorted(outputs, key=lambda each: each.path is None):
        try:
            _write(report, output, started)
        except OutputError as error:
            complain(str(error))
            failed = INCOMPLETE
    return failed


def _write(report: Report, output: Output, started: float) -> None:
    options = Options(started=started, finished=time.time(), colour=False, width=_width())
    write = reporter(output.format).write
    if output.path is not None:
        from tokenguard.report.output import write_file

        write_file(output.path, lambda out: write(report, out, options))
        return
    out = _standard_output()
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
    try:
        write(report, out, Options(colour, options.width, options.started, options.finished))
        out.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"cannot write the report to standard output: {error.strerror}") from error


def _standard_output() -> TextIO:
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(encoding="utf-8", errors="backslashreplace", newline="")
    return sys.stdout


def _width() -> int:
    import shutil

    return shutil.get_terminal_size((100, 24)).columns


def _progress(options: ScanOptions) -> tuple[Progress, Callable[[], None]]:
    if not options.progress or not sys.stderr.isatty():
        return Silence(), lambda: None
    from tokenguard.cli.progress import Bar

    bar = Bar()
    return bar, bar.close


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cache_folder() -> Path | None:
    """Where what was read clean is remembered; None when the environment names no place."""
    home = os.environ.get("XDG_CACHE_HOME") or (os.environ.get("HOME") and os.path.join(os.environ["HOME"], ".cache"))
    return Path(home, "tokenguard") if home else None
