"""Ids: opaque, safe to log, told apart from tokens at a glance."""

from __future__ import annotations

import re
import secrets

_ID = re.compile(r"(tok|usr|rol|leak|evt|sight|out)_[0-9a-f]{24}")


def new_id(kind: str) -> str:
    """A fresh id: its kind (`tok`, `usr`, `rol`, `leak`, `evt`, `sight`, `out`) and 96 random bits."""
    return f"{kind}_{secrets.token_hex(12)}"


def is_id(text: str, kind: str) -> bool:
    """Whether `text` could be an id of that kind."""
    found = _ID.fullmatch(text)
    return found is not None and found[1] == kind


def new_ids(kind: str, number: int) -> list[str]:
    """So many fresh ids at once: asking for random bits takes longer than writing them down."""
    digits = secrets.token_hex(12 * number)
    return [f"{kind}_{digits[start : start + 24]}" for start in range(0, len(digits), 24)]
