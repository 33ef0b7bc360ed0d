"""Text that is shown (paths, names, reasons, messages) without the secrets that may stand in it.

A file can be named after a token, an author can have pasted one into a name: reports print these texts.
"""

from __future__ import annotations

import os
import re

from tokenguard.model import Rule, RuleSet, Secret

ELLIPSIS = "…"


def visible(rule: Rule, secret: Secret) -> str:
    """The visible prefix of a secret under a rule; empty when nothing may be shown."""
    return secret.reveal()[: rule.visible_prefix].decode("ascii", "replace")


def redacted(rule: Rule, secret: Secret) -> str:
    """How a secret is shown: its visible prefix and an ellipsis."""
    return visible(rule, secret) + ELLIPSIS


class Redactor:
    """Takes the secrets of a rule set out of texts."""

    def __init__(self, ruleset: RuleSet) -> None:
        self._rules = ruleset.rules
        self._prefixes = re.compile("|".join(re.escape(rule.literal_prefix) for rule in ruleset.rules) or "(?!)")
        self._always = any(not rule.literal_prefix for rule in ruleset.rules)

    def clean(self, text: str) -> str:
        """`text` with each secret in it replaced by its redacted form."""
        if not self._always and self._prefixes.search(text) is None:
            return text
        data = os.fsencode(text) if text.isascii() else text.encode("utf-8", "surrogateescape")
        for rule in self._rules:
            data = rule.regex.sub(lambda match, rule=rule: _replacement(rule, match), data)  # type: ignore[misc]  # bound
        return data.decode("utf-8", "surrogateescape")

    def guard(self, text: str) -> str:
        """As `clean`, and what only begins like a secret is cut behind its visible prefix.

        For messages about what somebody typed: a token that lacks a character is no token, and gives one away.
        """
        text = self.clean(text)
        for rule in self._rules:
            if rule.literal_prefix and rule.literal_prefix in text:
                shown = max(rule.visible_prefix, len(rule.literal_prefix)) - len(rule.literal_prefix)
                cut = re.compile(rf"({re.escape(rule.literal_prefix)}\w{{0,{shown}}}+)\w+")
                text = cut.sub(rf"\1{ELLIPSIS}", text)
        return text


def _replacement(rule: Rule, match: re.Match[bytes]) -> bytes:
    return redacted(rule, Secret(match.group())).encode()
