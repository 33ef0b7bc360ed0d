"""The entries of `ignore`: findings that do not count, each with a reason.

Reading them is here; whether one covers a finding is decided in `tokenguard.app.allow`.
"""

from __future__ import annotations

import re

from tokenguard.config.keys import nearest
from tokenguard.config.path_glob import PathGlob
from tokenguard.config.strict_yaml import MappingNode, Node, ScalarNode, SequenceNode, fault, shown, text_of
from tokenguard.model.lazy_dataclass import dataclass, field

_MAX_ENTRIES = 1000
"""Each is tried on each path: a bound on what a scanned repository can cost. A baseline has none of this."""
_MAX_REASON = 500
_KEYS = ("path", "rule", "fingerprint", "reason", "expires")
RULE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
FINGERPRINT = re.compile(r"[0-9a-f]{32}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True, slots=True)
class Ignore:
    """One entry of `ignore`: findings to which all of path, rule and fingerprint apply do not count.

    At least one of the three is given. Two entries are equal when they say the same, wherever they stand.
    """

    reason: str
    path: PathGlob | None = None
    rule: str | None = None
    fingerprint: str | None = None
    expires: str | None = None
    """`YYYY-MM-DD`: the first day, in UTC, on which the entry no longer holds."""
    where: str = field(default="", compare=False)
    """`file:line`."""


def ignores(node: Node) -> tuple[Ignore, ...]:
    """The entries of the list at `node`; ConfigError names file and line of what is wrong."""
    if not isinstance(node, SequenceNode):
        raise fault(node, "ignore: expected a list of entries", "begin each entry with `- path:` or the like")
    if len(node.items) > _MAX_ENTRIES:
        raise fault(node, f"ignore: more than {_MAX_ENTRIES} entries", "use a baseline for many known findings")
    return tuple(_ignore(item) for item in node.items)


def _ignore(node: Node) -> Ignore:
    fields = _fields(node)
    if not fields.keys() & {"path", "rule", "fingerprint"}:
        raise fault(node, "an ignore entry that names nothing", "give at least one of path, rule, fingerprint")
    if "reason" not in fields:
        raise fault(node, "an ignore entry without a reason", "say why these findings do not count")
    return Ignore(
        reason=_reason(fields["reason"]),
        path=_glob(fields.get("path")),
        rule=_shaped(fields.get("rule"), RULE_ID, "rule: not the id of a rule"),
        fingerprint=_shaped(fields.get("fingerprint"), FINGERPRINT, "fingerprint: not 32 lowercase hex digits"),
        expires=_day(fields.get("expires")),
        where=node.where,
    )


def _fields(node: Node) -> dict[str, ScalarNode]:
    if not isinstance(node, MappingNode):
        raise fault(node, "an ignore entry without keys", "write path:, rule: or fingerprint:, and reason:")
    fields: dict[str, ScalarNode] = {}
    for key, value in node.entries:
        if key.text not in _KEYS:
            raise fault(key, f"unknown key {shown(key.text)} in an ignore entry", nearest(key.text, _KEYS))
        fields[key.text] = ScalarNode(text_of(value, key.text), value.where)
    return fields


def _reason(node: ScalarNode) -> str:
    reason = " ".join(node.text.split())
    if len(reason) > _MAX_REASON:
        raise fault(node, f"reason: longer than {_MAX_REASON} characters")
    return reason


def _glob(node: ScalarNode | None) -> PathGlob | None:
    if node is None:
        return None
    try:
        return PathGlob.parse(node.text)
    except ValueError as error:
        raise fault(node, f"path: {error}") from None


def _shaped(node: ScalarNode | None, shape: re.Pattern[str], what: str) -> str | None:
    if node is None:
        return None
    if not shape.fullmatch(node.text):
        raise fault(node, what)
    return node.text


def _day(node: ScalarNode | None) -> str | None:
    if node is None:
        return None
    from datetime import date  # start-up time

    try:
        # fromisoformat takes other forms as well, and those would not compare as text.
        return date.fromisoformat(node.text if _DAY.fullmatch(node.text) else "").isoformat()
    except ValueError:
        raise fault(node, "expires: not a date such as 2027-01-31") from None
