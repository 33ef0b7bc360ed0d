"""JSON that every reader accepts, safe to show on a terminal and in a job's log. What it says is the caller's."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tokenguard.report.escape import may_be_quoted, portable, unsafe_in

if TYPE_CHECKING:
    import re


def encode(value: Any, *, indent: int | None = None) -> str:
    """`value` as JSON text: readable Unicode, with everything that is not UTF-8 quoted by `portable`."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    if may_be_quoted(text):
        text = json.dumps(_portable(value), ensure_ascii=False, indent=indent)
    return unsafe_in(text).sub(_escaped, text)


def _portable(value: Any) -> Any:
    if isinstance(value, str):
        return portable(value)
    if isinstance(value, dict):
        return {key: _portable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_portable(item) for item in value]
    return value


def _escaped(found: re.Match[str]) -> str:
    character = found[0]
    if character < " ":  # the encoder has escaped these in strings: this one is its own line end
        return character
    utf16 = character.encode("utf-16-be").hex()
    return "".join(f"\\u{utf16[i : i + 4]}" for i in range(0, len(utf16), 4))
