"""YAML as text with line numbers: every scalar stays the text that was written, nothing is guessed.

What a hostile file could hurt with is refused, not handled: aliases and anchors (bombs), tags (objects),
deep nesting, second documents, double keys, anything over a megabyte. What the keys mean is for the caller.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn, TypeAlias

from tokenguard.errors import ConfigError
from tokenguard.model.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator

    import yaml

MAX_BYTES = 1 << 20
_MAX_DEPTH = 16
_SHOWN = 24
"""Longest text of a file that a message repeats: shorter than any token, long enough for a misspelt key."""
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_FRAME = frozenset({"StreamStartEvent", "StreamEndEvent", "DocumentStartEvent", "DocumentEndEvent"})


@dataclass(frozen=True, slots=True)
class ScalarNode:
    """One value as it was written."""

    text: str
    where: str
    """`file:line`, the line counted from 1."""
    plain: bool = True
    """Not quoted: a plain `null` is no value."""


@dataclass(frozen=True, slots=True)
class SequenceNode:
    """A list."""

    items: tuple[Node, ...]
    where: str


@dataclass(frozen=True, slots=True)
class MappingNode:
    """Keys with values, in the order of the file; no key stands twice."""

    entries: tuple[tuple[ScalarNode, Node], ...]
    where: str


Node: TypeAlias = ScalarNode | SequenceNode | MappingNode


def shown(text: str) -> str:
    """`text` in quotes for a message, or only its length where it is long or odd: it may be a pasted token."""
    if len(text) <= _SHOWN and text.isascii() and text.isprintable():
        return f"'{text}'"
    return f"(of {len(text)} characters, not shown)"


def fault(node: Node, what: str, remedy: str = "") -> ConfigError:
    """The error that says what is wrong at `node`."""
    return ConfigError(f"{node.where}: {what}", remedy=remedy)


def text_of(node: Node, key: str) -> str:
    """The text that is the value of `key`; ConfigError where it is missing, blank, or no scalar."""
    if not isinstance(node, ScalarNode):
        raise fault(node, f"{key}: expected one value")
    if (node.plain and node.text in _NULLS) or not node.text.strip():
        raise fault(node, f"{key}: without a value")
    return node.text


def compose(data: bytes, name: str) -> Node | None:
    """The one document in `data`; None when there is nothing but blanks and comments.

    Raises:
        ConfigError: not UTF-8, not YAML, or one of the constructs that are refused; names `name` and line.
    """
    if len(data) > MAX_BYTES:
        raise ConfigError(f"{name}: larger than {MAX_BYTES} bytes", remedy="split it or make it shorter")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{name}:{line}: not UTF-8", remedy="save the file as UTF-8") from None
    return _Composer(name).document(text)


class _Composer:
    """Turns the events of one document into nodes."""

    def __init__(self, name: str) -> None:
        self._name = name

    def document(self, text: str) -> Node | None:
        import yaml  # start-up time: most runs have no configuration file

        try:
            return self._root(yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            self._fail(mark.line if mark else 0, f"not YAML: {error.problem or error.context}")
        except yaml.YAMLError:
            # The reader's error, which has no mark: a character that YAML does not allow.
            self._fail(_line_of_control(text), "not YAML: a control character")

    def _root(self, events: Iterator[yaml.Event]) -> Node | None:
        root: Node | None = None
        for event in events:
            kind = type(event).__name__
            if kind == "DocumentStartEvent" and root is not None:
                self._fail(_line(event), "a second document", "keep everything in one")
            if kind not in _FRAME:
                root = self._node(event, events, 1)
        return None if isinstance(root, ScalarNode) and root.plain and root.text in _NULLS else root

    def _node(self, event: yaml.Event, events: Iterator[yaml.Event], depth: int) -> Node:
        line = _line(event)
        kind = type(event).__name__
        if kind == "AliasEvent" or getattr(event, "anchor", None):
            self._fail(line, "an anchor or alias, which is not supported here", "write the value out")
        if getattr(event, "tag", None):
            self._fail(line, "a tag, which is not supported here", "leave the tag away")
        if depth > _MAX_DEPTH:
            self._fail(line, f"nested deeper than {_MAX_DEPTH} levels")
        where = self._where(line)
        if kind == "SequenceStartEvent":
            return SequenceNode(tuple(self._children(events, "SequenceEndEvent", depth)), where)
        if kind == "MappingStartEvent":
            return MappingNode(tuple(self._pairs(events, depth)), where)
        # What is left is a ScalarEvent; its `implicit` says (plain, quoted).
        return ScalarNode(getattr(event, "value", ""), where, plain=getattr(event, "implicit", (True,))[0])

    def _children(self, events: Iterator[yaml.Event], end: str, depth: int) -> Iterator[Node]:
        for event in events:
            if type(event).__name__ == end:
                return
            yield self._node(event, events, depth + 1)

    def _pairs(self, events: Iterator[yaml.Event], depth: int) -> Iterator[tuple[ScalarNode, Node]]:
        seen: dict[str, str] = {}
        nodes = self._children(events, "MappingEndEvent", depth)
        for key in nodes:
            if not isinstance(key, ScalarNode):
                raise fault(key, "a key that is not plain text")
            if key.text in seen:
                raise fault(key, f"the key {shown(key.text)} a second time", f"the first is at {seen[key.text]}")
            seen[key.text] = key.where
            yield key, next(nodes)

    def _where(self, line: int) -> str:
        return f"{self._name}:{line + 1}"

    def _fail(self, line: int, what: str, remedy: str = "") -> NoReturn:
        raise ConfigError(f"{self._where(line)}: {what}", remedy=remedy)


def _line(event: yaml.Event) -> int:
    return event.start_mark.line if event.start_mark else 0


def _line_of_control(text: str) -> int:
    """The line, from 0, of the first character that is neither printable nor white space."""
    found = next((at for at, character in enumerate(text) if not (character.isprintable() or character.isspace())), 0)
    return text.count("\n", 0, found)
