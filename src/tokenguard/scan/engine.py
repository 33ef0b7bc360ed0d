"""Stage 1: every pattern at once over bytes, with Hyperscan.

Three databases. The sieve says whether there is anything at all: the rules' fixed prefixes, their encoded forms, magic
numbers of containers (and whole patterns of rules without a fixed prefix); it is all that clean content ever meets.
Then the rules' patterns, and the encoded forms with the magics alone. Rules and literals compiled together would take
60 ms and scan no faster; apart they take 5. Start of match is off: a hit is (what, end offset), a superset of what
stage 2 confirms. An Engine is shared by threads; a Scratch is a thread's own.

Literals are compiled as escaped patterns: the binding hands literal expressions over as C strings, cut at a NUL.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import hyperscan

from tokenguard.errors import RuleError
from tokenguard.model import Rule, RuleSet
from tokenguard.scan.store import load_database, save_database

_PREFIX = 4
"""Characters of a prefix below which it hits too often in ordinary text."""
_COMPILED_IN_MEMORY = 16
"""Rule sets up to this size compile in milliseconds; larger ones are worth keeping on disk."""


@dataclass(frozen=True, slots=True)
class Literal:
    """Plain bytes that stage 1 looks for. `once`: one hit in a scanned stretch is enough."""

    text: bytes
    caseless: bool = False
    once: bool = False


@dataclass(frozen=True, slots=True)
class Hit:
    """Stage 1 says: rule or literal number `index` ends at byte `end` of what was scanned."""

    index: int
    end: int


class Engine:
    """The compiled patterns of a RuleSet and the literals that go with it."""

    def __init__(self, ruleset: RuleSet, literals: Sequence[Literal], cache: Path | None = None) -> None:
        self.ruleset = ruleset
        self.literals = tuple(literals)
        self._cache = cache
        prefixes = (Literal(rule.literal_prefix.encode()) for rule in ruleset.rules if _is_prefixed(rule))
        self.sieve = _literals_database((*self.literals, *dict.fromkeys(prefixes)))
        self.prefixed = all(_is_prefixed(rule) for rule in ruleset.rules)
        if not all(rule.token for rule in ruleset.rules):
            _ = self.rules_database  # a pattern that somebody wrote may not compile: that is said before any scan

    @cached_property
    def rules_database(self) -> hyperscan.Database:
        """The rules' patterns."""
        return _rules_database(self.ruleset, self._cache)

    @cached_property
    def literals_database(self) -> hyperscan.Database:
        """Encoded forms and magics."""
        return _literals_database(self.literals)

    def scratch(self) -> Scratch:
        """Working memory for one thread."""
        return Scratch(self)


class Scratch:
    """One thread's view of an Engine; not to be shared between threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._sieve = _Scan(engine.sieve)

    @cached_property
    def _rules(self) -> _Scan:
        return _Scan(self._engine.rules_database)

    @cached_property
    def _literals(self) -> _Scan:
        return _Scan(self._engine.literals_database)

    def first_hit(self, view: memoryview) -> int:
        """End offset of a first hit of the sieve in `view`; 0 when there can be nothing in it."""
        end = self._sieve.first(view)
        if self._engine.prefixed:
            return end
        other = self._rules.first(view)
        return min(end, other) if end and other else end or other

    def rule_hits(self, view: memoryview, limit: int) -> list[Hit]:
        """Hits of rules in order of their end; stops after `limit`."""
        return self._rules.all(view, limit)

    def literal_hits(self, view: memoryview, limit: int) -> list[Hit]:
        """Hits of literals in order of their end; stops after `limit`."""
        return self._literals.all(view, limit)


class _Scan:
    """A database with a scratch, and the two ways to ask it."""

    def __init__(self, database: hyperscan.Database) -> None:
        self._scratch = hyperscan.Scratch(database)
        self._scan: Callable[..., None] = database.scan
        self._end = 0

    def _stop(self, _index: int, _start: int, end: int, _flags: int, _context: Any) -> bool:
        self._end = end
        return True

    def first(self, view: memoryview) -> int:
        self._end = 0
        try:
            self._scan(view, match_event_handler=self._stop, scratch=self._scratch)
        except hyperscan.ScanTerminated:
            return self._end
        return 0

    def all(self, view: memoryview, limit: int) -> list[Hit]:
        hits: list[Hit] = []
        append = hits.append

        def collect(index: int, _start: int, end: int, _flags: int, _context: Any) -> bool:
            append(Hit(index, end))
            return len(hits) >= limit

        try:
            self._scan(view, match_event_handler=collect, scratch=self._scratch)
        except hyperscan.ScanTerminated:
            pass
        return hits


def _is_prefixed(rule: Rule) -> bool:
    """Whether each match of the rule begins with a text long enough to be worth looking for."""
    return len(rule.literal_prefix) >= _PREFIX


def _compile(expressions: list[bytes], flags: list[int]) -> hyperscan.Database:
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(expressions=expressions, ids=list(range(len(expressions))), elements=len(expressions), flags=flags)
    return database


def _rules_database(ruleset: RuleSet, cache: Path | None) -> hyperscan.Database:
    kept = cache if len(ruleset.rules) > _COMPILED_IN_MEMORY else None
    if kept is not None and (database := load_database(kept, ruleset)) is not None:
        return database
    try:
        database = _compile([rule.sieve.encode() for rule in ruleset.rules], [0] * len(ruleset.rules))
    except hyperscan.error as error:
        raise RuleError(f"a rule's pattern does not compile: {error}", remedy="run: tokenguard rules check") from error
    if kept is not None:
        save_database(kept, ruleset, database)
    return database


def _literals_database(literals: tuple[Literal, ...]) -> hyperscan.Database:
    return _compile(
        [b"".join(b"\\x%02x" % byte for byte in literal.text) for literal in literals],
        [
            (hyperscan.HS_FLAG_CASELESS if literal.caseless else 0)
            | (hyperscan.HS_FLAG_SINGLEMATCH if literal.once else 0)
            for literal in literals
        ],
    )
