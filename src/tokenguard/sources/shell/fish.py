r"""fish: records of `- cmd: …`, `  when: seconds` and `  paths:`; `\n` and `\\` are its only escapes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tokenguard.sources.shell.history import Span
from tokenguard.sources.shell.lines import Line

_COMMAND = b"- cmd:"
_WHEN = re.compile(rb"  when: *(\d{1,12})\r?\Z")
_ESCAPE = re.compile(rb"\\([n\\])")


def spans(lines: Iterator[Line]) -> Iterator[Span]:
    """The records of a history, each with the paths that fish noted for it."""
    span: Span | None = None
    for line in lines:
        if line.head.startswith(_COMMAND):
            if span:
                yield span
            span = Span(line.number, line.number, _unescaped(line.head.removeprefix(_COMMAND)))
        elif span:
            when = _WHEN.match(line.head)
            span = Span(span.first, line.number, span.text, int(when[1]) if when else span.epoch)
    if span:
        yield span


def _unescaped(text: bytes) -> bytes:
    return _ESCAPE.sub(lambda match: b"\n" if match[1] == b"n" else b"\\", text)
