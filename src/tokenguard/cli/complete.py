"""Values that a shell completes: formats, rules. Called by click while somebody waits at a prompt."""

from __future__ import annotations

import click


def complete_rules(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Ids of built-in rules; others would need configuration and files to be read."""
    from tokenguard.ruleset.assemble import load_builtin

    return [rule.id for rule in load_builtin().rules if rule.id.startswith(incomplete)]


def complete_formats(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Names of report formats."""
    from tokenguard.report.registry import FORMATS

    return [name for name in FORMATS if name.startswith(incomplete)]


def complete_hooks(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Names of hooks."""
    from tokenguard.cli.hook_run import HOOKS

    return [name for name in HOOKS if name.startswith(incomplete)]
