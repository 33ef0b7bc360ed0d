"""`tokenguard whoami`: whose token is used where, and which other source it hides."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from tokenguard.cli.group import examples
from tokenguard.cli.service import Connection, connected, service_options

if TYPE_CHECKING:
    from tokenguard.model.people import Identity


@click.command(epilog=examples("tokenguard whoami", "tokenguard whoami --json"))
@service_options
def whoami(**options: Any) -> None:
    """Show account, role and scopes, and where server and token come from.

    A flag comes first, then TOKENGUARD_SERVER and TOKENGUARD_TOKEN, then the configuration and the login file. What of
    these is set to something else and does not count is named.
    """
    from tokenguard.cli.main import complain

    with connected(**options) as store:
        identity = store.service.whoami()
        if store.as_json:
            store.screen.json(_document(store, identity))
            return
        _show(store, identity)
        for hidden in _hidden(store):
            another = f"another {hidden['what']}" if store.way.access.server else "a token"
            why = "which does not count" if store.way.access.server else "which the embedded store does not ask for"
            complain(f"{hidden['where']}: says {another} ({hidden['value']}), {why}")


def _show(store: Connection, identity: Identity) -> None:
    from tokenguard.cli.record import identity_lines

    server, token = store.way.access.server, store.way.access.token
    rows = [*identity_lines(identity)]
    if server is None:
        rows.append(("store", "embedded, on this machine: whoever can read it is its admin"))
    else:
        rows.append(("server", f"{server.value} (from {server.where})"))
        rows.append(("token from", token.where if token is not None else "nowhere"))
    store.screen.table(rows)


def _document(store: Connection, identity: Identity) -> dict[str, Any]:
    from tokenguard.model.wire import to_json

    server, token = store.way.access.server, store.way.access.token
    shown: dict[str, Any] = to_json(identity)
    return shown | {
        "server": None if server is None else {"url": server.value, "from": server.where},
        "token_from": None if server is None or token is None else token.where,
        "hidden": list(_hidden(store)),
    }


def _hidden(store: Connection) -> Iterator[dict[str, str]]:
    """What was said and does not count, strongest first."""
    from tokenguard.app.typed import visible_prefix

    access = store.way.access
    for server in access.hidden_servers:
        yield {"what": "server", "where": server.where, "value": server.value}
    # On the embedded store no token counts at all.
    for token in access.hidden_tokens if access.server is not None else access.tokens:
        yield {"what": "token", "where": token.where, "value": visible_prefix(token.value, store.way.ruleset)}
