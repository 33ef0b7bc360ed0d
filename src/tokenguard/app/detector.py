"""A rule set made ready to search with: the engine, and what each of its literals stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokenguard.app import builtin_literals
from tokenguard.scan.engine import Engine, Literal, Scratch
from tokenguard.scan.fingerprints import Fingerprints

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tokenguard.decode.wrapping import Container, TextWrapping
    from tokenguard.model import RuleSet

Named = tuple[bytes, bool, bool, str]
"""A literal, whether its case is ignored, whether one hit is enough, and the name of the wrapping it gives away."""


class Detector:
    """Shared by all threads. The built-in rules' literals are precompiled: a hook has no time to work them out."""

    def __init__(self, ruleset: RuleSet, cache: Path | None = None) -> None:
        builtin = ruleset.digest == builtin_literals.DIGEST
        named = builtin_literals.LITERALS if builtin else tuple(named_literals(ruleset))
        self.ruleset = ruleset
        self.fingerprints = Fingerprints()
        self.engine = Engine(ruleset, tuple(Literal(*each[:3]) for each in named), cache)
        self.longest_match = max((rule.max_length for rule in ruleset.rules), default=0)
        """Bytes that a match of any rule may have."""
        self.longest_literal = max((len(text) for text, *_ in named), default=0)
        """Bytes of the longest literal."""
        self._names = tuple(name for *_, name in named)
        self._once = tuple(once for _, _, once, _ in named)

    def scratch(self) -> Scratch:
        """Stage 1 for one thread."""
        return self.engine.scratch()

    def wrapping(self, literal: int) -> TextWrapping | None:
        """The text wrapping that literal number `literal` gives away; None: it is the magic of a container."""
        if self._once[literal]:
            return None
        from tokenguard.decode.registry import text_wrapping

        return text_wrapping(self._names[literal])

    def container(self, literal: int) -> Container:
        """The container whose magic literal number `literal` is."""
        from tokenguard.decode.registry import container

        return container(self._names[literal])

    def length(self, literal: int) -> int:
        """Bytes of a literal."""
        return len(self.engine.literals[literal].text)


def named_literals(ruleset: RuleSet) -> Iterable[Named]:
    """Encoded forms of the prefixes of all rules that describe a token, then the magics of containers.

    Rules with nothing but a pattern have none: two hundred of them would mean nine thousand literals.
    """
    from tokenguard.decode.registry import CONTAINERS, prefix_triggers

    seen: dict[tuple[bytes, bool], str] = {}
    for prefix in sorted({rule.literal_prefix for rule in ruleset.rules if rule.token is not None}):
        for trigger, wrapping in prefix_triggers(prefix.encode()).items():
            seen[trigger.literal, trigger.caseless] = wrapping.name
    yield from ((text, caseless, False, name) for (text, caseless), name in seen.items())
    for container in CONTAINERS:
        yield from ((trigger.literal, trigger.caseless, True, container.name) for trigger in container.triggers)
