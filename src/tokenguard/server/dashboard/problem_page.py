"""What goes wrong, as a page for people; for programs it is `tokenguard.server.problems`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokenguard.server.body import header

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import Scope

    from tokenguard.server.dashboard.pages import Pages
    from tokenguard.server.dashboard.visit import Visit
    from tokenguard.server.problems import Problem
    from tokenguard.store.sessions import Session

_FOR_PROGRAMS = ("/api/", "/oauth/", "/webhooks/", "/static/")
_TITLES = {
    401: "You are not signed in",
    403: "You may not do this",
    404: "Not found",
    405: "Not this way",
    409: "That is in the way of something",
    413: "Too much at once",
    422: "Something is not right with that",
    429: "Too many requests",
    500: "A fault of ours",
    503: "The store does not answer now",
}


def wants_page(scope: Scope) -> bool:
    """Whether a person looks at the answer."""
    return not scope["path"].startswith(_FOR_PROGRAMS) and b"text/html" in (header(scope, b"accept") or b"")


def _missing(problem: Problem, visit: Visit | None) -> tuple[tuple[str, str], ...]:
    """Each permission that is missing, and what to do about it."""
    if problem.code != "INSUFFICIENT_SCOPE" or visit is None or visit.session is None:
        return ()
    return tuple((each, _advice(each, visit.session)) for each in problem.extra.get("missing", ()))


def _advice(permission: str, session: Session) -> str:
    if permission not in session.permitted:
        return f"Ask an admin to add it to your role, {session.role}, or to give you a role that has it."
    if permission not in session.permitted_then:
        return "Your role has it since you signed in: sign out, and in again."
    return "Your role has it, the token that you signed in with does not: sign in with one that has it as a scope."


def problem_page(pages: Pages, problem: Problem, visit: Visit | None = None) -> Response:
    """The page. `visit`: for who is signed in."""
    values = {
        "problem": problem,
        "title": _TITLES.get(problem.status, problem.phrase),
        "missing": _missing(problem, visit),
    }
    if visit is None:
        response = pages.page("problem.html", session=None, csrf="", path="", status=problem.status, **values)
    else:
        response = visit.page("problem.html", problem.status, **values)
    # WWW-Authenticate would make some browsers ask for a password.
    response.headers.update({name: value for name, value in problem.headers.items() if name != "WWW-Authenticate"})
    return response
