"""Prove rules: each example is found, no negative example is, the samples are known, stage 1 misses nothing.

With the real regexes and the real Hyperscan. Never raises for a wrong rule: faults are values.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tokenguard.config.installed import rules_folder
from tokenguard.errors import RuleError
from tokenguard.model import Rule
from tokenguard.model.checksum import checksum_holds
from tokenguard.model.mint import draw_token
from tokenguard.ruleset.assemble import load_builtin
from tokenguard.ruleset.fault import Fault, in_order
from tokenguard.ruleset.load import read_file, rule_files
from tokenguard.ruleset.parse import ReadRule, repeated_ids

if TYPE_CHECKING:
    import hyperscan

_PLACEHOLDER = "{token}"
"""Stands in an example for a token drawn for the check, so that no token has to stand in a file."""


@dataclass(frozen=True, slots=True)
class Checked:
    """The outcome of a check: every fault, and how much was looked at."""

    faults: tuple[Fault, ...]
    """Empty: all is proved."""
    rules: int
    examples: int
    negative_examples: int
    samples: int


def check(paths: Sequence[Path] | None = None) -> tuple[Fault, ...]:
    """Every fault of the rule files at `paths` (files or folders); None: the built-in ones. Empty: all is proved.

    A rule may not have the id of a built-in one, except in the built-in files themselves.
    """
    return checked(paths).faults


def checked(paths: Sequence[Path] | None = None) -> Checked:
    """As `check`, with what was looked at."""
    faults: list[Fault] = []
    files = _files([rules_folder()] if paths is None else paths, faults)
    read = [rule for file in files for rule in _read(file, faults)]
    faults.extend(repeated_ids(read))
    faults.extend(_builtin_ids(read))
    faults.extend(fault for rule in read for fault in prove(rule))
    return Checked(
        in_order(faults),
        rules=len(read),
        examples=sum(len(rule.examples) for rule in read),
        negative_examples=sum(len(rule.negative_examples) for rule in read),
        samples=sum(len(rule.samples) for rule in read),
    )


def prove(read: ReadRule) -> tuple[Fault, ...]:
    """What one rule says of itself and does not keep."""
    return tuple(Fault(where, message) for where, message in _Proof(read).run())


def _files(paths: Iterable[Path], faults: list[Fault]) -> Iterator[Path]:
    for path in paths:
        try:
            yield from rule_files(path)
        except RuleError as error:
            faults.extend(_faults_of(error))


def _read(path: Path, faults: list[Fault]) -> tuple[ReadRule, ...]:
    try:
        return read_file(path)
    except RuleError as error:
        faults.extend(_faults_of(error))
        return ()


def _faults_of(error: RuleError) -> Iterator[Fault]:
    for line in error.faults:
        where, _, message = line.partition(": ")
        yield Fault(where, message)


def _builtin_ids(read: Iterable[ReadRule]) -> Iterator[Fault]:
    folder = rules_folder().resolve()
    builtin = load_builtin()
    for rule in (each.rule for each in read):
        earlier = builtin.by_id(rule.id)
        if earlier is not None and Path(rule.source).resolve().parent != folder:
            yield Fault(rule.source, f"rule '{rule.id}' is built in ({earlier.source}); give it another id")


class _Proof:
    """The proof of one rule, as faults with their lines."""

    def __init__(self, read: ReadRule) -> None:
        self._read = read
        self._rule = read.rule

    def run(self) -> Iterator[tuple[str, str]]:
        import hyperscan

        try:
            sieve = _Sieve(self._rule)
        except hyperscan.error as error:
            yield self._rule.source, f"stage 1 (Hyperscan) does not take the pattern: {error}"
            return
        yield from self._examples(sieve)
        yield from self._negative_examples()
        yield from self._samples()

    def _examples(self, sieve: _Sieve) -> Iterator[tuple[str, str]]:
        if not self._read.examples:
            yield self._rule.source, "no 'examples': nothing proves that the rule finds what it is for"
        for example in self._read.examples:
            text, token = self._filled(example.text)
            secrets = set(_secrets(self._rule, text))
            if len(secrets) != 1:
                yield example.where, f"in this example {len(secrets) or 'no'} secrets are found; it must be exactly one"
            elif token and secrets != {token}:
                yield example.where, "in this example something else is found than its {token}"
            elif not sieve.hits(text):
                yield example.where, "stage 1 (Hyperscan) misses this example"

    def _negative_examples(self) -> Iterator[tuple[str, str]]:
        for example in self._read.negative_examples:
            text, _ = self._filled(example.text)
            if any(True for _ in _secrets(self._rule, text)):
                yield example.where, "in this negative example a secret is found"

    def _samples(self) -> Iterator[tuple[str, str]]:
        for sample in self._read.samples:
            value = sample.text.encode()
            if set(_secrets(self._rule, value)) != {value}:
                yield sample.where, "this sample is not what the rule finds: it could never be recognised"

    def _filled(self, text: str) -> tuple[bytes, bytes]:
        """The example with a fresh token in it, and that token; empty where it has none."""
        if self._rule.token is None or _PLACEHOLDER not in text:
            return text.encode(), b""
        token = draw_token(self._rule.token)
        return text.replace(_PLACEHOLDER, token).encode(), token.encode()


class _Sieve:
    """Stage 1 for a single rule."""

    def __init__(self, rule: Rule) -> None:
        import hyperscan

        self._database: hyperscan.Database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
        self._database.compile(expressions=[rule.sieve.encode()], ids=[0], elements=1, flags=[0])

    def hits(self, text: bytes) -> bool:
        ends: list[int] = []
        self._database.scan(text, match_event_handler=lambda _id, _from, to, _flags, _context: ends.append(to))
        return bool(ends)


def _secrets(rule: Rule, text: bytes) -> Iterator[bytes]:
    """The secrets that the rule finds in a text."""
    group: int | str = "secret" if "secret" in rule.regex.groupindex else min(rule.regex.groups, 1)
    for match in rule.regex.finditer(text):
        value = match.group(group)
        if value and _entropy(value) >= rule.min_entropy and checksum_holds(rule.token, value):
            yield value


def _entropy(value: bytes) -> float:
    """Shannon entropy in bits a byte."""
    shares = [value.count(byte) / len(value) for byte in set(value)]
    return -sum(share * math.log2(share) for share in shares)
