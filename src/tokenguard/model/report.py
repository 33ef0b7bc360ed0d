"""The Report: everything that a scan has to say, as one frozen value."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from tokenguard.model.lazy_dataclass import dataclass, field

if TYPE_CHECKING:
    from tokenguard.model.blob import Skipped
    from tokenguard.model.finding import Finding, Suppressed
    from tokenguard.model.revocation import Outcome
    from tokenguard.model.rule import Rule


class State(Enum):
    """Complete: everything that was asked for was read."""

    COMPLETE = "complete"
    INCOMPLETE = "incomplete"


@dataclass(frozen=True, slots=True)
class Coverage:
    """What was read."""

    blobs: int = 0
    bytes: int = 0
    commits: int = 0
    samples: int = 0
    """Published samples that were recognised."""
    remembered: int = 0
    """Git objects that an earlier scan by the same rules read, and that have not changed since."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that went wrong as a whole: code, the thing, the reason with its remedy."""

    code: str
    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Revocation:
    """What became of one token whose revocation was asked for, and sent."""

    fingerprint: str
    """The finding's."""
    issuer: str
    """Its name, as people know it."""
    outcome: Outcome
    at: str
    """When the outcome was known, RFC 3339 in UTC."""


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of one scan. `rules` are those that were searched for (reports describe them)."""

    version: str
    """tokenguard's version."""
    ruleset: str
    """The digest of the RuleSet."""
    coverage: Coverage
    findings: tuple[Finding, ...] = ()
    suppressed: tuple[Suppressed, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    errors: tuple[Problem, ...] = ()
    revocations: tuple[Revocation, ...] = ()
    rules: tuple[Rule, ...] = field(default=(), repr=False)

    @property
    def state(self) -> State:
        """Incomplete as soon as anything was skipped or went wrong."""
        return State.INCOMPLETE if self.skipped or self.errors else State.COMPLETE
