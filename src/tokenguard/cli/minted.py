"""Hand over a token that was minted just now: alone on standard output, once; all else goes to standard error."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from tokenguard.cli.main import complain, tell
from tokenguard.cli.record import when
from tokenguard.errors import OutputError
from tokenguard.model.token import Created, TokenRecord
from tokenguard.model.wire import to_json

if TYPE_CHECKING:
    from tokenguard.cli.service import Connection

INCOMPLETE = 3


def show_minted(
    store: Connection, created: Created, *, replaced: TokenRecord | None = None, grace: timedelta = timedelta()
) -> int:
    """Print the raw token (or the API's answer with it), and what it is; the exit code.

    Raises:
        OutputError: it was made, and could not be written: nobody has it.
    """
    record = created.record
    if created.token is None:
        complain(
            f"{record.prefix} ({record.id}) was made, but the answer with the token was lost; "
            f"get another one: tokenguard token rotate {record.id}"
        )
        return INCOMPLETE
    raw = created.token.reveal().decode("ascii")
    try:
        _write(store, created, raw)
    except OSError as error:
        raise OutputError(
            f"{record.prefix} ({record.id}) was made, but could not be written ({error.strerror or 'closed'})",
            remedy=f"get another one: tokenguard token rotate {record.id}",
        ) from None
    _tell_of(record, replaced, grace)
    return 0


def _write(store: Connection, created: Created, raw: str) -> None:
    if sys.stdout is None:
        raise OSError("standard output is closed")
    if store.as_json:
        store.screen.json(to_json(Created(created.record, None)), revealed={"token": raw})
    else:
        click.echo(raw)
    sys.stdout.flush()


def _tell_of(record: TokenRecord, replaced: TokenRecord | None, grace: timedelta) -> None:
    scopes = ", ".join(record.scopes) or "none"
    tell(f"token {record.prefix}… ({record.id}) '{record.name}', a {record.family}")
    tell(f"scopes: {scopes}; expires: {when(record.expires_at, 'never')}")
    if replaced is not None:
        until = f"lives until {when(record.created_at + grace)} at most" if grace else "is refused from now on"
        tell(f"its predecessor {replaced.prefix}… ({replaced.id}) {until}")
    if sys.stdout.isatty():
        tell("it is shown this once: put it where the program that needs it can read it, and nobody else")
