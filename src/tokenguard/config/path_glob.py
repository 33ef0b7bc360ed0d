"""A path pattern like those of gitignore(5), against paths with forward slashes.

Matching takes time in proportion to pattern times path, whatever the pattern: it comes from a scanned
repository. There is no negation and no case folding.
"""

from __future__ import annotations

import re

from tokenguard.model.lazy_dataclass import dataclass, field

_MAX_LENGTH = 1000

_Segment = re.Pattern[str]


@dataclass(frozen=True, slots=True)
class PathGlob:
    """A parsed pattern; two with the same text are equal. Build it with `parse`."""

    text: str
    _head: tuple[_Segment, ...] = field(compare=False, repr=False)
    """Segments before the first `**`: they match at the root."""
    _blocks: tuple[tuple[_Segment, ...], ...] = field(compare=False, repr=False)
    """Segments after each `**`: they match anywhere further down."""
    _inside: bool = field(compare=False, repr=False)
    """The pattern ends in `/`: it covers what lies in the folder, not a file of that name."""

    @classmethod
    def parse(cls, text: str) -> PathGlob:
        """The pattern that `text` describes; ValueError says what is wrong with it."""
        if not text.strip("/ "):
            raise ValueError("an empty pattern; to mean every path write **")
        if text.startswith("!"):
            raise ValueError("a negated pattern, which is not supported")
        if len(text) > _MAX_LENGTH:
            raise ValueError(f"a pattern of more than {_MAX_LENGTH} characters")
        segments = text.removeprefix("./").strip("/").split("/")
        if len(segments) == 1 and not text.startswith(("/", "./")):
            segments.insert(0, "**")
        if segments[-1] == "**":
            segments.append("*")
        head, *blocks = _split(segments)
        return cls(text, head, tuple(block for block in blocks if block), text.endswith("/"))

    def matches(self, path: str) -> bool:
        """Whether the pattern covers the file at `path` or a folder that it lies in."""
        names = path.removeprefix("./").strip("/").split("/")
        if not _fits(self._head, names, 0):
            return False
        at = len(self._head)
        for block in self._blocks:
            # The earliest place is always as good as a later one: it leaves the most for what follows.
            place = next((start for start in range(at, len(names)) if _fits(block, names, start)), None)
            if place is None:
                return False
            at = place + len(block)
        return at < len(names) or not self._inside


def _fits(segments: tuple[_Segment, ...], names: list[str], start: int) -> bool:
    if start + len(segments) > len(names):
        return False
    return all(segment.match(name) for segment, name in zip(segments, names[start:], strict=False))


def _split(segments: list[str]) -> list[tuple[_Segment, ...]]:
    """The segments between the `**`, compiled; the first block is what stands before the first `**`."""
    # fnmatch puts what follows each star into an atomic group, so a segment never backtracks over stars.
    from fnmatch import translate

    blocks: list[list[_Segment]] = [[]]
    for segment in segments:
        if segment == "**":
            blocks.append([])
        elif segment:
            blocks[-1].append(re.compile(translate(segment)))
    return [tuple(block) for block in blocks]
