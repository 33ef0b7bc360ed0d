"""From where each kind of scan takes its configuration: the user's, and the repository's as it counts.

The scan of a change goes by the revision before it; what the change proposes has to be right, but does not count yet.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenguard.config.places import REPOSITORY_FILE, user_file
from tokenguard.config.settings import FileSettings, Layer, Settings
from tokenguard.errors import ConfigError
from tokenguard.model.lazy_dataclass import dataclass, replace

if TYPE_CHECKING:
    from tokenguard.git.change_set import ChangeSet
    from tokenguard.git.objects import ObjectReader
    from tokenguard.git.repository import Repository

ReadInside = Callable[[str], bytes | None]
"""Bytes of a file of the repository by its path inside; None when there is none."""

_LIMIT = 32 << 20


@dataclass(frozen=True, slots=True)
class Sight:
    """Where a scan's configuration stands."""

    environ: Mapping[str, str]
    top: Path | None = None
    """The repository's top folder; None: no repository, or a bare one."""
    named_below: Path | None = None
    """The top, where reports name files as seen from the working folder; None: from the top itself."""
    settled: ReadInside | None = None
    """The repository's files as they count; None: only the user's configuration does."""
    proposed: ReadInside | None = None
    """The same files as a scanned change would have them; None: no change is scanned."""
    strict: bool = False
    """What the change itself allows does not count, whatever the settings say (pre-receive)."""

    def settings(self, flags: Mapping[str, object]) -> Settings:
        """All layers together.

        Raises:
            ConfigError: any of them is wrong, or a file that was named is missing.
        """
        path = user_file(self.environ, sys.platform)
        if self._unsaid(path):
            typed: dict[str, Any] = {name: value for name, value in flags.items() if value is not None}
            return Settings(**{"cache": not self.environ.get("CI")} | typed)
        # Start-up time: most runs of a hook have nothing to read.
        from tokenguard.config import file as config_file
        from tokenguard.config.resolve import resolve

        user = config_file.read(path, Layer.USER) if path is not None else None
        if user is None and self.environ.get("TOKENGUARD_CONFIG"):
            raise ConfigError(f"{path}: no such file", remedy="correct or unset TOKENGUARD_CONFIG")
        repository, notes = self._repository()
        settings = resolve(environ=self.environ, repository=repository, user=user, flags=flags)
        return replace(settings, notes=(*settings.notes, *notes))

    def _unsaid(self, path: Path | None) -> bool:
        """Whether no variable or file says anything."""
        return (
            not any(name.startswith("TOKENGUARD_") for name in self.environ)
            and (path is None or not os.path.lexists(path))
            and all(read(REPOSITORY_FILE) is None for read in (self.settled, self.proposed) if read is not None)
        )

    def _repository(self) -> tuple[FileSettings, tuple[str, ...]]:
        """The repository's configuration as it counts.

        Of a change the file that it proposes has to be right; the one before it may be what the change repairs, and
        then allows nothing.
        """
        if self.proposed is None:
            return parsed(self.settled), ()
        parsed(self.proposed)
        try:
            return parsed(self.settled), ()
        except ConfigError as error:
            return FileSettings(), (f"before this change: {error.message}; it allows nothing",)

    def read_inside(self, path: str) -> bytes | None:
        """A file of the repository as it counts."""
        return self.settled(path) if self.settled is not None else None


def parsed(read_inside: ReadInside | None) -> FileSettings:
    """What the repository's own file says; nothing when there is none."""
    data = read_inside(REPOSITORY_FILE) if read_inside is not None else None
    if data is None:
        return FileSettings()
    from tokenguard.config.file import parse

    return parse(data, REPOSITORY_FILE)


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

    def read(path: str) -> bytes | None:
        if not os.path.lexists(top / path):
            return None
        from tokenguard.config.file import read_inside

        return read_inside(top, path, _LIMIT)

    return read


def revision_reader(objects: ObjectReader, revision: str) -> ReadInside:
    """Reads files as a revision has them."""
    from contextlib import closing  # start-up time: plain files need no git

    from tokenguard.git.objects import UnreadableObjectError

    def read(path: str) -> bytes | None:
        if "\n" in path:
            return None  # a request is a line
        try:
            with closing(objects.open(f"{revision}:{path}")) as content:
                if content.remaining > _LIMIT:
                    raise ConfigError(f"{path}: larger than {_LIMIT:,} bytes", remedy="make it smaller")
                return content.read() if content.kind == "blob" else None
        except UnreadableObjectError:
            return None

    return read


def _nothing(_path: str) -> bytes | None:
    return None
