"""From a History to a Blob of its decoded bytes, and from line numbers to the entries that stand there."""

from __future__ import annotations

import codecs
import time
from collections.abc import Collection, Iterator
from functools import partial

from tokenguard.model import Blob, Origin, Reader
from tokenguard.sources.shell import libedit, powershell
from tokenguard.sources.shell.decoding import DecodedReader, Decoder
from tokenguard.sources.shell.formats import FORMATS, Format
from tokenguard.sources.shell.history import Entry, History, Span
from tokenguard.sources.shell.lines import lines
from tokenguard.sources.shell.program import program

_BYTE_ORDER_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_LAST_SECOND = 32_503_679_999
"""The end of the year 2999: later than any clock, and not later than Windows can convert."""


def blob(history: History) -> Blob:
    """The history's bytes with its own encoding undone, line for line; `open` raises OSError as files do.

    UTF-16 files are given as they are: that wrapping is the scanner's.
    """
    return Blob(Origin(source="shell", path=str(history.path)), partial(_opened, history, ()))


def entries_at(history: History, numbers: Collection[int]) -> dict[int, Entry]:
    """The entries that stand on these lines (counted from 1) of the decoded bytes. Raises OSError.

    A line that belongs to no entry is absent.
    """
    form = FORMATS[history.kind]
    if form.spans is None:
        return dict.fromkeys(numbers, Entry(None, form.tool))
    reader = _opened(history, (powershell.Utf16ToUtf8(),))
    try:
        return dict(_matched(form, form.spans(lines(reader)), sorted(set(numbers))))
    finally:
        reader.close()


def _matched(form: Format, spans: Iterator[Span], numbers: list[int]) -> Iterator[tuple[int, Entry]]:
    pending = iter(numbers)
    number = next(pending, None)
    for span in spans:
        while number is not None and number <= span.last:
            if number >= span.first:
                yield number, Entry(_time(span.epoch), form.tool or program(span.text))
            number = next(pending, None)
        if number is None:
            return


def _time(epoch: int | None) -> str | None:
    # 0 is what zsh writes for a command whose time it never knew.
    if not epoch or epoch > _LAST_SECOND:
        return None
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(epoch))


def _opened(history: History, of_utf16: tuple[Decoder, ...]) -> Reader:
    """The decoded bytes; a UTF-16 file goes through `of_utf16` instead."""
    file = history.path.open("rb")
    try:
        start = file.read(len(libedit.HEADER))
        file.seek(0)
    except OSError:
        file.close()
        raise
    decoders = of_utf16 if start.startswith(_BYTE_ORDER_MARKS) else _decoders(history, start)
    return DecodedReader(file, decoders) if decoders else file


def _decoders(history: History, start: bytes) -> tuple[Decoder, ...]:
    first = (libedit.Unvis(),) if start == libedit.HEADER else ()
    decoder = FORMATS[history.kind].decoder
    return (*first, decoder()) if decoder else first
