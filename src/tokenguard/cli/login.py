"""`tokenguard login`: keep a token for a server, once the server has said whose it is."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from tokenguard.cli.group import examples
from tokenguard.cli.service import STANDARD_INPUT, ask_token, service_options, way_of

if TYPE_CHECKING:
    from pathlib import Path

    from tokenguard.app.token_service import Approach
    from tokenguard.model.people import Identity
    from tokenguard.model.secret import Secret


@click.command(
    epilog=examples(
        "tokenguard login --server https://tokens.example.org",
        "pass show tokenguard | tokenguard login --server https://tokens.example.org --token -",
    )
)
@service_options
def login(server: str | None, token: str | None, more: tuple[Path, ...], as_json: bool) -> None:  # noqa: FBT001 - click's way
    """Sign in at a server and keep the token, in the user's configuration folder, for nobody else to read.

    The token is asked for without being shown, or read from standard input with --token -. It is tried first; what the
    server does not accept is not kept. The embedded store needs no login.
    """
    typed = token is not None and token != STANDARD_INPUT
    secret = _given(token) if token is not None else None
    way = way_of(server, secret, more)
    address = _address(way)
    if secret is not None and typed:
        _warn_of_history(secret, way)
    if secret is None:
        secret = ask_token(f"Token for {address}")
    identity = _tried(address, secret)
    path = _kept(address, secret)
    _tell(way, identity, path, address=address, as_json=as_json)
    _warn_of_hiding(way, secret, address)


def _given(token: str) -> Secret:
    from tokenguard.cli.service import given_token

    return given_token(token)


def _address(way: Approach) -> str:
    from tokenguard.errors import UsageError

    if way.access.server is None:
        raise UsageError("which server?", remedy="name it: --server URL; the embedded store needs no login")
    return way.access.server.value


def _tried(address: str, secret: Secret) -> Identity:
    """Whose token it is; RefusedError where the server does not accept it."""
    from tokenguard.cli.main import complain
    from tokenguard.errors import RefusedError, TokenguardError, UsageError
    from tokenguard.respond.client import Client

    client = Client(address, secret)
    try:
        return client.whoami()
    except TokenguardError as error:
        complain("nothing was saved")
        if isinstance(error, RefusedError) and error.code == "NOT_FOUND":
            raise UsageError(f"{address}: no token store is at this address", remedy="is its path right?") from None
        raise
    finally:
        client.close()


def _kept(address: str, secret: Secret) -> Path:
    from tokenguard.config.credentials import TOKEN_VARIABLE, login_file, read_logins, write_logins
    from tokenguard.errors import UsageError

    path = login_file(os.environ)
    if path is None:
        raise UsageError("no home folder to keep the login in", remedy=f"set HOME, or {TOKEN_VARIABLE} instead")
    write_logins(path, read_logins(path).adding(address, secret))
    return path


def _tell(way: Approach, identity: Identity, path: Path, *, address: str, as_json: bool) -> None:
    from tokenguard.app.conceal import Concealer
    from tokenguard.cli.record import person, when
    from tokenguard.cli.show import Screen
    from tokenguard.model.wire import to_json

    screen = Screen(Concealer(way.ruleset))
    if as_json:
        screen.json({"server": address, "saved": str(path), "identity": to_json(identity)})
        return
    screen.line(f"logged in at {address} as {person(identity.name, identity.email)}")
    screen.line(f"token {identity.token_prefix}…, expires: {when(identity.expires_at, 'never')}; saved in {path}")


def _warn_of_history(secret: Secret, way: Approach) -> None:
    from tokenguard.app.typed import lines_with, visible_prefix
    from tokenguard.cli.main import complain

    shown = visible_prefix(secret, way.ruleset)
    line = f"`tokenguard login --token {shown}`"
    places = lines_with(secret, way.ruleset, os.environ)
    where = f"now stands in {', '.join(places)}" if places else f"now stands in the history of {_shell()}"
    complain(
        f"the line {line} {where}, and every process could see the token; delete the line, rotate the token, and next "
        "time let login ask for it, or use --token -"
    )


def _shell() -> str:
    name = os.path.basename(os.environ.get("SHELL", ""))
    return f"{name}, which writes it to its file by the time it ends" if name else "your shell"


def _warn_of_hiding(way: Approach, secret: Secret, address: str) -> None:
    """A variable that hides the fresh login: the trap that costs people an hour."""
    from tokenguard.app.typed import visible_prefix
    from tokenguard.cli.main import complain
    from tokenguard.config.credentials import TOKEN_VARIABLE, token_of
    from tokenguard.config.keys import SERVER

    variable = os.environ.get(TOKEN_VARIABLE, "").strip()
    if variable:
        other = token_of(variable, TOKEN_VARIABLE)
        if other.sha256() != secret.sha256():
            complain(
                f"{TOKEN_VARIABLE} is set, to another token ({visible_prefix(other, way.ruleset)}), and hides this "
                f"login; unset {TOKEN_VARIABLE}"
            )
    servers = (each for each in (*way.access.servers, *way.access.hidden_servers) if each.where == SERVER.variable)
    for each in servers:
        if each.value != address:
            complain(f"{SERVER.variable} is set, to {each.value}, and hides this login; unset {SERVER.variable}")
            return
