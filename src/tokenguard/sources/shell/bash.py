"""bash, and what writes like it (sh, ksh, tcsh): one command a line, before it `#seconds` where times are kept.

bash itself takes all lines up to the next stamp for one command. That is wrong where a shell
without HISTTIMEFORMAT has appended to the file, so a command ends here as soon as its syntax does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tokenguard.sources.shell.history import Span
from tokenguard.sources.shell.lines import Line
from tokenguard.sources.shell.syntax import Syntax

_STAMP = re.compile(rb"#\+?(\d{1,12})\r?\Z")
"""`#1700000000` in bash, `#+1700000000` in tcsh."""


def spans(lines: Iterator[Line]) -> Iterator[Span]:
    """The commands of a history. A file without stamps has one a line, a trailing backslash aside."""
    stamp: int | None = None
    span: Span | None = None
    syntax: Syntax | None = None
    goes_on = False
    for line in lines:
        stamped = _STAMP.match(line.head)
        if stamped:
            stamp, syntax, goes_on = int(stamped[1]), Syntax(), False
            continue
        if span and goes_on:
            span = Span(span.first, line.number, span.text, span.epoch)
        else:
            if span:
                yield span
            span = Span(line.number, line.number, line.head, stamp)
            syntax = Syntax() if stamp is not None else None
            stamp = None
        unfinished = syntax is not None and syntax.unfinished_after(line.head)
        goes_on = unfinished or (line.endswith(b"\\") and not line.endswith(b"\\\\"))
    if span:
        yield span
