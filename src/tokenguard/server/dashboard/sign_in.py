"""Sign in with a token or a one-time link, sign out here or everywhere, and the page that says who one is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from starlette.responses import Response

from tokenguard.model.secret import Secret
from tokenguard.server.authentication import token_sent
from tokenguard.server.dashboard.headers import secured
from tokenguard.server.dashboard.pages import redirect
from tokenguard.server.dashboard.visit import SIGN_IN, Views

if TYPE_CHECKING:
    from tokenguard.server.dashboard.visit import Visit

VIEWS = Views()

_PATH = re.compile(r"/(?!/)[A-Za-z0-9\-._~/?=&%:+,@]{0,1000}")
"""A path of ours: a second slash, or a backslash, which browsers take for one, would name another host."""
_CODE = re.compile(r"[A-Za-z0-9_-]{43}")
_LONGEST_TOKEN = 512
_NO_TOKEN = "This token is not accepted. It may be mistyped, expired or revoked."  # noqa: S105 - no password
_NO_CODE = "This link was used already, or is older than five minutes. Start `tokenguard serve --open` again."


@VIEWS.show("/")
def start(visit: Visit) -> Response:
    """The first page there is."""
    del visit
    return redirect("/tokens")


@VIEWS.show(SIGN_IN, open_to_all=True)
def sign_in_page(visit: Visit) -> Response:
    """The form. Whoever is signed in may sign in as somebody else."""
    return visit.page("sign_in.html", onward=_onward(visit.query.one("next")), out=visit.query.has("out"), fault="")


@VIEWS.act(SIGN_IN, open_to_all=True, braked=True)
def sign_in(visit: Visit) -> Response:
    """Look the token up, and open a session that is bound to it."""
    admission, scope, given = visit.dashboard.admission, visit.scope, visit.form.one("token")
    token = token_sent(given[:_LONGEST_TOKEN])
    actor = admission.store.authenticate(token, address=scope["address"], agent=admission.agent(scope))
    if actor is None:
        return _refused(visit, _NO_TOKEN)
    # Each writes a session and an event: a token that may nothing else could fill the disk with them.
    admission.limits.token(actor)
    return _opened(visit, admission.store.sessions.open(actor))


@VIEWS.act("/sign-in/link", open_to_all=True, braked=True)
def sign_in_by_link(visit: Visit) -> Response:
    """Take a one-time link's code, which the page's script found behind the # of its own address."""
    admission, scope, given = visit.dashboard.admission, visit.scope, visit.form.one("code")
    if not _CODE.fullmatch(given):
        return _refused(visit, _NO_CODE)
    session = admission.store.sessions.open_by_link(
        Secret(given.encode()), address=scope["address"], agent=admission.agent(scope)
    )
    return _refused(visit, _NO_CODE) if session is None else _opened(visit, session)


@VIEWS.show("/account")
def account(visit: Visit) -> Response:
    """Who is signed in, and what they may."""
    return visit.page("account.html", identity=visit.service.whoami())


@VIEWS.act("/sign-out")
def sign_out(visit: Visit) -> Response:
    """End this session, or with `everywhere` all of this user's."""
    sessions, actor = visit.dashboard.admission.store.sessions, visit.signed_in.actor
    if visit.form.has("everywhere"):
        sessions.end_all(actor)
    elif visit.cookie is not None:
        sessions.end(visit.cookie, actor)
    response = redirect(f"{SIGN_IN}?out=yes")
    visit.dashboard.cookie.take(response)
    return response


@VIEWS.show("/signed-out.css", open_to_all=True)
def forget(visit: Visit) -> Response:
    """Nothing but a header, by which the browser forgets the pages that it keeps in memory to go back to.

    A style sheet, since that is asked for once the page before is in that memory, also where no script runs.
    """
    del visit
    return secured(Response(media_type="text/css", headers={"Clear-Site-Data": '"cache"'}))


def _refused(visit: Visit, fault: str) -> Response:
    visit.dashboard.admission.metrics.refused()
    return visit.page("sign_in.html", 401, onward=_onward(visit.form.one("next")), out=False, fault=fault)


def _opened(visit: Visit, session: Secret) -> Response:
    """On to where they wanted to go, with a cookie that nobody has seen before; the old session ends."""
    if visit.session is not None and visit.cookie is not None:
        visit.dashboard.admission.store.sessions.end(visit.cookie, visit.session.actor)
    response = redirect(_onward(visit.form.one("next")))
    visit.dashboard.cookie.give(response, session)
    return response


def _onward(path: str) -> str:
    """The path to go on to, if it is one of ours; else the start."""
    return path if _PATH.fullmatch(path) else "/"
