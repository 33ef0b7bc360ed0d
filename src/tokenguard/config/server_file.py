"""A deployment's policies: `tokenguard.server.yaml`, put over the defaults of policies.yaml, key by key.

Bytes -> Policies. What it gets wrong is one line that names file and line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from tokenguard.config.file import read_bounded
from tokenguard.config.keys import nearest
from tokenguard.config.leak_intake import leak_intake
from tokenguard.config.notifications import notifications
from tokenguard.config.strict_yaml import (
    MAX_BYTES,
    MappingNode,
    Node,
    ScalarNode,
    SequenceNode,
    compose,
    fault,
    shown,
    text_of,
)
from tokenguard.errors import ConfigError
from tokenguard.model.expected_hours import FURTHEST_OFFSET, WEEK, ExpectedHours
from tokenguard.model.policy import FamilyPolicy, OnLeak, Policies, RateLimit
from tokenguard.model.rule import RuleSet

_DEFAULTS = Path(__file__).with_name("policies.yaml")
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_RATE = re.compile(r"([1-9][0-9]{0,8})/(second|minute|hour|day)")
_DAYS = re.compile(r"([1-9][0-9]{0,4})d(?:ays?)?")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,8}")
_OFFSET = re.compile(r"[+-]?[0-9]{1,2}")
_NEVER = "never"
_ANY = "any"
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,100}")
"""A scope token of RFC 6749, appendix A.4."""

Read = Callable[[Node, str], object]


def default_policies() -> Policies:
    """What holds where a deployment says nothing: the providers' documented limits."""
    return _policies(_DEFAULTS.read_bytes(), _DEFAULTS.name, Policies())


def policies_for(path: Path | None, ruleset: RuleSet) -> Policies:
    """What holds for a store of these rules' families: the defaults, and over them the deployment's file.

    Raises:
        ConfigError: there is no such file, it says something that is not understood, or names a family that is none.
    """
    if path is None:
        return default_policies()
    return read_server_file(path, [rule.id for rule in ruleset.rules if rule.token is not None])


def read_server_file(path: Path, families: Collection[str] | None = None) -> Policies:
    """The policies of a deployment. `families`: the ids that there are; a limit of any other would limit nothing.

    Raises:
        ConfigError: there is no such file, or it says something that is not understood.
    """
    data = read_bounded(path, MAX_BYTES, name=str(path), follow=True)
    if data is None:
        raise ConfigError(f"{path}: no such file", remedy="name the server's configuration")
    return parse_server_file(data, str(path), families)


def parse_server_file(data: bytes, name: str, families: Collection[str] | None = None) -> Policies:
    """The same from its bytes; `name` stands for the file in messages.

    Raises:
        ConfigError: anything that is not understood, with file and line.
    """
    return _policies(data, name, default_policies(), {} if families is None else _family_keys(families))


def _policies(data: bytes, name: str, before: Policies, more: Mapping[str, Read] = MappingProxyType({})) -> Policies:
    root = compose(data, name)
    if root is None:
        return before
    folder = Path(name).parent
    placed = {"leak_intake": _intake(folder, before), "notifications": lambda node, _: notifications(node, folder)}
    values = _values(root, {**_KEYS, **placed, **more})
    families = values.pop("families", {})
    if not isinstance(families, dict):
        raise fault(root, "families: expected keys with values")
    known = dict(before.families)
    for family, changes in families.items():
        known[family] = _changed(known.get(family, FamilyPolicy()), changes)
    return replace(before, families=known, **values)  # type: ignore[arg-type]


def _intake(folder: Path, before: Policies) -> Read:
    return lambda node, _key: leak_intake(node, folder, before.leak_intake)


def _changed(policy: FamilyPolicy, changes: Mapping[str, object]) -> FamilyPolicy:
    return replace(policy, **changes)  # type: ignore[arg-type]


def _values(node: Node, keys: Mapping[str, Read]) -> dict[str, object]:
    """The keys of a mapping, each read by its own function."""
    if not isinstance(node, MappingNode):
        raise fault(node, "expected keys with values")
    values: dict[str, object] = {}
    for key, value in node.entries:
        if key.text not in keys:
            raise fault(key, f"unknown key {shown(key.text)}", nearest(key.text, keys))
        read = keys[key.text](value, key.text)
        values |= read if isinstance(read, _Fields) else {key.text: read}
    return values


class _Fields(dict[str, object]):
    """One key of the file that says several fields of the value."""


def _families(node: Node, key: str) -> dict[str, object]:
    if not isinstance(node, MappingNode):
        raise fault(node, f"{key}: expected the ids of families, each with its policy")
    return {family.text: _values(policy, _FAMILY_KEYS) for family, policy in node.entries}


def _family_keys(known: Collection[str]) -> dict[str, Read]:
    """The keys that name families, where it is known which there are."""

    def check(node: ScalarNode) -> None:
        if node.text not in known:
            raise fault(node, f"{shown(node.text)} is no family of these rules (--rules)", nearest(node.text, known))

    def families(node: Node, key: str) -> dict[str, object]:
        found = _families(node, key)
        for family, _ in node.entries if isinstance(node, MappingNode) else ():
            check(family)
        return found

    def default_family(node: Node, key: str) -> str:
        text = _text(node, key)
        if isinstance(node, ScalarNode):
            check(node)
        return text

    return {"families": families, "default_family": default_family}


