"""`tokenguard logout`: forget the token that login kept."""

from __future__ import annotations

import os

import click

from tokenguard.cli.group import examples


@click.command(epilog=examples("tokenguard logout", "tokenguard logout --server https://tokens.example.org"))
@click.option("--server", metavar="URL", help="The server. Default: the one that was logged in to last.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def logout(server: str | None, as_json: bool) -> None:  # noqa: FBT001 - click's way
    """Forget the token that login kept for a server. The token lives on: to end it, revoke it."""
    import json

    from tokenguard.app.typed import visible_prefix
    from tokenguard.cli.main import complain
    from tokenguard.config.credentials import TOKEN_VARIABLE, login_file, read_logins, server_address, write_logins
    from tokenguard.errors import UsageError
    from tokenguard.ruleset.assemble import load_builtin

    path = login_file(os.environ)
    logins = read_logins(path) if path is not None else None
    address = server_address(server, "--server") if server is not None else logins.current if logins else None
    if path is None or logins is None or address is None or address not in logins.tokens:
        raise UsageError(f"no login is kept{f' for {address}' if address else ''}")
    shown = visible_prefix(logins.tokens[address], load_builtin())
    write_logins(path, logins.without(address))
    if as_json:
        click.echo(json.dumps({"server": address, "token": shown}, ensure_ascii=False, indent=2))
    else:
        click.echo(f"forgot the token {shown} for {address}; it lives on until it is revoked")
    if os.environ.get(TOKEN_VARIABLE):
        complain(f"{TOKEN_VARIABLE} is set and still signs in; unset it too")
