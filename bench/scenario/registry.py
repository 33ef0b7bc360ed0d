"""All scenarios, in the order in which they run."""

from __future__ import annotations

from bench.scenario import (
    alerts,
    attribution,
    files,
    history,
    hostile,
    introspection,
    look_up,
    many_rules,
    memory,
    pages,
    revocations,
    second_scan,
    staged,
)

SCENARIOS = (
    history.SCENARIO,
    second_scan.SCENARIO,
    attribution.SCENARIO,
    many_rules.SCENARIO,
    memory.SCENARIO,
    files.REAL,
    files.MADE,
    staged.CLEAN,
    staged.LEAK,
    hostile.SCENARIO,
    introspection.SCENARIO,
    look_up.SCENARIO,
    revocations.SCENARIO,
    alerts.SCENARIO,
    pages.SCENARIO,
)
