"""The value of a leaked token again, from the place where it was found: for an issuer that wants more than its hash.

The one blob goes through the same stages as in a scan; the match with the same fingerprint gives its secret. Nothing is
kept. What can be read only once (standard input, a push that was refused since) cannot be read again.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from tokenguard.app.detector import Detector
from tokenguard.app.pipeline import BlobScanner
from tokenguard.errors import GitError, TokenguardError
from tokenguard.git.objects import ObjectReader
from tokenguard.git.repository import Repository, repository_at
from tokenguard.git.runner import Git
from tokenguard.model import Blob, Location, Origin, Rule, RuleSet, Secret, Skipped
from tokenguard.scan.fingerprints import Fingerprints
from tokenguard.sources.files import FILE_NAMES, FileSource
from tokenguard.sources.object_text import texts

_FOLDER_NAMES = FILE_NAMES[0]


class _Catch(Fingerprints):
    """Fingerprints that hold on to the one secret that is looked for, until it is taken."""

    def __init__(self) -> None:
        super().__init__()
        self._wanted = ""
        self._caught: Secret | None = None

    def look_for(self, fingerprint: str) -> None:
        """From now on that one, and no other."""
        self._wanted, self._caught = fingerprint, None

    def take(self) -> Secret | None:
        """What was caught; it is let go of."""
        caught, self._caught = self._caught, None
        return caught

    def of(self, rule: Rule, secret: Secret) -> str:
        """As in a scan."""
        fingerprint = super().of(rule, secret)
        if fingerprint == self._wanted:
            self._caught = secret
        return fingerprint


class Rereader:
    """Reads locations again. Not for several threads."""

    def __init__(self, ruleset: RuleSet, environ: Mapping[str, str], *, hook: bool = False) -> None:
        """`hook`: git's own variables count, as they do in a hook: what is pushed lies in a quarantine."""
        self._ruleset = ruleset
        self._environ = environ
        self._hook = hook
        self._catch = _Catch()
        self._scanner: BlobScanner | None = None

    def secret(
        self, fingerprint: str, token_sha256: str | None, root: str, places: Iterable[Location]
    ) -> Secret | None:
        """The secret with that fingerprint, from the first of the places that still holds it; None: none does.

        `root` is the folder or repository that their paths start at. A wrong `token_sha256` fits nothing.
        """
        for place in places:
            with suppress(OSError, ValueError, TokenguardError):
                found = self._at(place, Path(root), fingerprint)
                if found is not None and token_sha256 in (None, found.sha256()):
                    return found
        return None

    def _at(self, place: Location, root: Path, fingerprint: str) -> Secret | None:
        if self._scanner is None:
            detector = Detector(self._ruleset)
            detector.fingerprints = self._catch
            self._scanner = BlobScanner(detector)
        self._catch.look_for(fingerprint)
        try:
            for blob in self._blobs(place, root):
                with suppress(OSError):
                    self._scanner.scan(blob)
                if (found := self._catch.take()) is not None:
                    return found
        finally:
            self._catch.look_for("")
        return None

    def _blobs(self, place: Location, root: Path) -> Iterator[Blob]:
        """What may hold the secret, likeliest first."""
        if place.source == "shell":
            yield from self._history(place)
        elif place.blob is not None:
            yield from self._object(place, root, place.blob)
        elif place.source == "files" or not _is_name(place):
            yield from _file(place, root)
        else:
            yield from self._names(place, root)

    # Shell histories.

    def _history(self, place: Location) -> Iterator[Blob]:
        from tokenguard.sources.shell.find import find_histories
        from tokenguard.sources.shell.reading import blob

        for history in find_histories(Path(self._environ.get("HOME", "")).absolute(), self._environ):
            if not isinstance(history, Skipped) and str(history.path) == place.path:
                yield blob(history)
                return
        yield from _file(place, Path())

    # Git.

    def _object(self, place: Location, root: Path, oid: str) -> Iterator[Blob]:
        if not _is_object_id(oid):
            return
        for repository in _repositories(place.path, root):
            with ObjectReader(Git(repository, hook=self._hook)) as reader, suppress(OSError, GitError):
                content = reader.open(oid)
                kind = content.kind
                content.close()
                if kind == "blob":
                    yield reader.blob(oid, Origin(place.source, place.path, oid))
                else:
                    yield from texts(place.source, kind, oid, reader.read(oid))

    def _names(self, place: Location, root: Path) -> Iterator[Blob]:
        """Names that no object was told for: of refs, and of files in an index or a commit."""
        for repository in _repositories(place.path, root):
            git = Git(repository, hook=self._hook)
            questions = [("for-each-ref", "--format=%(refname)"), ("ls-files", "-z", "--full-name", "--", ":(top)")]
            if place.commit is not None and _is_object_id(place.commit):
                questions.append(("ls-tree", "-r", "-t", "-z", "--name-only", "--full-tree", place.commit))
            for question in questions:
                _, names, _ = git.try_run(*question)
                yield Blob.of(Origin(place.source, place.path), names.replace(b"\0", b"\n"))


def _is_name(place: Location) -> bool:
    return place.path.rpartition("/")[2] in ("ref name", "file name")


def _is_object_id(text: str) -> bool:
    return len(text) in (40, 64) and set(text) <= set("0123456789abcdef")


def _repositories(path: str, root: Path) -> Iterator[Repository]:
    """The repository that is `root`, then those inside of it that the path leads through."""
    folders = [root]
    for name in path.split("/")[:-1]:
        if name in ("", ".."):
            return
        folders.append(folders[-1] / name)
    for folder in (root, *reversed(folders[1:])):
        found = repository_at(folder) if folder.is_dir() else None
        if found is not None:
            yield found


def _file(place: Location, root: Path) -> Iterator[Blob]:
    """A file, a link's target, or the names in a folder. Of git's own files, as the git folder has them."""
    path = _below(place.path, root)
    if place.via[:1] == ("symlink",):
        yield Blob.of(Origin(place.source, place.path), os.fsencode(os.readlink(path)))
    elif place.via[:1] == (_FOLDER_NAMES,):
        # The name that was typed, or a folder's that was walked.
        names = [path.name, *(os.listdir(path) if path.is_dir() else ())]
        yield FileSource(place.source).names(place.path, names)
    elif stat.S_ISREG(path.stat().st_mode):  # a pipe or a device would be read for ever
        for blob in FileSource(place.source).walk(str(path)):
            if isinstance(blob, Blob):
                yield blob


def _below(path: str, root: Path) -> Path:
    before, dot_git, rest = f"/{path}".partition("/.git/")
    if not dot_git:
        return root / path
    repository = repository_at(root / before.strip("/")) if not path.startswith("/") else None
    return root / path if repository is None else repository.common_dir / rest
