"""Logins: which token store is spoken to, and with which token; each with where it came from.

The strongest says it: a flag, then the environment, then the user's configuration, then the login file. A stale
variable that hides a fresh login is a known trap, so what loses is kept too. A token of the login file belongs to one
server and is never taken for another.
"""

from __future__ import annotations

import contextlib
import os
import sys
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from tokenguard.config.places import config_folder
from tokenguard.errors import ConfigError, OutputError, UsageError
from tokenguard.model.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")

TOKEN_VARIABLE = "TOKENGUARD_TOKEN"  # noqa: S105 - a name
LOGIN_FILE = "login.json"

_MAX_BYTES = 1 << 20
_MAX_TOKEN = 4096


@dataclass(frozen=True, slots=True)
class Given(Generic[T]):
    """A value and where it came from: `--server`, `TOKENGUARD_TOKEN`, `config.yaml:3`, the login file's path."""

    value: T
    where: str


@dataclass(frozen=True, slots=True)
class Logins:
    """What the login file holds: a token for each server, and the server that was logged in to last."""

    current: str | None = None
    tokens: Mapping[str, Secret] = field(default_factory=dict)

    def adding(self, server: str, token: Secret) -> Logins:
        """With that login, which becomes the current one."""
        return Logins(server, {**self.tokens, server: token})

    def without(self, server: str) -> Logins:
        """Without the login of that server."""
        tokens = {each: token for each, token in self.tokens.items() if each != server}
        return Logins(self.current if self.current in tokens else None, tokens)


@dataclass(frozen=True, slots=True)
class Access:
    """Everything that was said of server and token, the strongest first; tokens are those for that server."""

    servers: tuple[Given[str], ...] = ()
    tokens: tuple[Given[Secret], ...] = ()

    @property
    def server(self) -> Given[str] | None:
        """The server that counts; None: the embedded store."""
        return self.servers[0] if self.servers else None

    @property
    def token(self) -> Given[Secret] | None:
        """The token that counts."""
        return self.tokens[0] if self.tokens else None

    @property
    def hidden_servers(self) -> tuple[Given[str], ...]:
        """Those that were said, differ from the one that counts, and lose."""
        return tuple(each for each in self.servers[1:] if each.value != self.servers[0].value)

    @property
    def hidden_tokens(self) -> tuple[Given[Secret], ...]:
        """Those that were said, differ from the one that counts, and lose."""
        return tuple(each for each in self.tokens[1:] if each.value.sha256() != self.tokens[0].value.sha256())


def access(
    *,
    server_flag: str | None,
    token_flag: Secret | None,
    configured: Given[str] | None,
    environ: Mapping[str, str],
    file: Path | None,
) -> Access:
    """What counts, and what it hides. `configured`: the server of the settings, from the environment or a file.

    Raises:
        UsageError: a URL that no token may be sent to, or a token that cannot be one.
        ConfigError: the login file is wrong.
    """
    logins = read_logins(file) if file is not None else Logins()
    named = (
        Given(server_flag, "--server") if server_flag else None,
        configured,
        Given(logins.current, str(file)) if logins.current else None,
    )
    servers = tuple(Given(server_address(each.value, each.where), each.where) for each in named if each is not None)
    variable = environ.get(TOKEN_VARIABLE, "").strip()
    saved = logins.tokens.get(servers[0].value) if servers else None
    tokens = (
        Given(token_flag, "--token") if token_flag is not None else None,
        Given(token_of(variable, TOKEN_VARIABLE), TOKEN_VARIABLE) if variable else None,
        Given(saved, str(file)) if saved is not None else None,
    )
    return Access(servers, tuple(each for each in tokens if each is not None))


def server_address(text: str, where: str) -> str:
    """A server's URL in its one spelling.

    Raises:
        UsageError: no token may be sent there. The message does not repeat the text, which may hold a password.
    """
    from tokenguard.config.web_address import web_address

    try:
        return str(web_address(text))
    except ValueError as error:
        raise UsageError(f"{where}: {error}") from None


def token_of(text: str, where: str) -> Secret:
    """A token that was typed, piped or set.

    Raises:
        UsageError: it cannot be one: empty, overlong, or with anything in it that no header takes.
    """
    if not text:
        raise UsageError(f"{where}: there is no token")
    if len(text) > _MAX_TOKEN or not text.isascii() or not text.isprintable() or " " in text:
        raise UsageError(f"{where}: not a token", remedy="one word of printable ASCII is expected")
    return Secret(text.encode())


def login_file(environ: Mapping[str, str]) -> Path | None:
    """Where the login file is, whether it exists or not; None when the environment names no home."""
    folder = config_folder(environ, sys.platform)
    return folder / LOGIN_FILE if folder is not None else None


def read_logins(path: Path) -> Logins:
    """What the login file holds; nothing where there is none.

    Raises:
        ConfigError: it cannot be read, is no login file, or others than its owner may read it.
    """
    from tokenguard.config.file import read_bounded
    from tokenguard.config.private_file import check_private

    data = read_bounded(path, _MAX_BYTES, name=str(path), follow=True)
    if data is None:
        return Logins()
    check_private(path, "the tokens in it", f"chmod 600 it, or remove it: rm {path}")
    return _parsed(data, path)


def write_logins(path: Path, logins: Logins) -> None:
    """Put the login file in place, in one step; its folder is made with 0700, the file has 0600.

    Raises:
        OutputError: it cannot be written; what was there stands.
    """
    import json

    document = {
        "current": logins.current,
        "servers": {server: {"token": token.reveal().decode("ascii")} for server, token in logins.tokens.items()},
    }
    temporary = path.with_name(f".{path.name}-{os.urandom(8).hex()}.tmp")
    flags = reduce(or_, (getattr(os, each, 0) for each in ("O_CLOEXEC", "O_NOFOLLOW")), os.O_WRONLY)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(os.open(temporary, flags | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(json.dumps(document, indent=2) + "\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        reason = error.strerror or type(error).__name__
        raise OutputError(f"{path}: cannot be written ({reason})", remedy=f"set {TOKEN_VARIABLE} instead") from None


def _parsed(data: bytes, path: Path) -> Logins:
    import json

    # Neither message nor cause may quote what is in the file.
    wrong = ConfigError(f"{path}: not a login file", remedy="remove it and log in again: tokenguard login")
    try:
        document = json.loads(data)
        tokens = {server: token_of(each["token"], str(path)) for server, each in document["servers"].items()}
        current = document.get("current")
    except (ValueError, KeyError, TypeError, AttributeError, UsageError, RecursionError):
        raise wrong from None
    if current is not None and current not in tokens:
        raise wrong
    return Logins(current, tokens)
