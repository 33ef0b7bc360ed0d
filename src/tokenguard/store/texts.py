"""Texts that others wrote (reasons, addresses of pages, paths) before they are stored: bounded, one line, no token.

What is searched for are the families' patterns, also in what is percent-encoded, as paths and URLs are. How a text is
escaped is for whoever shows it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import sha256
from urllib.parse import unquote

from tokenguard.model.rule import Rule, RuleSet

ELLIPSIS = "…"

_READ = 100_000
"""Characters of a text that are looked at. Far more than any that is kept: where it is cut, nothing is kept."""
_ENCODINGS = 4
"""How often a text may have been percent-encoded."""


def tidy(text: str, limit: int) -> str:
    """`text` on one line, at most `limit` characters; what steers a terminal or a page's direction is a space."""
    if not text.isprintable():
        text = "".join(character if character.isprintable() else " " for character in text[:_READ])
    text = text.strip()
    return text if len(text) <= limit else text[: limit - 1] + ELLIPSIS


def families(ruleset: RuleSet) -> tuple[Rule, ...]:
    """The rules whose tokens a store can have."""
    return tuple(rule for rule in ruleset.rules if rule.token is not None)


def is_whole(rule: Rule, value: bytes) -> bool:
    """Whether it is a whole token of that family, by its pattern."""
    return rule.regex.fullmatch(value) is not None


def spelled_out(text: str) -> str:
    """Percent-encoding undone, again where it was done again."""
    for _ in range(_ENCODINGS):
        if "%" not in text:
            break
        text = unquote(text)
    return text


class TokenSieve:
    """Finds the tokens of families in texts."""

    def __init__(self, ruleset: RuleSet) -> None:
        self._families = families(ruleset)

    def holds_token(self, text: str) -> bool:
        """Whether a token stands in it. Published samples do not count."""
        written = (text, spelled_out(text)) if "%" in text else (text,)
        return any(map(self._holds, map(_encoded, written)))

    def _holds(self, data: bytes) -> bool:
        return any(next(self._spans(rule, data), None) for rule in self._families if _begins(rule, data))

    def kept(self, text: str, limit: int) -> str:
        """`text` as it may be stored: tidy, and of each token, or what begins like one, only the visible prefix.

        Where one is percent-encoded, the whole text is spelled out.
        """
        data = _encoded(text[:_READ])
        if "%" in text:
            plain = _encoded(spelled_out(text[:_READ]))
            data = plain if any(_begins(rule, plain) for rule in self._families) else data
        for rule in self._families:
            if _begins(rule, data):
                data = _cut(_without(data, rule, tuple(self._spans(rule, data))), rule)
        return tidy(data.decode("utf-8", "replace"), limit)

    @staticmethod
    def _spans(rule: Rule, data: bytes) -> Iterator[tuple[int, int]]:
        for match in rule.regex.finditer(data):
            group = "secret" if "secret" in rule.regex.groupindex else min(rule.regex.groups, 1)
            if sha256(match[group]).hexdigest() not in rule.sample_hashes:
                yield match.span(group)


def _begins(rule: Rule, data: bytes) -> bool:
    """Whether it can match at all: most texts hold no token, and a pattern costs more than this."""
    return rule.literal_prefix.encode() in data


def _without(data: bytes, rule: Rule, spans: tuple[tuple[int, int], ...]) -> bytes:
    for start, end in reversed(spans):
        data = data[: start + rule.visible_prefix] + ELLIPSIS.encode() + data[end:]
    return data


def _cut(data: bytes, rule: Rule) -> bytes:
    """A token with a character too many or too few is none, and gives one away."""
    begin = re.escape(rule.literal_prefix.encode())
    shown = max(rule.visible_prefix - len(rule.literal_prefix), 0)
    return re.sub(rb"(%b\w{0,%d}+)\w+" % (begin, shown), rb"\1" + ELLIPSIS.encode(), data) if begin else data


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "replace")
