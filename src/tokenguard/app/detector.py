"""A rule set made ready to search with: the engine, and what each of its literals stands for."""

from __future__ import annotations

from pathlib import Path

from tokenguard.decode.registry import CONTAINERS, prefix_triggers
from tokenguard.decode.wrapping import Container, TextWrapping
from tokenguard.model import RuleSet
from tokenguard.scan.engine import Engine, Literal, Scratch


class Detector:
    """Shared by all threads. Literals are the encoded forms of the rules' prefixes, then the magics of containers."""

    def __init__(self, ruleset: RuleSet, cache: Path | None = None) -> None:
        wrappings: dict[Literal, TextWrapping] = {}
        for prefix in sorted({rule.literal_prefix for rule in ruleset.rules if rule.literal_prefix}):
            for trigger, wrapping in prefix_triggers(prefix.encode()).items():
                wrappings[Literal(trigger.literal, trigger.caseless)] = wrapping
        magics = {
            Literal(trigger.literal, trigger.caseless, once=True): container
            for container in CONTAINERS
            for trigger in container.triggers
        }
        self.ruleset = ruleset
        self.engine = Engine(ruleset, (*wrappings, *magics), cache)
        self._wrappings = tuple(wrappings.values())
        self._containers = tuple(magics.values())

    def scratch(self) -> Scratch:
        """Stage 1 for one thread."""
        return self.engine.scratch()

    def wrapping(self, literal: int) -> TextWrapping | None:
        """The wrapping that literal number `literal` belongs to; None for a container's magic."""
        return self._wrappings[literal] if literal < len(self._wrappings) else None

    def container(self, literal: int) -> Container:
        """The container whose magic literal number `literal` is."""
        return self._containers[literal - len(self._wrappings)]

    def length(self, literal: int) -> int:
        """Bytes of a literal."""
        return len(self.engine.literals[literal].text)
