"""Stage 2: for each hit of stage 1, Python's `re` on the stretch that the rule's longest match allows.

The outcome is what `re.finditer` would give on the whole blob: each search starts at the end of the last match or, if
that lies further back, at the longest match's length before the hit. Where a token's checksum is wrong there is no
match, and the search goes on at the next byte.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator

from tokenguard.model import Allowance, Match, Origin, Position, Rule, RuleSet, Secret
from tokenguard.model.lazy_dataclass import dataclass
from tokenguard.scan.engine import Hit
from tokenguard.scan.redact import redacted, visible

ALLOWANCE_REACH = 4096
"""Bytes before and after a secret within which an inline allowance is looked for."""

_LOOKAHEAD = 64
"""Bytes after the longest match that a pattern's look-ahead may inspect."""
_FEW = 8
"""Places that are sooner tried one by one than searched, which goes on behind them."""
_ALLOWANCE = re.compile(rb"tokenguard:allow[ \t]+([A-Za-z0-9._-]+)[ \t]+([^\r\n]*[^\s])")


@dataclass(frozen=True, slots=True)
class Found:
    """A rule's secret at data[start:end], still beside its bytes."""

    rule: Rule
    start: int
    end: int
    secret: Secret


class Refiner:
    """Stage 2 over one blob; remembers across windows where each rule's last match ended."""

    def __init__(self, ruleset: RuleSet) -> None:
        self._rules = ruleset.rules
        self._next: dict[int, int] = {}

    def refine(self, data: bytes | bytearray, base: int, size: int, hits: Iterable[Hit]) -> Iterator[Found]:
        """The confirmed matches of `hits`, whose ends count in `data`; `base` is data[0]'s offset in the blob."""
        for hit in hits:
            rule = self._rules[hit.index]
            resume = self._next.get(hit.index, 0) - base
            if hit.end <= resume:
                continue
            begin = max(resume, hit.end - rule.max_length - 1, 0)
            limit = min(size, hit.end + rule.max_length + _LOOKAHEAD)
            match = _first(rule, data, begin, hit.end, limit)
            if match is None:
                self._next[hit.index] = base + hit.end
                continue
            self._next[hit.index] = base + max(match.end(), match.start() + 1)
            found = _found(rule, match)
            if found is not None:
                yield found


def _first(rule: Rule, data: bytes | bytearray, begin: int, end: int, limit: int) -> re.Match[bytes] | None:
    """The first match that begins in data[begin:end], its checksum right where it has one."""
    match = _shaped(rule.regex, data, begin, end, limit)
    if match is None or rule.token is None or not rule.token.checksum_length:
        return match
    from tokenguard.model.checksum import checksum_holds  # start-up time: a clean commit comes to no token

    while match is not None and not checksum_holds(rule.token, match.group()):
        match = _shaped(rule.regex, data, match.start() + 1, end, limit)
    return match


def _shaped(
    pattern: re.Pattern[bytes], data: bytes | bytearray, begin: int, end: int, limit: int
) -> re.Match[bytes] | None:
    """The first match that begins in data[begin:end]; of hits side by side, no place is tried twice."""
    if end - begin <= _FEW:
        return next((match for at in range(begin, end) if (match := pattern.match(data, at, limit))), None)
    match = pattern.search(data, begin, limit)
    return match if match is not None and match.start() < end else None


def _found(rule: Rule, match: re.Match[bytes]) -> Found | None:
    groups = match.re.groupindex
    group: int | str = "secret" if "secret" in groups else 1 if match.re.groups else 0
    value = match.group(group)
    if not value or (rule.min_entropy and shannon_entropy(value) < rule.min_entropy):
        return None
    return Found(rule, match.start(group), match.end(group), Secret(bytes(value)))


def shannon_entropy(value: bytes) -> float:
    """Shannon entropy of the bytes, in bits a byte."""
    size = len(value)
    return -sum(n / size * math.log2(n / size) for n in (value.count(byte) for byte in set(value)))


def allowance(data: bytes | bytearray, size: int, found_rule: str, start: int, end: int) -> Allowance | None:
    """The inline allowance for that rule on the line of data[start:end] or on the line before."""
    low, high = max(0, start - ALLOWANCE_REACH), min(size, end + ALLOWANCE_REACH)
    if data.find(b"tokenguard:allow", low, high) < 0:
        return None
    lines = re.split(rb"\r\n|\n|\r", bytes(data[low:start]))[-2:]
    after = re.split(rb"\r\n|\n|\r", bytes(data[end:high]), maxsplit=1)[0]
    for text in (*lines, after):
        for match in _ALLOWANCE.finditer(text):
            if match.group(1).decode() == found_rule:
                return Allowance(found_rule, match.group(2).decode("utf-8", "replace"))
    return None


def match_of(  # noqa: PLR0913 - the last two by name
    found: Found, origin: Origin, offset: int, position: Position, *, allowed: Allowance | None, fingerprint: str
) -> Match:
    """The Match of a confirmed secret: its names and hashes, without the value."""
    rule, secret = found.rule, found.secret
    return Match(
        rule_id=rule.id,
        origin=origin,
        offset=offset,
        position=position,
        redacted=redacted(rule, secret),
        prefix=visible(rule, secret),
        token_sha256=secret.token_sha256(rule.random_bits),
        fingerprint=fingerprint,
        sample=bool(rule.sample_hashes) and secret.sha256() in rule.sample_hashes,
        allowance=allowed,
    )
