"""Rules into a RuleSet: the built-in ones, and what is added to them.

Start-up goes through here with every hook: no YAML is read and nothing heavy imported for the built-in rules.
"""

from __future__ import annotations

from collections.abc import Iterable

from tokenguard.errors import RuleError, UsageError
from tokenguard.model import Rule, RuleSet, Severity

_DIGEST_DOMAIN = "tokenguard/ruleset/1"
_NOT_IN_RESULTS = frozenset({"source", "issuer", "examples", "negative_examples", "samples"})
"""What only checks and messages read; samples are in the digest as their hashes."""


def load_builtin() -> RuleSet:
    """The built-in rules, from precompiled plain data (a test compares it with `rules/*.yaml`)."""
    from tokenguard.ruleset import builtin

    return RuleSet(builtin.RULES, builtin.DIGEST)


def combine(builtin: RuleSet, *extra: Iterable[Rule]) -> RuleSet:
    """`builtin` and then each group of further rules, in order.

    Raises RuleError when two rules have the same id; it names both places.
    """
    rules = list(builtin.rules)
    by_id = {rule.id: rule for rule in rules}
    for rule in (rule for group in extra for rule in group):
        earlier = by_id.setdefault(rule.id, rule)
        if earlier is not rule:
            raise RuleError(f"{rule.source}: rule '{rule.id}' is already defined at {earlier.source}")
        rules.append(rule)
    return builtin if len(rules) == len(builtin.rules) else of_rules(rules)


def select(ruleset: RuleSet, rule_ids: Iterable[str]) -> RuleSet:
    """Only the rules of these ids, in the order of the set. Raises UsageError for an id that it does not have."""
    wanted = set(rule_ids)
    known = [rule.id for rule in ruleset.rules]
    if unknown := wanted.difference(known):
        raise _unknown_rule(min(unknown), known)
    return of_rules(rule for rule in ruleset.rules if rule.id in wanted)


def of_rules(rules: Iterable[Rule]) -> RuleSet:
    """A RuleSet of exactly these rules, with its digest. Their ids must be unique."""
    listed = tuple(rules)
    return RuleSet(listed, digest_of(listed))


def digest_of(rules: Iterable[Rule]) -> str:
    """`sha256:` and the digest over everything in the rules, and their order, that can change a result."""
    import hashlib  # start-up time: the built-in rules carry their digest

    names = [name for name in Rule.__match_args__ if name not in _NOT_IN_RESULTS]
    digest = hashlib.sha256(_DIGEST_DOMAIN.encode())
    for rule in rules:
        # ascii() is one-to-one for these values and the same on every Python.
        digest.update(ascii([(name, _plain(getattr(rule, name))) for name in names]).encode() + b"\n")
    return f"sha256:{digest.hexdigest()}"


def _unknown_rule(rule_id: str, known: list[str]) -> UsageError:
    from tokenguard.config.keys import nearest
    from tokenguard.config.strict_yaml import shown

    return UsageError(f"no rule is called {shown(rule_id)}", remedy=nearest(rule_id, known))


def _plain(value: object) -> object:
    if isinstance(value, Severity):
        return value.value
    return sorted(value) if isinstance(value, frozenset) else value
