"""Hundreds of patterns instead of three, over the same history."""

from __future__ import annotations

from bench.limit import RatioLimit, Time
from bench.rule_files import write_many
from bench.stage import Contest, Scenario, Stage
from bench.tools import scan

FEW, MANY = "the built-in rules", "200 more rules"
_RULES = 200


def build(stage: Stage) -> Contest:
    """The whole scan, with and without the made rules."""
    rules = stage.folder / "rules.yaml"
    write_many(rules, _RULES, stage.draw("many-rules"))
    target = str(stage.repository.path)
    contestants = (scan(FEW, "git", target), scan(MANY, "git", target, "--rules", str(rules)))
    limits = (RatioLimit("200 rules ÷ the built-in ones", Time(MANY), Time(FEW), 3.0),)
    return Contest(FEW, contestants, limits, {"rules": _RULES})


SCENARIO = Scenario("many-rules", "Two hundred rules over the whole history", build)
