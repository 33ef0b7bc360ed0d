"""The bench behind `make bench`: scenarios on a private copy of a repository, or on none, raced, recorded, shown.

The given repository is only read, nothing is downloaded, and everything made is in one temporary folder. Exit 0: done;
1: a contestant failed or a scenario could not be set up; 2: wrong usage.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from bench import environment, machine, race, table, tools
from bench.content import generator
from bench.execution import Track
from bench.record import RecordError, RunRecord, ScenarioRecord, of_failure, of_scenario, read
from bench.repository import CopyError, measured
from bench.rule_files import write_for_kingfisher
from bench.scenario.registry import SCENARIOS
from bench.stage import Scenario, Stage
from bench.tools import Kind

RUNS = Path(__file__).resolve().parent / "runs"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for."""
    parser = _parser()
    wanted = parser.parse_args(arguments)
    if wanted.show:
        return _show(wanted)
    if wanted.repo is None and any(scenario.of_repository for scenario in _chosen(wanted)):
        others = " ".join(scenario.name for scenario in SCENARIOS if not scenario.of_repository)
        parser.error(f"name a repository: --repo PATH (none is needed for --only {others}, or for --show FILE)")
    with tempfile.TemporaryDirectory(prefix="tokenguard-bench-", dir=wanted.work, ignore_cleanup_errors=True) as folder:
        try:
            return _measure(wanted, Path(folder).resolve())
        except CopyError as error:
            print(f"bench: {wanted.repo}: {error}", file=sys.stderr)
            return 2


def _chosen(wanted: argparse.Namespace) -> list[Scenario]:
    return [scenario for scenario in SCENARIOS if not wanted.only or scenario.name in wanted.only]


def _parser() -> argparse.ArgumentParser:
    names = [scenario.name for scenario in SCENARIOS]
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure tokenguard against others.")
    parser.add_argument("--repo", metavar="PATH", type=Path, help="the repository to measure on; it is only read")
    parser.add_argument("--name", help="what to call the repository (default: by its origin, else its folder)")
    parser.add_argument("--rounds", metavar="N", type=int, default=5, help="rounds a scenario (default: 5)")
    parser.add_argument("--only", metavar="NAME", nargs="+", choices=names, help=f"of: {', '.join(names)}")
    optional = [name for name in tools.PROGRAMS if name != "git"]
    parser.add_argument("--without", metavar="TOOL", nargs="+", choices=optional, default=(), help="leave out")
    parser.add_argument("--out", metavar="FILE", type=Path, help="the record (default: bench/runs/DATE-HOST.json)")
    parser.add_argument("--markdown", action="store_true", help="print tables as Markdown")
    parser.add_argument("--show", metavar="FILE", type=Path, nargs="+", help="print these records; measure nothing")
    parser.add_argument("--work", metavar="FOLDER", type=Path, help="for temporary files: some 3 GB and the copies")
    parser.add_argument("--seed", metavar="N", type=int, default=1, help="of made content and of orders (default: 1)")
    parser.add_argument("--scale", metavar="F", type=float, default=1.0, help="size of made content, for trying out")
    return parser


def _show(wanted: argparse.Namespace) -> int:
    render = table.markdown if wanted.markdown else table.plain
    try:
        print("\n\n".join(render(read(path)) for path in wanted.show))
    except RecordError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    return 0


def _measure(wanted: argparse.Namespace, work: Path) -> int:
    started = time.gmtime()
    load = machine.load()
    out = wanted.out or RUNS / f"{time.strftime('%Y-%m-%d-%H%M', started)}-{_host()}.json"
    stage = _stage(wanted, work)
    run = RunRecord(
        date=time.strftime("%Y-%m-%d", started),
        seed=wanted.seed,
        rounds=wanted.rounds,
        scale=wanted.scale,
        machine=machine.describe(),
        load=load,
        versions=tools.versions(stage.tools.places, stage.environ),
        absent=tools.absent(stage.tools.places),
        repository=asdict(stage.facts) if stage.given is not None else None,
    )
    _announce(table.heading(run))
    track = Track(work, stage.environ)
    if stage.given is not None:
        _start_everybody(stage, track)
    for scenario in _chosen(wanted):
        run.scenarios.append(_run(scenario, stage, track, wanted.rounds))
        run.write(out)
    print(table.markdown(run) if wanted.markdown else table.plain(run))
    _announce(f"kept in {out}")
    return int(any(scenario.error or scenario.failures for scenario in run.scenarios))


def _start_everybody(stage: Stage, track: Track) -> None:
    """Once, on next to nothing: peers compile their rules into caches, Python its modules."""
    target = stage.folder.with_name("home")
    for contestant in (*stage.tools.peers(Kind.FILES, target), tools.scan("", "files", str(target))):
        track.run(contestant)


def _stage(wanted: argparse.Namespace, work: Path) -> Stage:
    environ = environment.private(work)
    source = wanted.repo.resolve() if wanted.repo is not None else None
    given = measured(source, work / "repository.git", environ, wanted.name) if source is not None else None
    rules = work / "kingfisher.yml"
    write_for_kingfisher(rules)
    folder = work / "scenario"
    return Stage(given, environ, tools.Tools(tools.find(wanted.without), rules), folder, wanted.seed, wanted.scale)


def _run(scenario: Scenario, stage: Stage, track: Track, rounds: int) -> ScenarioRecord:
    _announce(f"\n== {scenario.name}: {scenario.title}")
    stage.folder.mkdir()
    try:
        contest = scenario.build(stage)
        for contestant in contest.warm_up:
            track.run(contestant)
        order = generator(f"{stage.seed} order of {scenario.name}")
        done = race.run(contest.contestants, track, min(rounds, contest.rounds or rounds), order, _announce)
        return of_scenario(scenario, contest, done, track.folder)
    except (CopyError, OSError) as error:
        _announce(f"cannot be run: {error}")
        return of_failure(scenario, error)
    finally:
        stage.closing.close()
        shutil.rmtree(stage.folder)


def _announce(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _host() -> str:
    import platform

    return platform.node().partition(".")[0] or "host"


if __name__ == "__main__":
    sys.exit(main())
