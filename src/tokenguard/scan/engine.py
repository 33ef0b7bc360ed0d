"""Stage 1: every pattern at once over bytes, with Hyperscan.

The sieve says whether there is anything at all: the fixed prefixes of rules that describe a token, their encoded forms,
magic numbers of containers. It is all that clean content ever meets, but for the patterns of other rules. Behind it
stand the tokens' patterns, and the encoded forms with the magics alone. Compiled together they would take 60 ms and
scan no faster; apart they take 5. Start of match is off: a hit is (what, end offset), a superset of what stage 2
confirms. An Engine is shared by threads; a Scratch is a thread's own.

Literals are compiled as escaped patterns: the binding hands literal expressions over as C strings, cut at a NUL.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import hyperscan

from tokenguard.errors import RuleError
from tokenguard.model import Rule, RuleSet
from tokenguard.model.lazy_dataclass import dataclass, replace
from tokenguard.scan.store import load_database, save_database

_SMALL = 1 << 16
"""Bytes that are sooner searched with the sieve once more than patterns are compiled for: a file of a commit."""
_SPARED = 1000
"""Hits of the sieve, by which a thread sees that this is more than a commit: then compiling is worth it."""
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
        prefixes = dict.fromkeys(rule.literal_prefix for rule in ruleset.rules if rule.token is not None)
        # One hit is enough of one object; a stretch that the sieve searches holds many.
        each = (replace(literal, once=False) for literal in self.literals)
        self.sieve = _literals_database((*each, *(Literal(prefix.encode()) for prefix in prefixes)))
        self._prefixes = tuple(prefixes)
        self.described = any(rule.token for rule in ruleset.rules)
        plain = {number: rule for number, rule in enumerate(ruleset.rules) if rule.token is None}
        # Compiled at once: a pattern that somebody wrote may not compile, and that is said before any scan.
        self.plain = _plain_database(plain, ruleset, cache) if plain else None

    @cached_property
    def tokens(self) -> hyperscan.Database:
        """The patterns of rules that describe a token."""
        return _rules_database({number: rule for number, rule in enumerate(self.ruleset.rules) if rule.token})

    @cached_property
    def encoded(self) -> hyperscan.Database:
        """Encoded forms and magics."""
        return _literals_database(self.literals)

    @cached_property
    def begun(self) -> Mapping[int, tuple[int, ...]]:
        """By the number that a prefix has in the sieve: the rules whose tokens begin with it."""
        numbered = [(number, rule) for number, rule in enumerate(self.ruleset.rules) if rule.token is not None]
        return {
            index: tuple(number for number, rule in numbered if rule.literal_prefix == prefix)
            for index, prefix in enumerate(self._prefixes, len(self.literals))
        }

    def compiled(self, name: str) -> bool:
        """Whether `tokens` or `encoded` was needed yet."""
        return name in self.__dict__

    def scratch(self) -> Scratch:
        """Working memory for one thread."""
        return Scratch(self)


class Scratch:
    """One thread's view of an Engine; not to be shared between threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._sieve = _Scan(engine.sieve)
        self._plain = _Scan(engine.plain) if engine.plain is not None else None
        self._used = 0

    @cached_property
    def _tokens(self) -> _Scan:
        return _Scan(self._engine.tokens)

    @cached_property
    def _encoded(self) -> _Scan:
        return _Scan(self._engine.encoded)

    def any_hit(self, view: memoryview) -> bool:
        """Whether there can be anything at all in `view`."""
        return self._sieve.any(view) or (self._plain is not None and self._plain.any(view))

    def parts_hit(self, view: memoryview, starts: Sequence[int]) -> list[int]:
        """In which of the parts of `view` there can be anything, by their numbers; `starts` ends with the last's end.

        A part is a blob and a line feed behind it. So many blobs cost one search, and anchors hold in each.
        """
        from bisect import bisect_right  # start-up time: a commit never needs it

        hit: dict[int, None] = {}

        def note(end: int) -> int:
            # The last byte of the match lies in the part, if only in its line feed.
            part = bisect_right(starts, end - 1) - 1
            hit[part] = None
            return starts[part + 1]

        for scan in filter(None, (self._sieve, self._plain)):
            scan.each(view[: starts[-1]], note)
        return list(hit)

    def rule_hits(self, view: memoryview, limit: int) -> list[Hit]:
        """Hits of rules in order of their end; stops after `limit` or soon after."""
        hits = self._token_hits(view, limit) if self._engine.described else []
        if self._plain is None:
            return hits
        others = self._plain.all(view, limit)
        # What lies behind the end of a search that stopped is not all there is: it is left for the next one.
        last = min((found[-1].end for found in (hits, others) if len(found) >= limit), default=len(view))
        return sorted((hit for hit in (*hits, *others) if hit.end <= last), key=_end)

    def literal_hits(self, view: memoryview, limit: int) -> list[Hit]:
        """Hits of literals in order of their end; stops after `limit`."""
        seen = self._seen("encoded", view, limit)
        if seen is None:
            return self._encoded.all(view, limit)
        literals, told = self._engine.literals, set[int]()
        hits = []
        for hit in seen:
            if hit.index < len(literals) and hit.index not in told:
                hits.append(hit)
                if literals[hit.index].once:
                    told.add(hit.index)
        return hits

    def _token_hits(self, view: memoryview, limit: int) -> list[Hit]:
        """Hits of the tokens' patterns; or where tokens begin, which stage 2 makes the same matches of."""
        seen = self._seen("tokens", view, limit)
        if seen is None:
            return self._tokens.all(view, limit)
        begun = self._engine.begun
        return [Hit(number, hit.end) for hit in seen for number in begun.get(hit.index, ())]

    def _seen(self, needed: str, view: memoryview, limit: int) -> list[Hit] | None:
        """All hits of the sieve, where these spare compiling what else is needed."""
        if len(view) > _SMALL or self._used > _SPARED or self._engine.compiled(needed):
            return None
        hits = self._sieve.all(view, limit)
        self._used += len(hits)
        return hits if len(hits) < limit else None


