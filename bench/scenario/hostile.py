"""Files that were made to be slow: nothing but what the first stage stops at."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping

from bench import content
from bench.limit import RatioLimit, Time
from bench.stage import Contest, Scenario, Stage
from bench.tools import scan

TEXT = "text"
_KINDS: Mapping[str, tuple[Callable[[random.Random], str], ...]] = {
    "look-alikes and tokens": (content.look_alike, content.token),
    "look-alikes": (content.look_alike,),
    "tokens": (content.token,),
    "encoded beginnings and archive marks": (content.wrapped,),
}
_PROMISED = "look-alikes and tokens"
_SIZE = 100_000_000
_AT_MOST = 5.0


def build(stage: Stage) -> Contest:
    """A file each of text and of every kind of hostility; more matches than are kept make a scan incomplete."""
    draw = stage.draw("hostile")
    files: dict[str, Iterator[str]] = {TEXT: _prose(draw)}
    files |= {name: content.lines_of(draw, *kinds) for name, kinds in _KINDS.items()}
    contestants = []
    for number, (name, pieces) in enumerate(files.items()):
        path = stage.folder / f"{number}.txt"
        content.write(path, pieces, stage.scaled(_SIZE))
        contestants.append(scan(name, "files", str(path)))
    limits = (RatioLimit(f"{_PROMISED} ÷ text", Time(_PROMISED), Time(TEXT), _AT_MOST),)
    facts = {"bytes a file": stage.scaled(_SIZE)}
    return Contest(TEXT, tuple(contestants), limits, facts, warm_up=(contestants[0],))


def _prose(draw: random.Random) -> Iterator[str]:
    prose = content.Prose(draw)
    while True:
        yield prose.piece(1 << 16)


SCENARIO = Scenario("hostile", "A hostile file of 100 MB against one of text", build)
