"""A run for people: a table a scenario, what was promised and whether it held; plain or as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench.execution import Execution
from bench.race import Spread
from bench.record import RunRecord, ScenarioRecord


@dataclass(frozen=True, slots=True)
class Table:
    """Cells of text."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def plain(self) -> str:
        """Aligned by spaces, the first column to the left."""
        lines = (self.header, *self.rows)
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join(_aligned(line, widths) for line in lines)

    def markdown(self) -> str:
        """With pipes."""
        rule = ("---", *("---:" for _ in self.header[1:]))
        return "\n".join(f"| {' | '.join(line)} |" for line in (self.header, rule, *self.rows))


def _aligned(line: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = zip(line, widths, strict=True)
    return "  ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]).rstrip()


def plain(run: RunRecord) -> str:
    """The whole run."""
    parts = [heading(run)]
    for scenario in run.scenarios:
        parts += [f"\n== {scenario.name}: {_title(scenario)}", *(table.plain() for table in _tables(scenario))]
        parts += [scenario.error] if scenario.error else []
    return "\n".join(parts)


def markdown(run: RunRecord) -> str:
    """The whole run, as a section of a document."""
    name = run.repository["name"] if run.repository is not None else "The token store"
    parts = [f"### {name}", heading(run)]
    for scenario in run.scenarios:
        parts += [f"**{_title(scenario)}** (`{scenario.name}`)", *(table.markdown() for table in _tables(scenario))]
        parts += [scenario.error] if scenario.error else []
    return "\n\n".join(parts)


def heading(run: RunRecord) -> str:
    """What was measured, where and with what."""
    machine = run.machine
    scale = f" Made content at {run.scale:g} of its size: for trying out only." if run.scale != 1 else ""
    scale += " Fewer than five rounds: for trying out only." if run.rounds < 5 else ""
    absent = f" Not installed, or left out: {', '.join(run.absent)}." if run.absent else ""
    return (
        f"{_measured(run.repository)}{run.date}, {run.rounds} rounds, seed {run.seed};"
        f" {machine['processor']}, {machine['processors']} processors, {machine['kernel']}, {machine['python']};"
        f" load before: {run.load}."
        f" {'; '.join(f'{name}: {version}' for name, version in run.versions.items())}.{absent}{scale}"
    )


def _measured(repository: Mapping[str, str | int] | None) -> str:
    if repository is None:
        return ""
    lacking = int(repository["stand_ins"])
    filled = f" ({lacking} blobs that the clone lacks are empty here)" if lacking else ""
    size = _megabytes(int(repository["bytes"]))
    return f"{repository['name']}: {repository['objects']:,} objects, {size} of contents{filled}. "


def _title(scenario: ScenarioRecord) -> str:
    facts = ", ".join(
        f"{name}: {value:,}" if isinstance(value, int) else f"{name}: {value}" for name, value in scenario.facts.items()
    )
    return f"{scenario.title} ({facts})" if facts else scenario.title


def _tables(scenario: ScenarioRecord) -> Iterator[Table]:
    if scenario.executions:
        yield _times(scenario)
    if scenario.verdicts:
        rows = tuple((each.title, each.measured, each.promised, each.result) for each in scenario.verdicts)
        yield Table(("limit", "measured", "promised", "result"), rows)


def _times(scenario: ScenarioRecord) -> Table:
    names = sorted(scenario.executions, key=lambda name: _median(scenario, name))
    header = ("", "seconds", "ratio (spread)", "cpu s", "findings", "exit", "peak", "remarks")
    return Table(header, tuple(_row(scenario, name) for name in names))


def _median(scenario: ScenarioRecord, name: str) -> float:
    spread = Spread.of(_finished(scenario, name))
    return spread.median if spread is not None else float("inf")


def _finished(scenario: ScenarioRecord, name: str) -> list[float]:
    return [seconds for seconds in scenario.rounds.seconds(name) if seconds is not None]


def _row(scenario: ScenarioRecord, name: str) -> tuple[str, ...]:
    done = scenario.executions[name]
    seconds = Spread.of(_finished(scenario, name))
    ratios = Spread.of([ours / theirs for ours, theirs in scenario.rounds.each(name, scenario.reference)])
    cpu = Spread.of([each.cpu_seconds for each in done if not each.failed])
    return (
        name,
        f"{seconds.median:.3f}" if seconds else "-",
        _ratio(ratios, alone=name == scenario.reference),
        f"{cpu.median:.2f}" if cpu else "-",
        _different("-" if each.outcome.findings is None else f"{each.outcome.findings:,}" for each in done),
        _different(str(each.exit_code) for each in done),
        _peak(done),
        _remarks(done),
    )


def _ratio(ratios: Spread | None, *, alone: bool) -> str:
    if ratios is None:
        return "-"
    return "1" if alone else str(ratios)


def _different(texts: Iterable[str]) -> str:
    return " or ".join(dict.fromkeys(texts))


def _peak(done: Sequence[Execution]) -> str:
    peaks = [each.peak_bytes for each in done if each.peak_bytes is not None]
    return _megabytes(max(peaks)) if peaks else "-"


def _remarks(done: Sequence[Execution]) -> str:
    failed = sum(each.failed for each in done)
    if failed:
        return f"FAILED in {failed} of {len(done)} rounds"
    return "" if all(each.outcome.complete for each in done) else "incomplete, by its own word"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"