def _items(node: Node) -> Iterator[Node]:
    yield from node.items if isinstance(node, SequenceNode) else (node,)


def _text(node: Node, key: str) -> str:
    text = text_of(node, key)
    if not text.isprintable():
        raise fault(node, f"{key}: a character that cannot be printed")
    return text


def _scopes(node: Node, key: str) -> tuple[str, ...]:
    scopes = []
    for item in _items(node):
        text = text_of(item, key)
        if not _SCOPE.fullmatch(text):
            raise fault(item, f"{key}: {shown(text)} is not a scope")
        scopes.append(text)
    return tuple(dict.fromkeys(scopes))


def _some_scopes(node: Node, key: str) -> tuple[str, ...] | None:
    """`any`: all that the store knows."""
    if isinstance(node, ScalarNode) and node.text == _ANY:
        return None
    return () if isinstance(node, SequenceNode) and not node.items else _scopes(node, key)


def _rates(node: Node, key: str) -> tuple[RateLimit, ...]:
    limits = []
    for item in _items(node):
        text = text_of(item, key)
        found = _RATE.fullmatch(text)
        if not found:
            raise fault(item, f"{key}: {shown(text)} is not a rate such as 100/minute")
        limits.append(RateLimit(int(found[1]), _SECONDS[found[2]]))
    return tuple(limits)


def _number(node: Node, key: str) -> int:
    text = text_of(node, key)
    if not _NUMBER.fullmatch(text):
        raise fault(node, f"{key}: {shown(text)} is not a number")
    return int(text)


def _days(node: Node, key: str) -> int | None:
    text = text_of(node, key)
    if text == _NEVER:
        return None
    found = _DAYS.fullmatch(text)
    if not found:
        raise fault(node, f"{key}: {shown(text)} is neither days such as 90d nor {_NEVER}")
    return int(found[1])


def _max_active(node: Node, key: str) -> _Fields:
    """A number for everybody, numbers by plan, or `any`."""
    if isinstance(node, MappingNode):
        by_plan = {plan.text: _number(most, f"{key}/{plan.text}") for plan, most in node.entries}
        if not by_plan:
            raise fault(node, f"{key}: no plan")
        return _Fields(max_active=None, max_active_by_plan=by_plan)
    if isinstance(node, ScalarNode) and node.text == _ANY:
        return _Fields(max_active=None, max_active_by_plan={})
    return _Fields(max_active=_number(node, key), max_active_by_plan={})


def _truth(node: Node, key: str) -> bool:
    text = text_of(node, key)
    if text not in {"true", "false"}:
        raise fault(node, f"{key}: {shown(text)} is neither true nor false")
    return text == "true"


def _on_leak(node: Node, key: str) -> OnLeak:
    text, known = text_of(node, key), [each.value for each in OnLeak]
    if text not in known:
        raise fault(node, f"{key}: {shown(text)} is neither {' nor '.join(known)}", nearest(text, known))
    return OnLeak(text)


def _hours(node: Node, _key: str) -> ExpectedHours:
    values = _values(node, _HOUR_KEYS)
    return ExpectedHours(**values)  # type: ignore[arg-type]


def _hour(node: Node, key: str) -> int:
    hour = _number(node, key)
    if hour > 24 or (hour == 24 and key == "from"):
        raise fault(node, f"{key}: {hour} is not an hour of the day")
    return hour


def _weekdays(node: Node, key: str) -> frozenset[int]:
    days = []
    for item in _items(node):
        text = text_of(item, key)
        if text not in WEEK:
            raise fault(item, f"{key}: {shown(text)} is none of {', '.join(WEEK)}")
        days.append(WEEK.index(text))
    return frozenset(days)


def _utc_offset(node: Node, key: str) -> int:
    text = text_of(node, key)
    if not _OFFSET.fullmatch(text) or abs(int(text)) > FURTHEST_OFFSET:
        raise fault(
            node, f"{key}: {shown(text)} is not a number of hours from -{FURTHEST_OFFSET} to +{FURTHEST_OFFSET}"
        )
    return int(text)


def _as(field: str, read: Read) -> Read:
    """The field has another name than the file's key."""
    return lambda node, key: _Fields({field: read(node, key)})


_KEYS: Mapping[str, Read] = {
    "default_family": _text,
    "product_scopes": _scopes,
    "contact": _text,
    "service_rate_limits": _rates,
    "stranger_rate_limits": _rates,
    "families": _families,
}
_FAMILY_KEYS: Mapping[str, Read] = {
    "default_lifetime": _as("default_lifetime_days", _days),
    "max_lifetime": _as("max_lifetime_days", _days),
    "max_active": _max_active,
    "idle_expiry": _as("idle_expiry_days", _days),
    "scopes": _some_scopes,
    "unique_prefix": _truth,
    "rate_limits": _rates,
    "expected_hours": _hours,
    "on_leak": _on_leak,
    "shorten_existing": _truth,
}
_HOUR_KEYS: Mapping[str, Read] = {
    "from": _as("first", _hour),
    "to": _as("end", _hour),
    "days": _weekdays,
    "utc_offset": _utc_offset,
}
