"""What a change adds, as values: changed blobs with what they were before, and all that has no "before".

How the values come about from a repository is `tokenguard.git.changes` and `index_changes`.
"""

from __future__ import annotations

from collections.abc import Iterable

from tokenguard.git.raw_diff import Difference
from tokenguard.model import Skipped
from tokenguard.model.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Change:
    """One path whose content differs from all parents. Submodules have no content here."""

    path: str
    """As `os.fsdecode` gives it."""
    blob: str
    bases: tuple[str, ...] = ()
    """Blobs of the path, or of what it was renamed from, in any parent (staged: HEAD); none for a new file."""
    commit: str | None = None
    """None: staged, or in no commit."""


@dataclass(frozen=True, slots=True)
class NewPath:
    """A path that no parent had: its name is new, whatever its content is."""

    path: str
    commit: str | None = None


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """Everything that is new, and so has to be scanned."""

    source: str
    """What was asked: `staged`, `commits`, `push`, `receive`."""
    changes: tuple[Change, ...] = ()
    paths: tuple[NewPath, ...] = ()
    commits: tuple[str, ...] = ()
    """Commits of the range, parents first: their messages and names have no base."""
    tags: tuple[str, ...] = ()
    """Annotated tag objects."""
    names: tuple[str, ...] = ()
    """Refs that are created or moved."""
    skipped: tuple[Skipped, ...] = ()
    base: str | None = None
    """The revision before the change: configuration, baseline and allowances count as they stand there."""


def change_of(difference: Difference) -> Change | None:
    """The change of content; None for a mere rename or change of mode, a deletion, a submodule."""
    blob = difference.new.blob
    if blob is None or blob in difference.bases:
        return None
    return Change(difference.new.path, blob, difference.bases, difference.commit)


def changes_of(differences: Iterable[Difference]) -> tuple[Change, ...]:
    """The changes of content, in order."""
    return tuple(change for change in map(change_of, differences) if change is not None)


def paths_of(differences: Iterable[Difference]) -> tuple[NewPath, ...]:
    """The paths that were not there before, in order."""
    return tuple(NewPath(each.new.path, each.commit) for each in differences if each.named_anew)
