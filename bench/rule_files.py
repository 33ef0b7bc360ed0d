"""Rules written for a run: ours as one regular expression and for kingfisher, and many of the shape that others ship.

Collections of other tools have hundreds of rules of a few shapes: a fixed prefix before a run of one alphabet, a name
of a service before an assigned value, an address with a secret in it, a block between two marks. The made rules have
these shapes in about the same proportions; the names of services are made up, and some are common words, as with real
ones.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ONE_REGEX = (
    "binboi_pat_[0-9a-f]{8}_[0-9a-f]{36}|binboi_live_[0-9a-f]{32}|kbai_pk_[0-9a-f]{64}"
    "|tgd_[0-9A-Za-z]{8}_[0-9A-Za-z]{38}"
)
"""The built-in rules for grep: without their boundaries and the checksum of the last, which it cannot express."""

_COMMON = (
    "square",
    "linear",
    "frame",
    "clear",
    "planet",
    "pulse",
    "shift",
    "beam",
    "client",
    "server",
    "state",
    "table",
)
_SYLLABLES = [first + second for first in "bcdfghklmnprstvz" for second in "aeiou"]


def write_for_kingfisher(path: Path) -> None:
    """The same patterns."""
    rules = [
        {
            "name": f"Made from rule {number}",
            "id": f"bench.{number}",
            # As tokenguard: a letter or digit directly after it makes it no token.
            "pattern": f"({pattern})(?:[^0-9A-Za-z]|$)",
            "min_entropy": 0.0,
            "confidence": "medium",
        }
        for number, pattern in enumerate(ONE_REGEX.split("|"), 1)
    ]
    _write(path, rules)


def write_many(path: Path, count: int, draw: random.Random) -> None:
    """So many rules for tokenguard."""
    shapes = _shapes(draw)
    rules = []
    for number in range(1, count + 1):
        shape, rule = next(shapes)
        rules.append({"id": f"made-{shape}-{number}", "title": f"Made {shape} {number}", "severity": "low", **rule})
    _write(path, rules)


def _write(path: Path, rules: list[dict[str, Any]]) -> None:
    import yaml

    path.write_text(yaml.safe_dump({"rules": rules}, sort_keys=False), encoding="utf-8")


def _shapes(draw: random.Random) -> Iterator[tuple[str, dict[str, Any]]]:
    """Of forty: twenty-two assignments, twelve prefixes, four pairs of prefixes, an address, a block."""
    names = _names(draw)
    while True:
        for _ in range(11):
            yield "assignment", _assignment(draw, next(names))
            yield "assignment", _assignment(draw, next(names))
            yield "prefix", {"pattern": rf"\b({next(names)[:4]}_[0-9A-Za-z]{{{draw.choice((24, 32, 36, 40))}}})\b"}
        yield "prefix", {"pattern": rf"\b({next(names)[:3].upper()}[A-Z0-9]{{16}})\b"}
        for _ in range(4):
            kinds = f"(?:{next(names)[:2]}|{next(names)[:2]}|{next(names)[:3]})_(?:live|test|prod)"
            yield "pair", {"pattern": rf"\b({kinds}_[0-9A-Za-z]{{24,99}})(?:[^0-9A-Za-z]|$)"}
        yield "address", {"pattern": rf"https://[a-z0-9.-]{{1,60}}\.{next(names)}\.example/(\w{{8,12}}/[\w-]{{24,48}})"}
        mark = f"{next(names).upper()} PRIVATE KEY"
        yield "block", {"pattern": rf"(?s)-----BEGIN {mark}-----.{{64,2000}}?-----END {mark}-----"}


def _assignment(draw: random.Random, name: str) -> dict[str, Any]:
    alphabet = draw.choice(("a-f0-9", "a-z0-9", "a-z0-9", r"a-z0-9_\-", r"a-z0-9=_\-"))
    size = draw.choice(("{32}", "{40}", "{64}", "{16,32}", "{24}"))
    between = r"[\w .\t-]{0,20}[\s'\"]{0,3}(?:=>|:=|\|\||[=:>,]){1,2}[\s'\"`=]{0,5}"
    pattern = rf"(?i)[\w.-]{{0,50}}?{name}{between}(?P<secret>[{alphabet}]{size})(?:[\s'\"`;]|\\[nr]|$)"
    return {"pattern": pattern, "min_entropy": draw.choice((2.0, 3.0, 3.5))}


def _names(draw: random.Random) -> Iterator[str]:
    yield from _COMMON
    while True:
        yield "".join(draw.choices(_SYLLABLES, k=draw.randint(2, 4)))
