"""What a person types to name one token: its id or its visible prefix, and never the token itself."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tokenguard.errors import RefusedError, UsageError, WholeTokenError
from tokenguard.model.token import TokenFilter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokenguard.model.rule import Rule, RuleSet
    from tokenguard.model.service import TokenService
    from tokenguard.model.token import TokenPage, TokenRecord

_ID = re.compile(r"tok_[0-9A-Za-z_-]{1,64}")
_WORD = re.compile(r"[!-~]{1,200}")
_LONGEST_UNKNOWN = 32
"""Characters of a prefix of a family that only the server knows: a longer one may well be a whole token."""


@dataclass(frozen=True, slots=True)
class Reference:
    """One token by its id, or those that share a visible prefix."""

    id: str | None = None
    prefix: str | None = None

    @property
    def text(self) -> str:
        """As it was typed."""
        return self.id or self.prefix or ""


def reference(text: str, ruleset: RuleSet) -> Reference:
    """The token that `text` names.

    Raises:
        WholeTokenError: a token itself, which the message does not repeat.
        UsageError: neither an id nor a visible prefix.
    """
    if _ID.fullmatch(text):
        return Reference(id=text)
    family = next((rule for rule in _families(ruleset) if text.startswith(rule.literal_prefix)), None)
    if _holds_token(text, ruleset) or (family is not None and len(text) > family.visible_prefix):
        raise _whole_token(text, family)
    if not _WORD.fullmatch(text) or (family is None and len(text) > _LONGEST_UNKNOWN):
        raise UsageError(
            "neither the id (tok_…) nor the visible prefix of a token", remedy="see: tokenguard token list"
        )
    if family is not None and len(text) < family.visible_prefix:
        raise UsageError(
            f"{text}: too short; the visible prefix of a {family.id} has {family.visible_prefix} characters",
            remedy="see: tokenguard token list",
        )
    return Reference(prefix=text)


def find_tokens(service: TokenService, wanted: Reference) -> tuple[TokenRecord, ...]:
    """The tokens that the reference names, of all owners that the caller may see; several may share a prefix.

    Raises:
        RefusedError: NOT_FOUND where there is none.
    """
    if wanted.id is not None:
        return (service.token(wanted.id),)
    found = tuple(_with_prefix(service, wanted.text))
    if not found:
        raise RefusedError(
            "NOT_FOUND", f"no token with the prefix {wanted.text}", remedy="see: tokenguard token list --all"
        )
    return found


def every_page(service: TokenService, which: TokenFilter) -> Iterator[TokenPage]:
    """All pages of a filter, at least one."""
    while True:
        page = service.list_tokens(which)
        yield page
        if page.next_cursor is None:
            return
        which = replace(which, cursor=page.next_cursor)


def _every_token(service: TokenService, which: TokenFilter) -> Iterator[TokenRecord]:
    for page in every_page(service, which):
        yield from page.tokens


def _with_prefix(service: TokenService, prefix: str) -> Iterator[TokenRecord]:
    try:
        yield from _every_token(service, TokenFilter(prefix=prefix, everyone=True))
    except RefusedError as error:
        if error.code != "INSUFFICIENT_SCOPE":
            raise
        # Whoever may not look up others' tokens still has his own.
        yield from (record for record in _every_token(service, TokenFilter()) if record.prefix == prefix)


def _families(ruleset: RuleSet) -> list[Rule]:
    """The rules that describe a token, the longest prefix first."""
    described = (rule for rule in ruleset.rules if rule.token is not None)
    return sorted(described, key=lambda rule: len(rule.literal_prefix), reverse=True)


def _holds_token(text: str, ruleset: RuleSet) -> bool:
    data = text.encode("utf-8", "surrogateescape")
    return any(rule.regex.search(data) for rule in ruleset.rules)


def _whole_token(text: str, family: Rule | None) -> WholeTokenError:
    shown = "" if family is None else f", here {text[: family.visible_prefix]}"
    return WholeTokenError(
        f"a whole token was given where its visible prefix or id belongs{shown}",
        remedy="it is in the shell's history now, and every process could see it: rotate that token",
    )
