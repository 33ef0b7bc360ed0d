"""viminfo: items (`:command`, `/search`, registers, marks), each followed by `|` lines that repeat it with a time."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tokenguard.sources.shell.history import Span
from tokenguard.sources.shell.lines import Line

_TIME = re.compile(rb"\|(?:2,\d+,|3,(?:[^,]*,){5}|4,(?:[^,]*,){3})(\d{1,12}),")
"""Bar lines of history (2), registers (3) and marks (4), each up to its time."""
_MORE = (b"<", b"|", b"\t")
"""How the further lines of an item begin."""


def spans(lines: Iterator[Line]) -> Iterator[Span]:
    """The items of a viminfo file."""
    span: Span | None = None
    for line in lines:
        if span and line.head.startswith(_MORE):
            time = _TIME.match(line.head)
            span = Span(span.first, line.number, b"", int(time[1]) if time else span.epoch)
        else:
            if span:
                yield span
            span = Span(line.number, line.number, b"")
    if span:
        yield span
