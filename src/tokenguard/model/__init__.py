"""The words of tokenguard as frozen values; standard library only.

Each is imported when it is first asked for: a hook that finds nothing never builds the classes of findings.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenguard.model.blob import Blob, Origin, Reader, Skipped
    from tokenguard.model.finding import (
        Allowance,
        Finding,
        Location,
        Match,
        Position,
        Status,
        Suppressed,
        SuppressedBy,
    )
    from tokenguard.model.report import Coverage, Problem, Report, Revocation, State
    from tokenguard.model.rule import Part, Rule, RuleSet, Severity, TokenFormat
    from tokenguard.model.secret import Secret

_HOMES = {
    "blob": ("Blob", "Origin", "Reader", "Skipped"),
    "finding": ("Allowance", "Finding", "Location", "Match", "Position", "Status", "Suppressed", "SuppressedBy"),
    "report": ("Coverage", "Problem", "Report", "Revocation", "State"),
    "rule": ("Part", "Rule", "RuleSet", "Severity", "TokenFormat"),
    "secret": ("Secret",),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Allowance",
    "Blob",
    "Coverage",
    "Finding",
    "Location",
    "Match",
    "Origin",
    "Part",
    "Position",
    "Problem",
    "Reader",
    "Report",
    "Revocation",
    "Rule",
    "RuleSet",
    "Secret",
    "Severity",
    "Skipped",
    "State",
    "Status",
    "Suppressed",
    "SuppressedBy",
    "TokenFormat",
]


def __getattr__(name: str) -> object:
    """The word of that name."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value
