"""Made content: text as it stands in source files, tokens that nobody issued, and what only looks like one.

Drawn from a seed, so that two runs scan the same bytes. No whole token stands in this file: the repository scans its
own history. The shapes are written down a second time, beside rules/*.yaml, so that the bench does not measure the
rules against themselves.
"""

from __future__ import annotations

import base64
import random
from collections.abc import Callable, Iterator
from pathlib import Path

_SHAPES = (("binboi_pat_", (8, 36)), ("binboi_live_", (32,)), ("kbai_pk_", (64,)))
_PIECE = 1 << 20


def generator(seed: str) -> random.Random:
    """Reproducible; nothing here protects anything."""
    return random.Random(seed)  # noqa: S311 - made content has to be the same in every run


def token(draw: random.Random) -> str:
    """A token of one of the three families."""
    prefix, sizes = draw.choice(_SHAPES)
    return prefix + "_".join(_hex(draw, size) for size in sizes)


def _hex(draw: random.Random, digits: int) -> str:
    return f"{draw.getrandbits(4 * digits):0{digits}x}"


def look_alike(draw: random.Random) -> str:
    """Begins like a token, and is none: too long, too short, upper case, not hexadecimal, or a prefix alone."""
    whole = token(draw)
    prefix = draw.choice(_SHAPES)[0]
    changes: tuple[Callable[[], str], ...] = (
        lambda: whole + _hex(draw, 2),
        lambda: whole[:-1],
        whole.upper,
        lambda: whole[:-8] + "xxxxxxxx",
        lambda: prefix * draw.randint(1, 4),
        lambda: prefix + "...",
    )
    return draw.choice(changes)()


def wrapped(draw: random.Random) -> str:
    """The beginning of a token in another guise (base64, UTF-16, percent, hex), and the magic numbers of archives."""
    start = (" " * draw.randrange(3) + token(draw)[: draw.randint(8, 30)]).encode()
    changes: tuple[Callable[[], str], ...] = (
        lambda: base64.b64encode(start).decode(),
        lambda: start.decode().encode("utf-16-le").decode("latin-1"),
        lambda: "".join(f"%{byte:02X}" for byte in start),
        start.hex,
        lambda: "\x1f\x8b\x08" + _hex(draw, 8),
        lambda: "PK\x03\x04" + _hex(draw, 8),
    )
    return draw.choice(changes)()


class Prose:
    """Lines as in source files: words of a fixed vocabulary, indented, with punctuation."""

    def __init__(self, draw: random.Random) -> None:
        syllables = [first + second for first in "bdfgklmnprstvw" for second in "aeiou"]
        words = ["".join(draw.choices(syllables, k=draw.randint(1, 4))) for _ in range(4000)]
        self._draw = draw
        self._pool = self._text(words, 4 * _PIECE)

    def _text(self, words: list[str], size: int) -> str:
        lines, length = [], 0
        while length < size:
            indent = " " * (4 * self._draw.randrange(4))
            line = indent + self._draw.choice(("{};", "{} = {}(", "// {} {}", '"{}": {},')).format(
                " ".join(self._draw.choices(words, k=self._draw.randint(1, 6))), self._draw.choice(words)
            )
            lines.append(line)
            length += len(line) + 1
        return "\n".join(lines) + "\n"

    def piece(self, size: int) -> str:
        """So many characters of it."""
        pieces = []
        while size > 0:
            start = self._draw.randrange(len(self._pool) - 1)
            pieces.append(self._pool[start : start + size])
            size -= len(pieces[-1])
        return "".join(pieces)


def lines_of(draw: random.Random, *kinds: Callable[[random.Random], str]) -> Iterator[str]:
    """Endless lines, each with something of one of these kinds, bare or as a value."""
    forms = ("{}", "key = '{}'", '  "token": "{}",', "curl -H 'Authorization: Bearer {}'")
    while True:
        yield draw.choice(forms).format(draw.choice(kinds)(draw)) + "\n"


def write(path: Path, pieces: Iterator[str], size: int) -> None:
    """Write a file of about so many bytes."""
    with path.open("w", encoding="latin-1", newline="\n") as file:
        written = 0
        for piece in pieces:
            written += file.write(piece)
            if written >= size:
                return
