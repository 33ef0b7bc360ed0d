"""The pepper: the key that keeps a stolen database from confirming a known token.

Kept is HMAC-SHA-256(pepper, SHA-256(token)) with the pepper's id. The pepper lives in a file of its own, never in the
database, and not in its backup. A rotation adds one; the earlier ones stay, since their tokens cannot be keyed anew.
"""

from __future__ import annotations

import hmac
import os
import re
import secrets
import stat
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from tokenguard.config.private_file import exposed
from tokenguard.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PEPPER_VARIABLE = "TOKENGUARD_PEPPER"
PEPPER_FILE_VARIABLE = "TOKENGUARD_PEPPER_FILE"

LOOK_SECONDS = 0.05
"""How often a pepper's file is looked at: at every token it would be a twelfth of the look-up."""

_BYTES = 32
_MAX_FILE = 1 << 16
_LEAST_TEXT = 32
"""Characters of a pepper that a person gives as text: 128 bits even of hexadecimal digits."""
_LINE = re.compile(r"(pep_[0-9a-f]{8}) ([0-9a-f]{64})")
_HEADING = "# The store's peppers, the current one last. Keep this file secret, and apart from backups of the store.\n"


@dataclass(frozen=True, slots=True)
class Pepper:
    """One key and its id, which says nothing about the key and may be shown."""

    id: str
    key: bytes = field(repr=False)


class Peppers:
    """All peppers that can be read; the last one keys new tokens.

    Those of a file are read again when it changed: a rotation counts in a running server too.
    """

    __slots__ = ("_all", "_file", "_looked", "_state")

    def __init__(self, peppers: tuple[Pepper, ...], state: _State = None, file: Path | None = None) -> None:
        if not peppers:
            raise StoreError("no pepper", remedy="tokenguard store init makes one")
        self._all = peppers
        self._file = file
        self._state = state
        self._looked = time.monotonic()

    def __repr__(self) -> str:
        return f"Peppers({', '.join(self.ids)})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("peppers cannot be pickled or copied")

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids, the current one last."""
        return tuple(pepper.id for pepper in self._known())

    def keyed(self, token_sha256: bytes) -> tuple[str, bytes]:
        """The current pepper's id, and the keyed hash of a new token whose SHA-256 is given."""
        current = self._known()[-1]
        return current.id, hmac.digest(current.key, token_sha256, "sha256")

    def candidates(self, token_sha256: bytes) -> tuple[bytes, ...]:
        """Every keyed hash that a token of that SHA-256 may be kept under, one for each pepper."""
        return tuple(hmac.digest(pepper.key, token_sha256, "sha256") for pepper in self._known())

    def _known(self) -> tuple[Pepper, ...]:
        if self._file is None or (now := time.monotonic()) < self._looked + LOOK_SECONDS:
            return self._all
        self._looked = now
        if (state := _state(self._file)) == self._state:
            return self._all
        self._state = state
        with suppress(StoreError):
            fresh, self._state = _read(self._file)
            # Peppers are only ever added: a file that lacks some is damaged, or another store's.
            if set(fresh).issuperset(self._all):
                self._all = fresh
        return self._all


_State = tuple[int, int, int] | None
"""What tells whether a file is as it was; None: it is not there."""


def _state(file: Path | int) -> _State:
    try:
        status = os.stat(file)
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def peppers_for(environ: Mapping[str, str], default_file: Path | None) -> Peppers:
    """The peppers that the environment gives: as text, else in a file it names, else in `default_file`.

    Raises:
        StoreError: there is none, or it is not fit for use.
    """
    if text := environ.get(PEPPER_VARIABLE):
        return from_text(text)
    file = environ.get(PEPPER_FILE_VARIABLE)
    path = Path(file) if file else default_file
    if path is None:
        raise StoreError("no pepper", remedy=f"set {PEPPER_VARIABLE} or {PEPPER_FILE_VARIABLE}")
    return read_pepper_file(path)


