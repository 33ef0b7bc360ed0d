"""Write `builtin.py` from `rules/*.yaml`: `python -m tokenguard.ruleset.generate`, in a checkout.

The built-in rules are compiled into plain data so that a hook starts without reading YAML.
"""

from __future__ import annotations

import json
from dataclasses import fields
from enum import Enum
from pathlib import Path

from tokenguard.config.installed import rules_folder
from tokenguard.model import Part, Rule, TokenFormat
from tokenguard.ruleset.assemble import digest_of
from tokenguard.ruleset.load import rule_files
from tokenguard.ruleset.parse import parse_rules

_HEADER = '''\
"""The built-in rules as plain data. Generated from `rules/*.yaml`; do not edit.

To write it anew: `python -m tokenguard.ruleset.generate`.
"""
# ruff: noqa: E501, Q003
# fmt: off

from __future__ import annotations

from tokenguard.model import Part, Rule, Severity, TokenFormat

'''


def builtin_rules(folder: Path) -> tuple[Rule, ...]:
    """The rules of the folder, their source named as in a checkout, wherever the folder is."""
    return tuple(
        read.rule for file in rule_files(folder) for read in parse_rules(file.read_bytes(), f"rules/{file.name}")
    )


def builtin_module(folder: Path) -> str:
    """The text of `builtin.py` for the rules of `folder`."""
    rules = builtin_rules(folder)
    listed = "".join(f"    {_source(rule, 1)},\n" for rule in rules)
    return f'{_HEADER}RULES = (\n{listed})\n\nDIGEST = "{digest_of(rules)}"\n'


def _source(value: object, depth: int) -> str:
    """A value as a Python expression, one field a line, defaults left out."""
    if isinstance(value, Enum):
        return f"{type(value).__name__}.{value.name}"
    if isinstance(value, (Rule, TokenFormat, Part)):
        pairs = [(field, getattr(value, field.name)) for field in fields(value)]
        arguments = [f"{field.name}={_source(item, depth + 1)}" for field, item in pairs if item != field.default]
        return _lines(f"{type(value).__name__}(", arguments, ")", depth)
    if isinstance(value, tuple):
        return _lines("(", [_source(item, depth + 1) for item in value], ")", depth)
    if isinstance(value, frozenset):
        return _lines("frozenset({", [_source(item, depth + 1) for item in sorted(value)], "})", depth)
    # A JSON string is a Python one, in double quotes and ASCII.
    return json.dumps(value) if isinstance(value, str) else repr(value)


def _lines(start: str, items: list[str], end: str, depth: int) -> str:
    if not items:
        return start + end
    indent = "    " * (depth + 1)
    return start + "\n" + "".join(f"{indent}{item},\n" for item in items) + "    " * depth + end


if __name__ == "__main__":
    target = Path(__file__).with_name("builtin.py")
    target.write_text(builtin_module(rules_folder()), encoding="utf-8")
