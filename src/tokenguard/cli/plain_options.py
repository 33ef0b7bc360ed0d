"""The options of `scan staged` and `scan files` where they can be read in one way only, without click.

Hooks and jobs that people write themselves call these with a format, a file, `--no-progress`, and click would take as
long as the scan. Help, completion, mistakes and everything that is rarer are left to click, which says the same of what
is read here (a test compares them).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tokenguard.model import Severity

_SWITCHES: dict[str, tuple[str, bool]] = {
    "--progress": ("progress", True),
    "--no-progress": ("progress", False),
    "--cache": ("cache", True),
    "--no-cache": ("cache", False),
    "--exit-zero": ("exit_zero", True),
    "--strict-allow": ("strict_allow", True),
}
_VALUES = {"--output": "output", "-o": "output", "--fail-on": "fail_on", "--format": "formats"}


def plain_staged(arguments: Sequence[str]) -> tuple[str, dict[str, Any]] | None:
    """The repository, and what `scan_options.parse` takes; None: ask click."""
    typed = _plain(arguments, _SWITCHES, _VALUES | {"--repo": "repo"})
    if typed is None or typed.pop("words"):
        return None
    return typed.pop("repo", "."), typed


def plain_files(arguments: Sequence[str]) -> tuple[list[str], dict[str, Any]] | None:
    """The paths, and what `scan_options.parse` takes; None: ask click."""
    typed = _plain(arguments, _SWITCHES | {"--respect-gitignore": ("respect_gitignore", True)}, _VALUES)
    return None if typed is None else (typed.pop("words"), typed)


def _plain(
    arguments: Sequence[str], switches: dict[str, tuple[str, bool]], values: dict[str, str]
) -> dict[str, Any] | None:
    """Each option's value by its name, and all that is no option as `words`."""
    typed: dict[str, Any] = {}
    formats: list[str] = []
    apart: list[str] = []
    words = iter(arguments)
    for word in words:
        if word in switches:
            name, switch = switches[word]
            typed[name] = switch
            continue
        if word and not word.startswith("-"):
            apart.append(word)
            continue
        option, joined, value = word.partition("=") if word.startswith("--") else (word, "", "")
        if not joined:
            value = next(words, "")
        if option not in values or not value or value.startswith("-"):
            return None
        if option == "--format":
            formats.append(value)
        else:
            typed[values[option]] = value
    if typed.get("fail_on", "info") not in {severity.value for severity in Severity}:
        return None
    return typed | {"formats": tuple(formats), "words": apart}
