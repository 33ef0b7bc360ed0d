"""Rules for gitleaks: a configuration file that it loads with `--config`.

gitleaks matches with Go's RE2, which has no look-around, no back-references and counts repeats to 1,000. A rule that
needs one of these is named in a comment and left out: a weaker pattern under the same name would deceive. Only a
checksum, which no pattern can check, is let go with a comment: without it, look-alikes are found too, and nothing less.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from tokenguard.model import Rule
from tokenguard.ruleset.syntax import analyse
from tokenguard.ruleset.token_format import body_of

_MOST_REPEATS = 1000
_UNSHARED = re.compile(r"\{,|\(\?[a-zA-Z]*[axu]")
"""What `re` takes and RE2 does not, or reads differently, beyond what makes a pattern irregular."""
_ESCAPE = re.compile(r"\\.", re.DOTALL)


def export_gitleaks(rules: Iterable[Rule]) -> str:
    """A gitleaks configuration (TOML) with these rules and an allow list for their published samples."""
    return "\n".join(["# Written by tokenguard.", 'title = "tokenguard"', *(_entry(rule) for rule in rules), ""])


def _entry(rule: Rule) -> str:
    pattern = _re2_pattern(rule)
    if pattern is None:
        return f"\n# {rule.id}: not exported, its pattern needs what Go's RE2 does not have."
    return "\n".join(["", *_notes(rule), "[[rules]]", *_rule_lines(rule, *pattern), *_allowlist(rule)])


def _notes(rule: Rule) -> Iterator[str]:
    if rule.token is not None and rule.token.checksum_length:
        yield f"# {rule.id}: gitleaks cannot check the checksum at the end; it reports look-alikes too."


def _rule_lines(rule: Rule, pattern: str, group: int) -> Iterator[str]:
    yield f"id = {_toml(rule.id)}"
    yield f"description = {_toml(rule.title)}"
    yield f"regex = {_toml(pattern)}"
    if group:
        yield f"secretGroup = {group}"
    if rule.min_entropy:
        yield f"entropy = {rule.min_entropy}"
    if rule.literal_prefix:
        # gitleaks compares keywords with the lower-cased text.
        yield f"keywords = [{_toml(rule.literal_prefix.lower())}]"


def _allowlist(rule: Rule) -> Iterator[str]:
    if rule.samples:
        yield ""
        yield "[[rules.allowlists]]"
        yield 'description = "published samples"'
        yield f"regexes = [{', '.join(_toml(f'^{re.escape(sample)}$') for sample in rule.samples)}]"


def _re2_pattern(rule: Rule) -> tuple[str, int] | None:
    """The pattern in RE2's syntax and the number of the secret's group; None where RE2 cannot have it."""
    if rule.token is not None:
        # RE2 has no look-ahead, so the boundary is matched and the token a group before it.
        return f"({body_of(rule.token)})(?:[^0-9A-Za-z]|$)", 1
    syntax = analyse(rule.pattern)
    too_long = syntax.max_length is not None and syntax.max_length > _MOST_REPEATS
    if not syntax.regular or too_long or _UNSHARED.search(rule.pattern):
        return None
    pattern = _ESCAPE.sub(lambda escape: r"\z" if escape[0] == r"\Z" else escape[0], rule.pattern)
    return pattern, rule.regex.groupindex.get("secret", min(rule.regex.groups, 1))


def _toml(text: str) -> str:
    """A TOML basic string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in escaped) + '"'
