"""Writes `builtin_literals.py`: run `python -m tokenguard.app.generate` after a change of rules or wrappings."""

from __future__ import annotations

from pathlib import Path

from tokenguard.app.detector import named_literals
from tokenguard.ruleset.assemble import load_builtin

TARGET = Path(__file__).with_name("builtin_literals.py")

_HEAD = '''\
"""The literals of the built-in rules, worked out beforehand. Generated from them; do not edit.

To write it anew: `python -m tokenguard.app.generate`.
"""
# ruff: noqa: Q000
# fmt: off

from __future__ import annotations

'''


def generated() -> str:
    """The text of the module."""
    ruleset = load_builtin()
    rows = "".join(f"    {named!r},\n" for named in named_literals(ruleset))
    literals = f"LITERALS: tuple[tuple[bytes, bool, bool, str], ...] = (\n{rows})\n"
    return f'{_HEAD}DIGEST = "{ruleset.digest}"\n"""Of the rule set that these belong to."""\n{literals}'


if __name__ == "__main__":
    TARGET.write_text(generated(), encoding="utf-8")