def from_text(text: str) -> Peppers:
    """Peppers from an environment variable: the lines of a pepper file, or any text of at least 32 characters.

    Raises:
        StoreError: too short.
    """
    lines = [line for line in text.strip().splitlines() if line and not line.startswith("#")]
    if all(_LINE.fullmatch(line) for line in lines) and lines:
        return Peppers(_parsed(lines))
    if len(text) < _LEAST_TEXT:
        raise StoreError(f"{PEPPER_VARIABLE} is too short", remedy=f"give at least {_LEAST_TEXT} random characters")
    key = sha256(text.encode()).digest()
    return Peppers((Pepper("pep_" + hmac.digest(key, b"tokenguard pepper id", "sha256").hex()[:8], key),))


def read_pepper_file(path: Path) -> Peppers:
    """The peppers of a file, which is followed: what is added to it later counts then.

    Raises:
        StoreError: it is missing, unreadable, no pepper file, or others may read it: `exposed`.
    """
    return Peppers(*_read(path), path.absolute())


def _read(path: Path) -> tuple[tuple[Pepper, ...], _State]:
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        with open(os.open(path, flags), "rb") as file:
            regular, open_to_others = stat.S_ISREG(os.fstat(file.fileno()).st_mode), exposed(file.fileno())
            state = _state(file.fileno())
            data = file.read(_MAX_FILE + 1) if regular else b""
    except FileNotFoundError:
        raise StoreError(
            f"{path}: no pepper file",
            remedy=f"restore it, or name it in {PEPPER_FILE_VARIABLE}; tokenguard store init makes one for a new store "
            "only: where it is lost, so are the tokens of the old one, which has to be moved away first",
        ) from None
    except OSError as error:
        raise StoreError(f"{path}: cannot be read ({error.strerror})", remedy="make it readable") from None
    if open_to_others:
        raise StoreError(f"{path}: others may read the pepper", remedy="chmod 600 it")
    lines = [line for line in data.decode("ascii", "replace").splitlines() if line and not line.startswith("#")]
    if not lines or not all(_LINE.fullmatch(line) for line in lines):
        raise StoreError(f"{path}: not a pepper file", remedy="restore it from where it was kept")
    return _parsed(lines), state


def _parsed(lines: list[str]) -> tuple[Pepper, ...]:
    found = [match for match in map(_LINE.fullmatch, lines) if match]
    if len({match[1] for match in found}) != len(found):
        raise StoreError("the same pepper id twice", remedy="restore the pepper file from where it was kept")
    return tuple(Pepper(match[1], bytes.fromhex(match[2])) for match in found)


def make_pepper_file(path: Path) -> Peppers:
    """A new file with one pepper, readable by its owner alone; what is there already is read instead.

    The file appears whole or not at all, so that two programs which start a store at once agree on one pepper.

    Raises:
        StoreError: it cannot be written or read.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():  # its folder may be read-only
            _written(path, _HEADING + _fresh_line(), replace=False)
    except FileExistsError:
        pass
    except OSError as error:
        raise StoreError(f"{path}: cannot be written ({error.strerror})") from None
    return read_pepper_file(path)


def rotate_pepper_file(path: Path) -> Peppers:
    """Add a pepper, which keys every token made from now on; the earlier ones stay readable.

    Raises:
        StoreError: the file is no pepper file, or cannot be written.
    """
    try:
        with _turn(path):
            read_pepper_file(path)
            _written(path, path.read_text("ascii").rstrip("\n") + "\n" + _fresh_line(), replace=True)
    except OSError as error:
        raise StoreError(f"{path}: cannot be written ({error.strerror})") from None
    return read_pepper_file(path)


@contextmanager
def _turn(path: Path) -> Iterator[None]:
    """One rotation after the other.

    Of two that read the same file the second would undo the first, and tokens of the pepper in between could be told by
    nobody. The folder is locked, since the file itself is replaced; on Windows nothing is.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _fresh_line() -> str:
    return f"pep_{secrets.token_hex(4)} {secrets.token_hex(_BYTES)}\n"


def _written(path: Path, text: str, *, replace: bool) -> None:
    """Put `text` at `path` in one step. mkstemp makes its file 0600."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".pepper-")
    try:
        with open(handle, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            os.replace(temporary, path)
        else:
            os.link(temporary, path)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
