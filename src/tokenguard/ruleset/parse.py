"""Bytes of a rule file into rules, each with the lines that its examples stand on.

Everything that a Rule promises is checked here; whether its examples hold is for `check`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from tokenguard.config.keys import nearest
from tokenguard.config.strict_yaml import Node, compose, shown
from tokenguard.errors import ConfigError, RuleError
from tokenguard.model import Rule, Severity, TokenFormat
from tokenguard.ruleset.fault import Fault
from tokenguard.ruleset.fields import Faults, Fields, Text
from tokenguard.ruleset.issuer_section import read_issuer_sections
from tokenguard.ruleset.limits import OWN, Limits
from tokenguard.ruleset.syntax import PatternError, Syntax, analyse
from tokenguard.ruleset.token_format import pattern_of, sieve_of
from tokenguard.ruleset.token_section import read_token_section
from tokenguard.ruleset.translate import translate

RULE_KEYS = (
    "id",
    "title",
    "severity",
    "description",
    "remediation",
    "token",
    "pattern",
    "max_length",
    "min_entropy",
    "examples",
    "negative_examples",
    "samples",
    "verify",
    "revoke",
)
_ID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_MAX_ID_LENGTH = 64
_MAX_ENTROPY = 8.0


@dataclass(frozen=True, slots=True)
class ReadRule:
    """A rule as it stands in a file, with what only `check` needs."""

    rule: Rule
    examples: tuple[Text, ...]
    negative_examples: tuple[Text, ...]
    samples: tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class _Matching:
    """How a rule matches, whether derived from its token section or written as a pattern."""

    pattern: str
    sieve: str
    max_length: int
    literal_prefix: str
    token: TokenFormat | None = None


def parse_rules(data: bytes, name: str, limits: Limits = OWN) -> tuple[ReadRule, ...]:
    """All rules in the bytes of one file; `name` stands for the file. Raises RuleError with every fault of it."""
    faults = Faults()
    document = Fields(_compose(data, name), ("rules",), faults, "a rule file")
    document.require("rules")
    nodes = document.nodes("rules")
    if "rules" in document and not nodes and not faults.found:
        document.fault("rules", "'rules' has no rule in it")
    if len(nodes) > limits.rules:
        faults.add(nodes[limits.rules].where, f"more than {limits.rules} rules")
    rules = tuple(filter(None, (_read_rule(node, faults, limits) for node in nodes[: limits.rules])))
    faults.found.extend(repeated_ids(rules))
    faults.raise_any()
    return rules


def repeated_ids(rules: Sequence[ReadRule]) -> list[Fault]:
    """A fault for each rule whose id an earlier one has; it names both places."""
    first: dict[str, ReadRule] = {}
    faults = []
    for read in rules:
        earlier = first.setdefault(read.rule.id, read)
        if earlier is not read:
            message = f"rule '{read.rule.id}' is already defined at {earlier.rule.source}"
            faults.append(Fault(read.rule.source, message))
    return faults


def _compose(data: bytes, name: str) -> Node:
    try:
        root = compose(data, name)
    except ConfigError as error:
        raise RuleError(error.message, remedy=error.remedy, faults=(str(error),)) from None
    if root is None:
        raise RuleError(f"{name}: empty; a rule file has 'rules:' and a list under it")
    return root


def _read_rule(node: Node, faults: Faults, limits: Limits) -> ReadRule | None:
    before = len(faults.found)
    fields = Fields(node, RULE_KEYS, faults, "a rule")
    _refuse_keys(fields, limits)
    fields.require("id", "title", "severity")
    examples, negative_examples, samples = map(fields.texts, ("examples", "negative_examples", "samples"))
    severity = _severity(fields)
    matching = _matching(fields, faults, limits)
    rule_id, title, min_entropy = _id(fields), fields.text("title"), _min_entropy(fields)
    description, remediation = fields.text("description"), fields.text("remediation")
    issuer = read_issuer_sections(fields, faults)
    if matching is None or len(faults.found) > before:
        return None
    rule = Rule(
        id=rule_id,
        title=_one_line(title),
        severity=severity,
        pattern=matching.pattern,
        sieve=matching.sieve,
        max_length=matching.max_length,
        description=_one_line(description),
        remediation=_one_line(remediation),
        token=matching.token,
        literal_prefix=matching.literal_prefix,
        visible_prefix=matching.token.visible_prefix if matching.token else 0,
        random_bits=matching.token.random_bits if matching.token else None,
        min_entropy=min_entropy,
        sample_hashes=frozenset(hashlib.sha256(sample.text.encode()).hexdigest() for sample in samples),
        examples=tuple(example.text for example in examples),
        negative_examples=tuple(example.text for example in negative_examples),
        samples=tuple(sample.text for sample in samples),
        source=fields.where,
        issuer=issuer,
    )
    return ReadRule(rule, examples, negative_examples, samples)


def _refuse_keys(fields: Fields, limits: Limits) -> None:
    for key in sorted(limits.refused_keys):
        if key in fields:
            fields.fault(key, f"a repository's own rule may not have {key!r}")


def _matching(fields: Fields, faults: Faults, limits: Limits) -> _Matching | None:
    token = fields.node("token")
    if token is None:
        return _pattern_matching(fields, limits)
    for key in ("pattern", "max_length"):
        if key in fields:
            fields.fault(key, f"{key!r} follows from the token section; leave it out")
    token_format = read_token_section(token, faults)
    if token_format is None:
        return None
    return _Matching(
        pattern_of(token_format), sieve_of(token_format), token_format.length, token_format.prefix, token_format
    )


def _pattern_matching(fields: Fields, limits: Limits) -> _Matching | None:
    if "pattern" not in fields:
        fields.lack("'pattern' or 'token'")
        return None
    # A block of YAML text (`|`) ends in a line feed that is not meant.
    pattern = fields.text("pattern").rstrip("\n")
    if len(pattern) > limits.pattern_length:
        fields.fault("pattern", f"a pattern of {len(pattern)} characters; at most {limits.pattern_length}")
        return None
    try:
        pattern = translate(pattern)
        syntax = analyse(pattern)
    except PatternError as error:
        fields.fault("pattern", f"the pattern cannot be used: {error}")
        return None
    if not syntax.min_length:
        fields.fault("pattern", "the pattern matches the empty text")
        return None
    if limits.ways is not None and syntax.ways > limits.ways:
        fields.fault("pattern", "the pattern can match in too many ways; bound its repeats, and none inside another")
    return _Matching(pattern, syntax.sieve, _max_length(fields, syntax, limits), syntax.literal_prefix)


def _max_length(fields: Fields, syntax: Syntax, limits: Limits) -> int:
    """The stated bound, else the pattern's own; 0 with a fault where neither will do."""
    stated = fields.integer("max_length")
    key, length = ("max_length", stated) if "max_length" in fields else ("pattern", syntax.max_length)
    if length is None:
        if "max_length" not in fields:
            fields.fault(key, "the pattern has no longest match; bound its repeats (+ to {1,99}) or add 'max_length'")
        return 0
    if length > limits.max_length:
        fields.fault(key, f"a match of up to {length} bytes; at most {limits.max_length}")
    elif length < syntax.min_length:
        fields.fault(key, f"'max_length' is shorter than the shortest match ({syntax.min_length})")
    return length


def _id(fields: Fields) -> str:
    text = fields.text("id")
    if text and (len(text) > _MAX_ID_LENGTH or not _ID.fullmatch(text)):
        fields.fault("id", f"'id' must be lower-case words joined by hyphens, at most {_MAX_ID_LENGTH} characters")
    return text


def _severity(fields: Fields) -> Severity:
    text = fields.text("severity")
    known = [severity.value for severity in Severity]
    if text in known:
        return Severity(text)
    if text:
        fields.fault("severity", f"no severity is called {shown(text)}; {nearest(text, known)}")
    return Severity.INFO


def _min_entropy(fields: Fields) -> float:
    entropy = fields.number("min_entropy") or 0.0
    if entropy > _MAX_ENTROPY:
        fields.fault("min_entropy", f"'min_entropy' is in bits a character, at most {_MAX_ENTROPY:g}")
    return entropy


def _one_line(text: str) -> str:
    """A folded YAML text ends in a line feed, and reports put it on one line."""
    return " ".join(text.split())
