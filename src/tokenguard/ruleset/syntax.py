r"""What can be read off a pattern without running it: width, fixed start, sieve, backtracking.

Works on the parse tree of `re` itself, so that it cannot disagree with what stage 2 matches. The sieve is
written from that tree too, not copied as text: Hyperscan reads `{,3}` and `\Z` differently, and refuses
look-around, back-references and possessive repeats, all of which can be widened away here.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

# Private, but the one reader of `re` syntax there is; the tests compare it with `re` on every Python.
from re import _parser  # type: ignore[attr-defined]
from typing import Any

MANY_WAYS = 1 << 30
"""Where counting the ways stops: for all purposes endless."""

_INLINE_FLAGS = {re.IGNORECASE.value: "i", re.DOTALL.value: "s"}
_CATEGORIES = {
    "CATEGORY_DIGIT": r"\d",
    "CATEGORY_NOT_DIGIT": r"\D",
    "CATEGORY_SPACE": r"\s",
    "CATEGORY_NOT_SPACE": r"\S",
    "CATEGORY_WORD": r"\w",
    "CATEGORY_NOT_WORD": r"\W",
}
_START_ANCHORS = {"AT_BEGINNING", "AT_BEGINNING_STRING"}
_END_ANCHORS = {"AT_END", "AT_END_STRING"}
_REPEATS = {"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"}
_ZERO_WIDTH = {"AT", "ASSERT", "ASSERT_NOT"}
_IRREGULAR = {"ASSERT", "ASSERT_NOT", "ATOMIC_GROUP", "GROUPREF", "GROUPREF_EXISTS", "POSSESSIVE_REPEAT"}

Item = tuple[Any, Any]
"""One operation of the parse tree: opcode and argument."""


class PatternError(ValueError):
    """A pattern that does not compile or cannot be searched for; the message never quotes more than a name."""


@dataclass(frozen=True, slots=True)
class Syntax:
    """The facts about one pattern."""

    min_length: int
    """Bytes in the shortest match."""
    max_length: int | None
    """Bytes in the longest match; None: unbounded."""
    literal_prefix: str
    """Text that every match starts with, exactly so in letter case."""
    sieve: str
    """A Hyperscan pattern that hits wherever the pattern matches, also in the middle of a longer text."""
    ways: int
    """Upper bound of the paths that backtracking can try from one place, at most MANY_WAYS."""
    regular: bool
    """Without look-around, back-references, atomic groups and possessive repeats."""


def analyse(pattern: str) -> Syntax:
    """Read a pattern in `re` syntax for bytes. Raises PatternError."""
    if not pattern.isascii():
        raise PatternError(r"a pattern is ASCII text; write other bytes as \xHH")
    try:
        return _syntax(_parse(pattern.encode()))
    except re.error as error:
        # `re` quotes names out of the pattern; one could be a pasted secret.
        reason = "".join(filter(str.isprintable, error.msg.partition(" '")[0]))
        raise PatternError(f"{reason} at position {error.pos}") from None
    except FutureWarning as warning:
        raise PatternError(str(warning)) from None
    except (OverflowError, RecursionError):
        raise PatternError("too large or too deeply nested") from None


def _parse(pattern: bytes) -> Any:
    with warnings.catch_warnings():
        # What `re` warns about here (a set inside a set) it may one day read differently.
        warnings.simplefilter("error", FutureWarning)
        if re.compile(pattern).flags & re.LOCALE:
            raise PatternError("flag L depends on the machine's locale; leave it out")
        return _parser.parse(pattern)


def _syntax(tree: Any) -> Syntax:
    shortest, longest = tree.getwidth()
    return Syntax(
        min_length=int(shortest),
        max_length=None if longest >= _parser.MAXREPEAT else int(longest),
        literal_prefix=_leading_text(tree, tree.state.flags)[0],
        sieve=_SieveWriter(tree.state.groupwidths).write(tree, tree.state.flags),
        ways=_ways(tree),
        regular=_IRREGULAR.isdisjoint(_operations(tree)),
    )


def _operations(items: Iterable[Item]) -> Iterable[str]:
    """The names of all operations of a tree."""
    for operation, argument in items:
        yield operation.name
        for inner in _subtrees(argument):
            yield from _operations(inner)


def _subtrees(argument: Any) -> Iterable[Any]:
    if isinstance(argument, _parser.SubPattern):
        yield argument
    elif isinstance(argument, (tuple, list)):
        for inner in argument:
            yield from _subtrees(inner)


def _leading_text(items: Iterable[Item], flags: int) -> tuple[str, bool]:
    """The fixed text at the start, and whether it is all of `items`."""
    text = ""
    for operation, argument in items:
        more, whole = _leading_item(operation.name, argument, flags)
        text += more
        if not whole:
            return text, False
    return text, True


def _leading_item(operation: str, argument: Any, flags: int) -> tuple[str, bool]:
    if operation in _ZERO_WIDTH:
        return "", True
    if operation == "LITERAL" and argument < 0x80 and not flags & re.IGNORECASE:
        return chr(argument), True
    if operation == "SUBPATTERN":
        _, add, remove, inner = argument
        return _leading_text(inner, flags & ~remove | add)
    if operation in _REPEATS and argument[0]:
        return _leading_text(argument[2], flags)[0], False
    return "", False


def _ways(items: Iterable[Item]) -> int:
    """In how many ways `items` can match, when what they match is left open."""
    ways = 1
    for operation, argument in items:
        ways = min(ways * _item_ways(operation.name, argument), MANY_WAYS)
    return ways


def _item_ways(operation: str, argument: Any) -> int:
    if operation in _REPEATS:
        low, high, inner = argument
        return _repeat_ways(int(low), int(high), _ways(inner))
    inner_ways = [_ways(inner) for inner in _subtrees(argument)]
    if operation in {"BRANCH", "GROUPREF_EXISTS"}:
        return sum(inner_ways) + (operation == "GROUPREF_EXISTS")
    return max(inner_ways, default=1)


def _repeat_ways(low: int, high: int, inner: int) -> int:
    """The sum of `inner` to the power of each count from `low` to `high`."""
    if high >= _parser.MAXREPEAT:
        return MANY_WAYS
    if inner == 1:
        return high - low + 1
    total, power = 0, 1
    for count in range(high + 1):
        total += power if count >= low else 0
        power *= inner
        if power > MANY_WAYS and count < high:
            return MANY_WAYS
    return min(total, MANY_WAYS)


class _SieveWriter:
    """Writes a parse tree as a Hyperscan pattern, wider wherever the two differ.

    Anchors hold at line ends too: stage 1 sees many blobs in one text, a line feed between them. Hyperscan
    takes them only at the very start and end of a pattern; elsewhere they are dropped.
    """

    def __init__(self, group_widths: Sequence[tuple[int, int] | None]) -> None:
        self._group_widths = group_widths
        self._writers: dict[str, Callable[[Any], str]] = {
            "LITERAL": _byte,
            "NOT_LITERAL": lambda byte: f"[^{_byte(byte)}]",
            "ANY": lambda _: ".",
            "IN": _character_class,
            "MAX_REPEAT": self._repeat,
            "MIN_REPEAT": self._repeat,
            "POSSESSIVE_REPEAT": self._repeat,
            "ASSERT": lambda _: "",
            "ASSERT_NOT": lambda _: "",
            "FAILURE": lambda _: "",
            "GROUPREF": self._back_reference,
            "GROUPREF_EXISTS": self._condition,
        }

    def write(self, tree: Any, flags: int) -> str:
        """The whole pattern, with the tree's flags in front."""
        letters = _flag_letters(flags)
        return (f"(?{letters})" if letters else "") + self._sequence(tree, head=True, tail=True)

    def _sequence(self, items: Iterable[Item], *, head: bool = False, tail: bool = False) -> str:
        listed = list(items)
        last = len(listed) - 1
        return "".join(
            self._item(operation.name, argument, head=head and at == 0, tail=tail and at == last)
            for at, (operation, argument) in enumerate(listed)
        )

    def _item(self, operation: str, argument: Any, *, head: bool, tail: bool) -> str:
        match operation:
            case "AT":
                return _anchor(argument.name, head=head, tail=tail)
            case "BRANCH":
                return f"(?:{'|'.join(self._sequence(way, head=head, tail=tail) for way in argument[1])})"
            case "SUBPATTERN":
                _, add, remove, inner = argument
                return f"(?{_scoped_flags(add, remove)}:{self._sequence(inner, head=head, tail=tail)})"
            case "ATOMIC_GROUP":
                return f"(?:{self._sequence(argument, head=head, tail=tail)})"
            case _ if operation in self._writers:
                return self._writers[operation](argument)
            case _:
                raise PatternError(f"{operation.lower().replace('_', ' ')} is not supported")

    def _repeat(self, argument: Any) -> str:
        low, high, inner = argument
        body = self._sequence(inner)
        return f"(?:{body}){_counts(low, high)}" if body and high else ""

    def _back_reference(self, group: int) -> str:
        low, high = self._group_widths[group] or (0, _parser.MAXREPEAT)
        return f"(?s:.){_counts(low, high)}" if high else ""

    def _condition(self, argument: Any) -> str:
        _, then, otherwise = argument
        return f"(?:{self._sequence(then)}|{self._sequence(otherwise or ())})"


