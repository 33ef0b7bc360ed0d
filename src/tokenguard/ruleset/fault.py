"""Faults of a rule file: collected all, each one line with file and line; turned into one RuleError."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tokenguard.errors import RuleError


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a rule file, and where: `file:line`, or the file where it is wrong as a whole."""

    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


def in_order(faults: Sequence[Fault]) -> tuple[Fault, ...]:
    """By file and then by line."""
    return tuple(sorted(faults, key=_place))


def rule_error(faults: Sequence[Fault]) -> RuleError:
    """One exception for at least one fault: it speaks of the first and carries them all."""
    first, *others = in_order(faults)
    more = f" (and {len(others)} more)" if others else ""
    return RuleError(f"{first}{more}", faults=tuple(str(fault) for fault in (first, *others)))


def _place(fault: Fault) -> tuple[str, int]:
    path, _, line = fault.where.rpartition(":")
    return (path, int(line)) if line.isdecimal() else (fault.where, 0)