def _end(hit: Hit) -> int:
    return hit.end


class _Scan:
    """A database with a scratch, and the ways to ask it."""

    def __init__(self, database: hyperscan.Database) -> None:
        self._scratch = hyperscan.Scratch(database)
        self._scan: Callable[..., None] = database.scan

    def any(self, view: memoryview) -> bool:
        try:
            self._scan(view, match_event_handler=_stop, scratch=self._scratch)
        except hyperscan.ScanTerminated:
            return True
        return False

    def each(self, view: memoryview, note: Callable[[int], int]) -> None:
        """Call `note` with ends of hits; it answers up to which offset it does not care for more."""
        until = 0

        def tell(_index: int, _start: int, end: int, _flags: int, _context: Any) -> None:
            nonlocal until
            if end > until:
                until = note(end)

        self._scan(view, match_event_handler=tell, scratch=self._scratch)

    def all(self, view: memoryview, limit: int) -> list[Hit]:
        hits: list[Hit] = []
        append = hits.append

        def collect(index: int, _start: int, end: int, _flags: int, _context: Any) -> bool:
            append(Hit(index, end))
            return len(hits) >= limit

        with contextlib.suppress(hyperscan.ScanTerminated):
            self._scan(view, match_event_handler=collect, scratch=self._scratch)
        return hits


def _stop(*_: Any) -> bool:
    return True


def _compile(expressions: Sequence[bytes], flags: Sequence[int], ids: Sequence[int]) -> hyperscan.Database:
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(expressions=list(expressions), ids=list(ids), elements=len(expressions), flags=list(flags))
    return database


def _rules_database(rules: Mapping[int, Rule]) -> hyperscan.Database:
    try:
        return _compile([rule.sieve.encode() for rule in rules.values()], [0] * len(rules), tuple(rules))
    except hyperscan.error as error:
        raise RuleError(f"a rule's pattern does not compile: {error}", remedy="run: tokenguard rules check") from error


def _plain_database(rules: Mapping[int, Rule], ruleset: RuleSet, cache: Path | None) -> hyperscan.Database:
    kept = cache if len(rules) > _COMPILED_IN_MEMORY else None
    if kept is not None and (database := load_database(kept, ruleset.digest, rules)) is not None:
        return database
    database = _rules_database(rules)
    if kept is not None:
        save_database(kept, ruleset.digest, database)
    return database


def _literals_database(literals: tuple[Literal, ...]) -> hyperscan.Database:
    return _compile(
        [b"".join(b"\\x%02x" % byte for byte in literal.text) for literal in literals],
        [
            (hyperscan.HS_FLAG_CASELESS if literal.caseless else 0)
            | (hyperscan.HS_FLAG_SINGLEMATCH if literal.once else 0)
            for literal in literals
        ],
        range(len(literals)),
    )
