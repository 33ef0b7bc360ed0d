"""Typed fields of a YAML mapping: what is there, what is missing, what is misspelt, and on which line.

Reading does not stop at a fault: it is noted and the field comes back empty, so that one run shows them all.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tokenguard.config.keys import nearest
from tokenguard.config.strict_yaml import MappingNode, Node, ScalarNode, SequenceNode, shown
from tokenguard.ruleset.fault import Fault, rule_error

_NULLS = frozenset({"~", "null", "Null", "NULL"})
_INTEGER = re.compile(r"[0-9]{1,9}")
_NUMBER = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")


class Faults:
    """The faults found in one file so far."""

    def __init__(self) -> None:
        self.found: list[Fault] = []

    def add(self, where: str, message: str) -> None:
        """Note a fault at `file:line`."""
        self.found.append(Fault(where, message))

    def raise_any(self) -> None:
        """Raise RuleError if anything was noted."""
        if self.found:
            raise rule_error(self.found)


@dataclass(frozen=True, slots=True)
class Text:
    """A text of a file, and where it starts: `file:line`."""

    text: str
    where: str


class Fields:
    """A mapping with a closed set of keys. `what` names it in messages: `a rule`."""

    def __init__(self, node: Node, known: Sequence[str], faults: Faults, what: str) -> None:
        self.where = node.where
        self._faults = faults
        self._what = what
        self._nodes: dict[str, Node] = {}
        if not isinstance(node, MappingNode):
            faults.add(node.where, f"{what} is keys with values: {', '.join(known)}")
            return
        for key, value in node.entries:
            if key.text in known:
                self._nodes[key.text] = value
            else:
                faults.add(key.where, f"{what} has no key {shown(key.text)}; {nearest(key.text, known)}")

    def __contains__(self, key: str) -> bool:
        return key in self._nodes

    def fault(self, key: str, message: str) -> None:
        """Note a fault of the value under `key`, or of the whole mapping where it has no such key."""
        node = self._nodes.get(key)
        self._faults.add(node.where if node else self.where, message)

    def require(self, *keys: str) -> None:
        """Note a fault for each key that is missing."""
        for key in keys:
            if key not in self._nodes:
                self.lack(repr(key))

    def lack(self, what: str) -> None:
        """Note that something is missing, unless it was no mapping in the first place."""
        if self._nodes:
            self._faults.add(self.where, f"{self._what} needs {what}")

    def node(self, key: str) -> Node | None:
        """The node under `key` as it stands."""
        return self._nodes.get(key)

    def text(self, key: str) -> str:
        """The text under `key`; empty where it is missing or wrong."""
        node = self._nodes.get(key)
        text = self._scalar(node, repr(key)) if node else None
        if text is not None and not text.strip():
            self.fault(key, f"{key!r} is empty")
        return text or ""

    def texts(self, key: str) -> tuple[Text, ...]:
        """The texts of the list under `key`."""
        found = ((self._scalar(node, f"each of {key!r}"), node.where) for node in self.nodes(key))
        return tuple(Text(text, where) for text, where in found if text is not None)

    def nodes(self, key: str) -> tuple[Node, ...]:
        """The nodes of the list under `key`."""
        node = self._nodes.get(key)
        if isinstance(node, SequenceNode):
            return node.items
        if node is not None:
            self.fault(key, f"{key!r} is a list")
        return ()

    def integer(self, key: str) -> int | None:
        """The whole number under `key`, None where it is missing or wrong."""
        text = self._matched(key, _INTEGER, "a whole number")
        return None if text is None else int(text)

    def number(self, key: str) -> float | None:
        """The decimal number under `key`, None where it is missing or wrong."""
        text = self._matched(key, _NUMBER, "a number")
        return None if text is None else float(text)

    def _scalar(self, node: Node, what: str) -> str | None:
        if isinstance(node, ScalarNode):
            return "" if node.plain and node.text in _NULLS else node.text
        self._faults.add(node.where, f"{what} is a text")
        return None

    def _matched(self, key: str, pattern: re.Pattern[str], what: str) -> str | None:
        if key not in self._nodes:
            return None
        node = self._nodes[key]
        if isinstance(node, ScalarNode) and pattern.fullmatch(node.text):
            return node.text
        self.fault(key, f"{key!r} is {what}")
        return None
