"""The rules of one run: the built-in ones, the user's own, and within limits the scanned repository's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from tokenguard.config.settings import Settings
from tokenguard.errors import RuleError
from tokenguard.model import Rule, RuleSet
from tokenguard.ruleset.assemble import combine, load_builtin, select

ReadInside = Callable[[str], bytes | None]
"""Bytes of a file of the repository by its path inside; None when there is none."""


def rules_for(settings: Settings, read_inside: ReadInside | None = None, only: Sequence[str] = ()) -> RuleSet:
    """The rule set of a run.

    Raises:
        RuleError: a rule file is wrong or missing.
        UsageError: `only` names a rule that does not exist.
    """
    ruleset = load_builtin()
    if settings.rules:
        ruleset = combine(ruleset, _users(settings.rules))
    if settings.repository_rules and read_inside is not None:
        ruleset = combine(ruleset, *(_repositorys(path, read_inside) for path in settings.repository_rules))
    return select(ruleset, only) if only else ruleset


def _users(paths: Sequence[Path]) -> tuple[Rule, ...]:
    from tokenguard.ruleset.load import load_paths

    return load_paths(paths)


def _repositorys(path: str, read_inside: ReadInside) -> tuple[Rule, ...]:
    from tokenguard.ruleset.load import load_repository_rules

    data = read_inside(path)
    if data is None:
        raise RuleError(f"{path}: no such file", remedy="correct `rules` in .tokenguard.yaml")
    return load_repository_rules(data, path)
