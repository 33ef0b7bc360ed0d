"""Rules as values: what one kind of secret looks like, and how much of it may be shown.

Reading rules from YAML is `tokenguard.ruleset`; matching them is `tokenguard.scan`.
"""

from __future__ import annotations

import re
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING

from tokenguard.model.lazy_dataclass import dataclass, field

if TYPE_CHECKING:
    from tokenguard.model.issuer import IssuerApi


class Severity(Enum):
    """How bad a finding is, lowest first; the order is the order of definition."""

    INFO = "info"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for info up to 4 for critical."""
        return list(Severity).index(self)


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a token after its prefix: fixed text, `length` characters of `alphabet`, or the checksum."""

    alphabet: str = ""
    length: int = 0
    literal: str = ""
    checksum: str = ""
    """Over everything before it, `length` characters (`tokenguard.model.checksum`); only the last part can be one."""


@dataclass(frozen=True, slots=True)
class TokenFormat:
    """How a token of a family is put together: `prefix` and then `parts`, in order."""

    prefix: str
    parts: tuple[Part, ...]
    visible_prefix: int
    """How many characters from the start may be shown."""
    random_bits: float
    """Bits of entropy in one token."""

    @property
    def length(self) -> int:
        """Characters in a whole token."""
        return len(self.prefix) + sum(part.length or len(part.literal) for part in self.parts)

    @property
    def checksum_length(self) -> int:
        """Characters of the checksum at the end; 0: there is none."""
        return sum(part.length for part in self.parts[-1:] if part.checksum)


@dataclass(frozen=True)
class Rule:
    """One kind of secret. Valid once built: `tokenguard.ruleset` checks before it builds."""

    id: str
    title: str
    severity: Severity
    pattern: str
    """A `re` pattern over bytes (as ASCII text). The secret is group `secret`, else group 1, else the whole match."""
    sieve: str
    """A Hyperscan pattern that hits at least wherever `pattern` matches (stage 1)."""
    max_length: int
    """Upper bound of the length of a match, in bytes."""
    description: str = ""
    remediation: str = ""
    token: TokenFormat | None = None
    literal_prefix: str = ""
    """Text that every match starts with; its encoded forms are searched for too. Empty: none."""
    visible_prefix: int = 0
    """How many leading characters of the secret may be shown; 0: none."""
    random_bits: float | None = None
    min_entropy: float = 0.0
    """Shannon entropy in bits a character below which a match is dropped."""
    sample_hashes: frozenset[str] = frozenset()
    """SHA-256 of published samples: counted, never a finding."""
    examples: tuple[str, ...] = ()
    negative_examples: tuple[str, ...] = ()
    samples: tuple[str, ...] = ()
    source: str = ""
    """Where the rule was read from, for messages: `file:line`."""
    issuer: IssuerApi | None = field(default=None, repr=False, compare=False)
    """Its `verify` and `revoke` sections. `tokenguard.ruleset.issuers` knows those of the built-in rules."""
    foreign: bool = False
    """It came with what is scanned: where it and another rule hit the same bytes, the other one counts."""

    @cached_property
    def regex(self) -> re.Pattern[bytes]:
        """`pattern`, compiled for bytes."""
        return re.compile(self.pattern.encode())


@dataclass(frozen=True, slots=True)
class RuleSet:
    """All the rules of a scan, in order, and the digest that names exactly them."""

    rules: tuple[Rule, ...]
    digest: str
    """`sha256:` and the hex digest over everything in the rules that can change a result."""

    def by_id(self, rule_id: str) -> Rule | None:
        """The rule of that id, or None."""
        return next((rule for rule in self.rules if rule.id == rule_id), None)
