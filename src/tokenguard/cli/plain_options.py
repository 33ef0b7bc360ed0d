"""The options of `scan staged` where they can be read in one way only, without click.

Hooks that people write themselves call it with a format, a file, `--no-progress`, and a commit waits for them. Help,
completion, mistakes and everything that is rarer are left to click, which says the same of what is read here (a test
compares them).
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
_VALUES = {"--repo": "repo", "--output": "output", "-o": "output", "--fail-on": "fail_on", "--format": "formats"}


def plain(arguments: Sequence[str]) -> dict[str, Any] | None:
    """The repository and what `scan_options.parse` takes; None: ask click."""
    typed: dict[str, Any] = {"repo": "."}
    formats: list[str] = []
    words = iter(arguments)
    for word in words:
        if word in _SWITCHES:
            name, switch = _SWITCHES[word]
            typed[name] = switch
            continue
        option, joined, value = word.partition("=") if word.startswith("--") else (word, "", "")
        if not joined:
            value = next(words, "")
        if option not in _VALUES or not value or value.startswith("-"):
            return None
        if option == "--format":
            formats.append(value)
        else:
            typed[_VALUES[option]] = value
    if typed.get("fail_on", "info") not in {severity.value for severity in Severity}:
        return None
    return typed | {"formats": tuple(formats)}
