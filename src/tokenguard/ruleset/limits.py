"""How much a rule may ask for. A scanned repository's own rules are hostile until proven bounded."""

from __future__ import annotations

from dataclasses import dataclass

MAX_LENGTH = 8192
"""Bytes of the longest match that any rule may have: the window that stage 2 looks at."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on the rules of one file."""

    rules: int
    """How many."""
    pattern_length: int
    """Characters of a pattern as written."""
    max_length: int
    """Bytes of a match."""
    ways: int | None
    """Paths that backtracking may try from one place; None: whoever wrote the rule only slows himself."""
    refused_keys: frozenset[str]
    """Keys of a rule that may not be there."""


OWN = Limits(10_000, 20_000, MAX_LENGTH, None, frozenset())
"""Built-in rules, and those of the user's own files."""

# No samples: a rule that overlaps a built-in one could declare a real token harmless. No token section:
# it says how much of a secret is shown. No verify and revoke: they say where a secret is sent.
REPOSITORY = Limits(50, 1_000, 1_024, 100_000, frozenset({"token", "samples", "verify", "revoke"}))
"""Rules that come with what is scanned."""
