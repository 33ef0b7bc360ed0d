"""The words of tokenguard as frozen values; standard library only."""

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
from tokenguard.model.report import Coverage, Problem, Report, State
from tokenguard.model.rule import Part, Rule, RuleSet, Severity, TokenFormat
from tokenguard.model.secret import Secret

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
