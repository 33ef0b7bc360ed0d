"""Write `builtin.py` and `builtin_issuers.py` from `rules/*.yaml`: `python -m tokenguard.ruleset.generate`.

The built-in rules are compiled into plain data so that a hook starts without reading YAML; how their tokens are
verified and revoked stands apart, since no scan needs it. Works in a checkout.
"""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path

from tokenguard.config.installed import rules_folder
from tokenguard.model import Rule
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

_ISSUERS_HEADER = '''\
"""How the tokens of the built-in rules are verified and revoked. Generated from `rules/*.yaml`; do not edit.

To write it anew: `python -m tokenguard.ruleset.generate`.
"""
# fmt: off

from __future__ import annotations

from tokenguard.model.issuer import Find, IssuerApi, Meaning, Step

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


def issuers_module(folder: Path) -> str:
    """The text of `builtin_issuers.py` for the rules of `folder`."""
    found = [(rule.id, rule.issuer) for rule in builtin_rules(folder) if rule.issuer is not None]
    listed = "".join(f'    "{rule_id}": {_source(issuer, 1)},\n' for rule_id, issuer in found)
    return f"{_ISSUERS_HEADER}ISSUERS = {{\n{listed}}}\n"


def _source(value: object, depth: int) -> str:
    """A value as a Python expression, one field a line, defaults left out."""
    if isinstance(value, Enum):
        return f"{type(value).__name__}.{value.name}"
    if is_dataclass(value) and not isinstance(value, type):
        # What does not make two rules different is not among what start-up builds.
        pairs = [(field, getattr(value, field.name)) for field in fields(value) if field.compare]
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
    for name, text in (
        ("builtin.py", builtin_module(rules_folder())),
        ("builtin_issuers.py", issuers_module(rules_folder())),
    ):
        Path(__file__).with_name(name).write_text(text, encoding="utf-8")
