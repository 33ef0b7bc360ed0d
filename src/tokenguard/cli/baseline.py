"""`tokenguard baseline …`: known findings written down, so that only new ones count."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import click

from tokenguard.app import baseline as known
from tokenguard.app.baseline import Baseline
from tokenguard.app.perform import perform
from tokenguard.app.ruleset import rules_for
from tokenguard.cli.group import Commands, examples
from tokenguard.cli.main import complain
from tokenguard.cli.options import reading_options
from tokenguard.cli.run import INCOMPLETE, Run, cache_folder, shown_progress, tell_incomplete
from tokenguard.cli.target import file_trees, whole_repository
from tokenguard.config.settings import Settings
from tokenguard.errors import ConfigError, UsageError
from tokenguard.model import Report, State

F = TypeVar("F", bound=Callable[..., Any])

_TARGET = (
    click.option("--repo", default=".", metavar="REPO", help="The repository (default: around the current folder)."),
    click.option("--files", multiple=True, metavar="PATH", help="Scan these files and folders instead; repeatable."),
    click.option(
        "--baseline", "file", metavar="FILE", type=click.Path(path_type=Path),
        help=f"The baseline. Default: the configured one, else {known.DEFAULT_NAME} at the repository's top.",
    ),
)  # fmt: skip
_ENTRIES = (
    click.option("--reason", default="", help="Why these findings do not count. Default: where each was found."),
    click.option("--by-path", is_flag=True, help="New entries hold for the paths where the secret is now, no others."),
)


def _with(*options: Callable[[F], F]) -> Callable[[F], F]:
    """The options of a command, then those that say how to read."""

    def decorate(command: F) -> F:
        command = reading_options(command)
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


@click.group(cls=Commands)
def baseline() -> None:
    """Known findings, written down in a file that is committed; what it lists does not count.

    By default the whole repository is scanned for it, as by `tokenguard scan git`. Tell scans of it: with
    `baseline: FILE` in .tokenguard.yaml, or --baseline FILE.
    """


@baseline.command(
    epilog=examples(
        "tokenguard baseline create",
        'tokenguard baseline create --reason "revoked on 2026-11-02"',
        "tokenguard baseline create --files src --baseline src.baseline",
    )
)
@_with(*_TARGET, *_ENTRIES, click.option("--force", is_flag=True, help="Replace a baseline that is there."))
def create(repo: str, files: tuple[str, ...], file: Path | None, reason: str, **options: Any) -> int:
    """Write down everything that is found now."""
    by_path, force = options.pop("by_path"), options.pop("force")
    with _target(repo, files) as run:
        task = _task(run, file, options)
        if task.path.exists() and not force:
            raise UsageError(f"{task.path}: is there already", remedy="use: tokenguard baseline update, or --force")
        report = task.report(None)
        return task.write(Baseline(), known.create(report, reason, by_path=by_path), report)


@baseline.command(epilog=examples('tokenguard baseline update --reason "old samples, never issued"'))
@_with(*_TARGET, *_ENTRIES)
def update(repo: str, files: tuple[str, ...], file: Path | None, reason: str, **options: Any) -> int:
    """Add what is found and not yet in the baseline; its entries stay as they are."""
    by_path = options.pop("by_path")
    with _target(repo, files) as run:
        task = _task(run, file, options)
        old = task.read()
        report = task.report(task.path)
        return task.write(old, known.update(old, report, reason, by_path=by_path), report)


@baseline.command(epilog=examples("tokenguard baseline prune"))
@_with(*_TARGET)
def prune(repo: str, files: tuple[str, ...], file: Path | None, **options: Any) -> int:
    """Drop entries of what is no longer there. Scan the same as when it was created; what was not scanned goes too.

    An incomplete scan changes nothing (exit code 3): what was not read may still be there.
    """
    with _target(repo, files) as run:
        task = _task(run, file, options)
        old = task.read()
        report = task.report(task.path)
        if report.state is State.INCOMPLETE:
            tell_incomplete(report)
        return task.write(old, known.prune(old, report), report)


def _target(repo: str, files: tuple[str, ...]) -> AbstractContextManager[Run]:
    return nullcontext(file_trees(files)) if files else whole_repository(repo)


@dataclass(frozen=True, slots=True)
class _Task:
    """One command: what is scanned, by which settings, and the baseline that it is about."""

    run: Run
    settings: Settings
    path: Path
    configured: bool
    """Scans use this baseline by themselves."""
    progress: bool

    def read(self) -> Baseline:
        """The baseline as it is; ConfigError where there is none."""
        found = known.read(self.path)
        if found is None:
            raise ConfigError(f"{self.path}: no such file", remedy="make it: tokenguard baseline create")
        return found

    def report(self, applied: Path | None) -> Report:
        """What is found now, judged with the baseline `applied` or with none."""
        settings = replace(self.settings, baseline=applied, repository_baseline=None)
        ruleset = rules_for(settings, self.run.sight.read_inside)
        progress, close = shown_progress(wanted=self.progress)
        try:
            outcome = perform(
                self.run.sight,
                settings,
                ruleset,
                self.run.scan,
                cache=cache_folder(),
                progress=progress,
                own_process=True,
            )
        finally:
            close()
        for note in outcome.notes:
            complain(note)
        return outcome.report

    def write(self, old: Baseline, new: Baseline, report: Report) -> int:
        """Put the new baseline in place, say what changed, and give the exit code."""
        known.write(self.path, new)
        added = len(new.reasons.keys() - old.reasons.keys())
        dropped = len(old.reasons.keys() - new.reasons.keys())
        entries = "1 entry" if len(new.reasons) == 1 else f"{len(new.reasons):,} entries"
        click.echo(f"{entries}: {added:,} added, {dropped:,} dropped")
        if not self.configured:
            complain(f"{self.path}: scans do not use it yet; name it as `baseline` in .tokenguard.yaml, or --baseline")
        if report.state is State.COMPLETE:
            return 0
        tell_incomplete(report)
        return INCOMPLETE


def _task(run: Run, file: Path | None, options: dict[str, Any]) -> _Task:
    progress = options.pop("progress")
    settings = run.sight.settings(options)
    for note in settings.notes:
        complain(note)
    configured = _configured(run, settings)
    path = file or configured or (run.sight.top or Path()) / known.DEFAULT_NAME
    return _Task(run, settings, path, configured is not None and path.resolve() == configured.resolve(), progress)


def _configured(run: Run, settings: Settings) -> Path | None:
    """The baseline that scans use by themselves, whether it exists or not."""
    if settings.baseline is not None:
        return settings.baseline
    if settings.repository_baseline is None or run.sight.top is None:
        return None
    return run.sight.top / settings.repository_baseline
