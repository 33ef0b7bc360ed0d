"""Families as the store mints them: a rule's token format, joined with the deployment's policy for it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokenguard.model.policy import FamilyPolicy, Policies

if TYPE_CHECKING:
    from tokenguard.model.rule import RuleSet, TokenFormat

_UNIQUE_FROM_BITS = 32
"""Random bits of a visible prefix from which it can be unique: two of 77,000 share one by chance."""


@dataclass(frozen=True, slots=True)
class Family:
    """What can be minted: one rule with a `token` section."""

    id: str
    title: str
    format: TokenFormat
    policy: FamilyPolicy
    unique_prefix: bool
    """No two tokens of it share a visible prefix."""


def families_of(ruleset: RuleSet, policies: Policies) -> dict[str, Family]:
    """Every family of the rule set by its id, in order."""
    found = ((rule, rule.token, policies.family(rule.id)) for rule in ruleset.rules)
    return {
        rule.id: Family(rule.id, rule.title, token, policy, _unique(token, policy))
        for rule, token, policy in found
        if token is not None
    }


def _unique(token: TokenFormat, policy: FamilyPolicy) -> bool:
    if policy.unique_prefix is not None:
        return policy.unique_prefix
    return visible_bits(token) >= _UNIQUE_FROM_BITS


def visible_bits(token: TokenFormat) -> float:
    """Random bits in the visible prefix of a format."""
    bits, left = 0.0, token.visible_prefix - len(token.prefix)
    for part in token.parts:
        if left <= 0:
            break
        if part.alphabet:
            bits += min(left, part.length) * math.log2(len(part.alphabet))
        left -= part.length or len(part.literal)
    return bits
