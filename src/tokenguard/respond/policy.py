"""`--policy FILE`: which leaked tokens are revoked by themselves, and of which people are only told.

    default: notify
    rules:
      - {path: "tests/**", action: notify}
      - {rule: keebai-api-key, source: git, action: revoke}

The first entry that applies decides, for each place of a token; a token that is to be revoked for one of its places is.
Without a file every token is revoked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from tokenguard.config.file import read_bounded
from tokenguard.config.ignore import RULE_ID
from tokenguard.config.keys import nearest
from tokenguard.config.path_glob import PathGlob
from tokenguard.config.strict_yaml import (
    MAX_BYTES,
    MappingNode,
    Node,
    SequenceNode,
    compose,
    fault,
    shown,
    text_of,
)
from tokenguard.errors import ConfigError
from tokenguard.model.finding import Finding, Location
from tokenguard.model.rule import RuleSet

SOURCES = ("files", "git", "staged", "commits", "push", "receive", "shell", "stdin")

_TOP = ("default", "rules")
_KEYS = ("rule", "path", "source", "action")
_MAX_ENTRIES = 1000


class Action(Enum):
    """What happens by itself to a token that is found."""

    REVOKE = "revoke"
    NOTIFY = "notify"


@dataclass(frozen=True, slots=True)
class Entry:
    """For the places to which all that is given applies; None applies to every place."""

    action: Action
    rule: str | None = None
    path: PathGlob | None = None
    source: str | None = None

    def applies(self, rule_id: str, place: Location) -> bool:
        """Whether it decides about a token of that rule at that place."""
        return (
            self.rule in (None, rule_id)
            and self.source in (None, place.source)
            and (self.path is None or self.path.matches(place.path))
        )


@dataclass(frozen=True, slots=True)
class Policy:
    """All entries, in their order."""

    entries: tuple[Entry, ...] = ()
    default: Action = Action.REVOKE

    def action(self, finding: Finding) -> Action:
        """What happens to the token of a finding."""
        actions = {self._at(finding.rule_id, place) for place in finding.locations}
        return Action.REVOKE if Action.REVOKE in actions else Action.NOTIFY

    def _at(self, rule_id: str, place: Location) -> Action:
        return next((entry.action for entry in self.entries if entry.applies(rule_id, place)), self.default)


def read(path: Path) -> Policy:
    """The policy in a file.

    Raises:
        ConfigError: it is missing or unreadable, or says something that is not understood, with file and line.
    """
    data = read_bounded(path, MAX_BYTES, name=str(path), follow=True)
    if data is None:
        raise ConfigError(f"{path}: no such file", remedy="correct --policy")
    return parse(data, str(path))


def parse(data: bytes, name: str) -> Policy:
    """The policy that the bytes of a file say.

    Raises:
        ConfigError: as `read`.
    """
    root = compose(data, name)
    if root is None:
        raise ConfigError(f"{name}: says nothing", remedy="without a policy every token is revoked: leave --policy out")
    if not isinstance(root, MappingNode):
        raise fault(root, "expected keys with values, such as `default: notify`")
    default, entries = Action.REVOKE, tuple[Entry, ...]()
    for key, node in root.entries:
        if key.text == "default":
            default = _action(node, "default")
        elif key.text == "rules":
            entries = _entries(node)
        else:
            raise fault(key, f"unknown key {shown(key.text)}", nearest(key.text, _TOP))
    return Policy(entries, default)


def _entries(node: Node) -> tuple[Entry, ...]:
    if not isinstance(node, SequenceNode):
        raise fault(node, "rules: expected a list of entries", "begin each entry with `- rule:` or the like")
    if len(node.items) > _MAX_ENTRIES:
        raise fault(node, f"rules: more than {_MAX_ENTRIES} entries")
    return tuple(map(_entry, node.items))


def _entry(node: Node) -> Entry:
    if not isinstance(node, MappingNode):
        raise fault(node, "an entry without keys", "write rule:, path: or source:, and action:")
    given: dict[str, Node] = {}
    for key, value in node.entries:
        if key.text not in _KEYS:
            raise fault(key, f"unknown key {shown(key.text)} in an entry", nearest(key.text, _KEYS))
        given[key.text] = value
    if "action" not in given:
        raise fault(node, "an entry without an action", "say action: revoke, or action: notify")
    if len(given) == 1:
        raise fault(node, "an entry that names nothing", "give rule, path or source, or say default:")
    return Entry(_action(given["action"], "action"), _rule(given), _path(given), _source(given))


def _action(node: Node, key: str) -> Action:
    text = text_of(node, key)
    try:
        return Action(text)
    except ValueError:
        raise fault(node, f"{key}: {shown(text)} is neither revoke nor notify") from None


def _rule(given: dict[str, Node]) -> str | None:
    text = _text(given, "rule")
    if text is not None and not RULE_ID.fullmatch(text):
        raise fault(given["rule"], "rule: not the id of a rule")
    return text


def _path(given: dict[str, Node]) -> PathGlob | None:
    text = _text(given, "path")
    try:
        return None if text is None else PathGlob.parse(text)
    except ValueError as error:
        raise fault(given["path"], f"path: {error}") from None


def _source(given: dict[str, Node]) -> str | None:
    text = _text(given, "source")
    if text is not None and text not in SOURCES:
        raise fault(given["source"], f"source: {shown(text)} is none", nearest(text, SOURCES))
    return text


def _text(given: dict[str, Node], key: str) -> str | None:
    return text_of(given[key], key) if key in given else None


def require_known(policy: Policy, rulesets: Sequence[RuleSet], name: str) -> None:
    """Raise ConfigError for the id of a rule that there is not: such a slip would let a token live, or die."""
    known = {rule.id for ruleset in rulesets for rule in ruleset.rules}
    for entry in policy.entries:
        if entry.rule is not None and entry.rule not in known:
            raise ConfigError(f"{name}: there is no rule {entry.rule}", remedy=nearest(entry.rule, known))
