"""The whole history: every object, alone and with the proof of completeness, and the scan as users run it."""

from __future__ import annotations

import sys
from pathlib import Path

from bench import reports
from bench.contestant import Contestant
from bench.limit import Limit, PeakLimit, RatioLimit, Time
from bench.stage import Contest, Scenario, Stage
from bench.tools import CHECKOUT, KINGFISHER_OURS, Kind, scan

OBJECTS, OBJECTS_1 = "tokenguard, objects alone, --jobs 2", "tokenguard, objects alone, --jobs 1"
PROOF = "tokenguard, objects and proof"
WHOLE = "tokenguard scan git"
BASE_BYTES, BYTES_AN_OBJECT = 150e6, 120

_PROOF_LIMITS = {"redis": 1.1}
_OTHER_PROOF_LIMIT = 1.3


def build(stage: Stage) -> Contest:
    """Everybody on the private copy."""
    target = stage.repository.path
    floor = stage.tools.floor(target)
    contestants = (
        floor,
        _objects(OBJECTS, target, "--jobs", "2"),
        _objects(OBJECTS_1, target, "--jobs", "1"),
        _objects(PROOF, target, "--jobs", "2", "--proof"),
        scan(WHOLE, "git", str(target)),
        *stage.tools.kingfisher_with_our_rules(Kind.HISTORY, target),
        *stage.tools.peers(Kind.HISTORY, target, memory=True),
    )
    return Contest(floor.name, contestants, limits(stage, floor.name), warm_up=(floor,))


def _objects(name: str, target: Path, *options: str) -> Contestant:
    command = (sys.executable, "-m", "bench.objects", str(target), *options)
    return Contestant(name, command, reports.objects, folder=CHECKOUT, to_standard_output=True, memory=True)


def limits(stage: Stage, floor: str) -> tuple[Limit, ...]:
    """What is promised of a history."""
    proof = _PROOF_LIMITS.get(stage.facts.name, _OTHER_PROOF_LIMIT)
    peak = BASE_BYTES + BYTES_AN_OBJECT * stage.facts.objects
    return (
        RatioLimit("objects alone ÷ floor", Time(OBJECTS), Time(floor), 1.0, 0.8),
        RatioLimit("objects alone, --jobs 1 ÷ floor", Time(OBJECTS_1), Time(floor), 1.6),
        RatioLimit("objects and proof ÷ floor", Time(PROOF), Time(floor), proof),
        RatioLimit(f"scan git ÷ {KINGFISHER_OURS}", Time(WHOLE), Time(KINGFISHER_OURS), 1.0),
        RatioLimit("scan git ÷ gitleaks", Time(WHOLE), Time("gitleaks"), 0.3),
        RatioLimit("scan git ÷ betterleaks", Time(WHOLE), Time("betterleaks"), 0.45),
        RatioLimit("scan git ÷ kingfisher", Time(WHOLE), Time("kingfisher"), 0.45),
        PeakLimit("peak memory of scan git", WHOLE, peak),
    )


SCENARIO = Scenario("history", "The whole history of a repository", build)
