"""A run as it is kept: raw executions with command lines, versions and the machine, as JSON.

Folders of the machine are written as names ($WORK, $PYTHON, $CHECKOUT): a record can be published.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.contestant import Contestant, Outcome
from bench.execution import Execution
from bench.limit import Verdict
from bench.race import Rounds
from bench.stage import Contest, Scenario
from bench.tools import CHECKOUT

SCHEMA = "tokenguard/bench/1"


class RecordError(Exception):
    """A file that is no record of a run; the message names it."""


@dataclass(frozen=True, slots=True)
class ScenarioRecord:
    """One scenario of a run."""

    name: str
    title: str
    reference: str
    facts: Mapping[str, str | int]
    commands: Mapping[str, str]
    executions: Mapping[str, tuple[Execution, ...]]
    verdicts: tuple[Verdict, ...]
    error: str = ""
    """Why it could not be run."""

    @property
    def rounds(self) -> Rounds:
        """For comparisons."""
        return Rounds(self.executions)

    @property
    def failures(self) -> tuple[str, ...]:
        """Contestants that failed in some round."""
        return tuple(name for name, done in self.executions.items() if any(each.failed for each in done))


@dataclass(slots=True)
class RunRecord:
    """One run; scenarios are added as they finish."""

    date: str
    seed: int
    rounds: int
    scale: float
    machine: Mapping[str, str | int]
    load: float | None
    """Of the machine, before the run."""
    versions: Mapping[str, str]
    absent: Sequence[str]
    repository: Mapping[str, str | int] | None
    """None: nothing was measured on one."""
    scenarios: list[ScenarioRecord] = field(default_factory=list)

    def write(self, path: Path) -> None:
        """Write it, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(path.name + ".tmp")
        unfinished.write_text(json.dumps({"schema": SCHEMA, **asdict(self)}, indent=1) + "\n", encoding="utf-8")
        unfinished.replace(path)


def read(path: Path) -> RunRecord:
    """A record from its file.

    Raises:
        RecordError: it cannot be read, or is something else.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document.pop("schema") != SCHEMA:
            raise RecordError(f"{path}: not a record of a run")
        scenarios = [_scenario(each) for each in document.pop("scenarios")]
        return RunRecord(**document, scenarios=scenarios)
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise RecordError(f"{path}: cannot be read as a record of a run ({error})") from error


def of_scenario(scenario: Scenario, contest: Contest, rounds: Rounds, work: Path) -> ScenarioRecord:
    """What is kept of a scenario."""
    return ScenarioRecord(
        name=scenario.name,
        title=scenario.title,
        reference=contest.reference,
        facts=contest.facts,
        commands={each.name: _command_line(each, work) for each in contest.contestants},
        executions=rounds.executions,
        verdicts=tuple(limit.verdict(rounds) for limit in contest.limits),
    )


def of_failure(scenario: Scenario, error: Exception) -> ScenarioRecord:
    """A scenario that could not be set up."""
    return ScenarioRecord(scenario.name, scenario.title, "", {}, {}, {}, (), str(error))


def _command_line(contestant: Contestant, work: Path) -> str:
    line = shlex.join(contestant.command)
    if contestant.environ:
        line = " ".join(f"{key}={shlex.quote(value)}" for key, value in contestant.environ) + " " + line
    named = {str(work): "$WORK", str(CHECKOUT): "$CHECKOUT", sys.prefix: "$PYTHON"}
    for folder in sorted(named, key=len, reverse=True):  # the environment often lies in the checkout
        line = line.replace(folder, named[folder])
    return line


def _scenario(document: dict[str, Any]) -> ScenarioRecord:
    executions = {name: tuple(map(_execution, done)) for name, done in document.pop("executions").items()}
    verdicts = tuple(Verdict(**each) for each in document.pop("verdicts"))
    return ScenarioRecord(**document, executions=executions, verdicts=verdicts)


def _execution(document: dict[str, Any]) -> Execution:
    return Execution(**{**document, "outcome": Outcome(**document["outcome"])})