def _counts(low: int, high: int) -> str:
    return f"{{{low},{'' if high >= _parser.MAXREPEAT else high}}}"


def _byte(value: int) -> str:
    character = chr(value)
    return character if character.isascii() and (character.isalnum() or character in "_ ") else f"\\x{value:02x}"


def _anchor(name: str, *, head: bool, tail: bool) -> str:
    if name == "AT_BOUNDARY":
        return r"\b"
    if name in _START_ANCHORS and head:
        return "(?m:^)"
    return "(?m:$)" if name in _END_ANCHORS and tail else ""


def _character_class(members: Iterable[Item]) -> str:
    return f"[{''.join(_class_member(operation.name, argument) for operation, argument in members)}]"


def _class_member(operation: str, argument: Any) -> str:
    match operation:
        case "NEGATE":
            return "^"
        case "RANGE":
            return f"{_byte(argument[0])}-{_byte(argument[1])}"
        case "CATEGORY":
            return _CATEGORIES[argument.name]
        case _:
            return _byte(argument)


def _flag_letters(flags: int) -> str:
    return "".join(letter for flag, letter in _INLINE_FLAGS.items() if flags & flag)


def _scoped_flags(add: int, remove: int) -> str:
    removed = _flag_letters(remove)
    return _flag_letters(add) + (f"-{removed}" if removed else "")
