"""Searches come by POST and go on with GET: people paste whole tokens into any field, and no address may hold one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokenguard.server.dashboard.csrf import FIELD
from tokenguard.server.dashboard.pages import redirect
from tokenguard.store.texts import ELLIPSIS, TokenSieve

if TYPE_CHECKING:
    from starlette.responses import Response

    from tokenguard.server.dashboard.visit import Visit

_LONGEST = 400


def searched(visit: Visit, path: str) -> Response:
    """On to the page at `path` with what was looked for; a field that holds a token is left out."""
    sieve = TokenSieve(visit.dashboard.admission.store.context.ruleset)
    changes: dict[str, str | None] = {FIELD: None}
    for name in visit.form.fields:
        text = visit.form.one(name)[:_LONGEST]
        changes.setdefault(name, None if sieve.holds_token(text) or ELLIPSIS in sieve.kept(text, _LONGEST) else text)
    return redirect(path + visit.form.query(**changes))
