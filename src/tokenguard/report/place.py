"""Where a finding is, for formats that show one entry a finding and path, and that want a file for everything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokenguard.model.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokenguard.model.finding import Finding, Location

_NO_FILES = frozenset(
    {
        "author",
        "blob of unknown path",
        "commit header",
        "commit message",
        "committer",
        "file name",
        "folder name",
        "ref name",
        "tag header",
        "tag message",
        "tagger",
        "unreachable blob",
    },
)
"""Paths that name a part of a git repository. A file of the same name is taken for that part."""

_NAMES = ("file name",)
"""How a location says that the secret is a name in the folder that its path is."""


@dataclass(frozen=True, slots=True)
class Place:
    """One path of a finding, with all its locations there, in the finding's order."""

    finding: Finding
    path: str
    locations: tuple[Location, ...]

    @property
    def first(self) -> Location:
        """The location that stands for the place."""
        return self.locations[0]

    @property
    def is_file(self) -> bool:
        """Whether the path names a file rather than, say, a commit message or the folder with a telling name in it."""
        return self.path not in _NO_FILES and self.first.via[:1] != _NAMES

    @property
    def file(self) -> str:
        """A path for consumers that insist on a file.

        Parts of git objects are put below `.git/`, where no tracked file can be.
        """
        return f".git/{self.path}" if self.path in _NO_FILES else self.path


def spread(locations: tuple[Location, ...], limit: int) -> list[Location]:
    """At most `limit` locations, as many different paths among them as possible, in their order."""
    seen: set[str] = set()
    again: list[bool] = []
    for location in locations:
        again.append(location.path in seen)
        seen.add(location.path)
    chosen = sorted(range(len(locations)), key=again.__getitem__)[:limit]
    return [locations[index] for index in sorted(chosen)]


def places(finding: Finding) -> Iterator[Place]:
    """The finding's places, in the order in which its locations name them."""
    by_path: dict[str, list[Location]] = {}
    for location in finding.locations:
        by_path.setdefault(location.path, []).append(location)
    for path, locations in by_path.items():
        yield Place(finding, path, tuple(locations))
