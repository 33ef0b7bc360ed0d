"""From where each kind of scan takes the repository's own configuration."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tokenguard.app.judge import ReadInside, Sight
from tokenguard.config.file import read_inside
from tokenguard.git.change_set import ChangeSet
from tokenguard.git.objects import ObjectReader, UnreadableObjectError
from tokenguard.git.repository import Repository

_LIMIT = 32 << 20


def of_user(environ: Mapping[str, str]) -> Sight:
    """Only the user's configuration counts."""
    return Sight(environ)


def of_folder(environ: Mapping[str, str], folder: Path) -> Sight:
    """The configuration of the folder, or of the worktree that it lies in."""
    # A file planted in some folder above, /tmp for one, must not count: only a worktree's top is looked for.
    top = next((each for each in (folder, *folder.parents) if (each / ".git").exists()), folder)
    return Sight(environ, top, named_below=top, settled=reader_of(top))


def of_repository(environ: Mapping[str, str], repository: Repository, objects: ObjectReader) -> Sight:
    """A whole repository: its worktree as it is, a bare one as its default branch has it."""
    if repository.worktree is not None:
        return Sight(environ, repository.worktree, settled=reader_of(repository.worktree))
    return Sight(environ, settled=revision_reader(objects, "HEAD"))


def of_change(
    environ: Mapping[str, str], repository: Repository, objects: ObjectReader, changed: ChangeSet, head: str
) -> Sight:
    """A change: what held before it, and apart from that what it proposes; `head` is a revision, empty: the index."""
    settled = revision_reader(objects, changed.base) if changed.base is not None else _nothing
    return Sight(environ, repository.worktree, settled=settled, proposed=revision_reader(objects, head))


def reader_of(top: Path) -> ReadInside:
    """Reads files below a folder."""
    return lambda path: read_inside(top, path, _LIMIT)


def revision_reader(objects: ObjectReader, revision: str) -> ReadInside:
    """Reads files as a revision has them."""

    def read(path: str) -> bytes | None:
        if "\n" in path:
            return None  # a request is a line
        try:
            return objects.read(f"{revision}:{path}")
        except UnreadableObjectError:
            return None

    return read


def _nothing(_path: str) -> bytes | None:
    return None
