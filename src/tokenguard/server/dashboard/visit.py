"""One visit to a page: who comes, with what, and every check before the view's own function is called.

A view is a plain function from Visit to Response that may wait for the store; it runs in a thread.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.routing import Match, Route

from tokenguard.errors import RefusedError, StoreError
from tokenguard.server.body import FORM_TYPE, read_body, require_type
from tokenguard.server.dashboard import csrf, forms
from tokenguard.server.dashboard.forms import Form
from tokenguard.server.dashboard.pages import redirect
from tokenguard.server.dashboard.problem_page import problem_page
from tokenguard.server.problems import Problem, ProblemError, problem_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import Scope

    from tokenguard.model.secret import Secret
    from tokenguard.model.service import TokenService
    from tokenguard.server.dashboard.brake import Turn
    from tokenguard.server.dashboard.dashboard import Dashboard
    from tokenguard.store.overview import Overview
    from tokenguard.store.sessions import Session

SIGN_IN = "/sign-in"
OVER = Problem(401, "nobody is signed in here any more; nothing was done", "SESSION_OVER")


@dataclass(frozen=True, slots=True)
class Visit:
    """What a view has to work with."""

    dashboard: Dashboard
    scope: Scope
    query: Form
    form: Form
    """Empty for GET."""
    cookie: Secret | None = None
    session: Session | None = None

    @property
    def signed_in(self) -> Session:
        """Whoever is signed in. A view that is not open to everybody has somebody."""
        if self.session is None:
            raise ProblemError(OVER)
        return self.session

    @property
    def service(self) -> TokenService:
        """The store on their behalf."""
        return self.dashboard.admission.store.acting(self.signed_in.actor)

    @property
    def overview(self) -> Overview:
        """What they may look at beside single records."""
        return self.dashboard.admission.store.overview(self.signed_in.actor)

    @property
    def path(self) -> str:
        """The path, with its query as it is read."""
        return str(self.scope["path"]) + self.query.query()

    def part(self, name: str) -> str:
        """A part of the path."""
        return str(self.scope["path_params"][name])

    def may(self, permission: str) -> bool:
        """Whether whoever is signed in has that right."""
        return self.session is not None and self.session.actor.may(permission)

    def page(self, template: str, status: int = 200, **values: Any) -> Response:
        """A page of that template. It has `session`, `csrf`, `path` and `navigation` beside `values`."""
        return self.dashboard.pages.page(
            template,
            session=self.session,
            csrf="" if self.cookie is None else csrf.token_of(self.cookie),
            path=self.scope["path"],
            status=status,
            **values,
        )


View = Callable[[Visit], "Response"]


class ViewRoute(Route):
    """A route that names itself to the gate, which counts by route."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether it is for this request."""
        match, child = super().matches(scope)
        return match, child if match is Match.NONE else {**child, "route": self}


class Views:
    """The views of one file: `@VIEWS.show("/tokens")` for GET, `@VIEWS.act("/tokens/new")` for POST."""

    def __init__(self) -> None:
        self.routes: list[Route] = []

    def show(self, path: str, *, open_to_all: bool = False) -> Callable[[View], View]:
        """A page that changes nothing."""
        return self._view(path, "GET", open_to_all=open_to_all)

    def act(self, path: str, *, open_to_all: bool = False, braked: bool = False) -> Callable[[View], View]:
        """What a form does. `braked`: who fails at it again and again from one address has to wait."""
        return self._view(path, "POST", open_to_all=open_to_all, braked=braked)

    def _view(self, path: str, method: str, *, open_to_all: bool, braked: bool = False) -> Callable[[View], View]:
        def declare(view: View) -> View:
            async def endpoint(request: Request) -> Response:
                dashboard: Dashboard = request.app.state.dashboard
                async with AsyncExitStack() as stack:
                    try:
                        visit = await _arrived(dashboard, request, method)
                        turn = await stack.enter_async_context(dashboard.brake.turn(request.scope)) if braked else None
                    except ProblemError as error:
                        return problem_page(dashboard.pages, error.problem)
                    response = await run_in_threadpool(_answered, view, visit, open_to_all=open_to_all)
                    return response if turn is None else _judged(turn, response, dashboard)

            route = ViewRoute(path, endpoint, methods=[method], name=view.__name__, include_in_schema=False)
            self.routes.append(route)
            return view

        return declare


def _judged(turn: Turn, response: Response, dashboard: Dashboard) -> Response:
    """What whoever may be guessing is told of an attempt."""
    if response.status_code == 303:
        turn.succeeded()
    elif response.status_code == 401 and turn.surplus is not None:
        return problem_page(dashboard.pages, turn.surplus.problem)
    return response


async def _arrived(dashboard: Dashboard, request: Request, method: str) -> Visit:
    """The request as it is read, before anybody looks who sent it."""
    scope = request.scope
    query = forms.parse(scope["query_string"])
    visit = Visit(dashboard, scope, query, Form(), dashboard.cookie.read(scope))
    if method == "GET":
        return visit
    csrf.check_origin(scope)
    require_type(scope, FORM_TYPE)
    body = await read_body(scope, request.receive, forms.BODY_LIMIT)
    return replace(visit, form=forms.parse(body))


def _answered(view: View, visit: Visit, *, open_to_all: bool) -> Response:
    """Who it is, whether they may send this form, and then the view; whatever is refused becomes a page."""
    try:
        visit = replace(visit, session=_session(visit))
        if visit.session is None and not open_to_all:
            return _to_sign_in(visit)
        if visit.session is not None:
            visit.dashboard.admission.limits.token(visit.session.actor)
            if visit.scope["method"] == "POST":
                _check_form(visit, open_to_all=open_to_all)
        return view(visit)
    except (ProblemError, RefusedError, StoreError) as error:
        return problem_page(visit.dashboard.pages, problem_of(error), visit)


def _session(visit: Visit) -> Session | None:
    if visit.cookie is None:
        return None
    admission, scope = visit.dashboard.admission, visit.scope
    return admission.store.sessions.find(visit.cookie, address=scope["address"], agent=admission.agent(scope))


def _check_form(visit: Visit, *, open_to_all: bool) -> None:
    # Signing in again is not an act of the session that there is.
    if visit.cookie is not None and not open_to_all:
        csrf.check_token(visit.cookie, visit.form.one(csrf.FIELD))


def _to_sign_in(visit: Visit) -> Response:
    if visit.scope["method"] == "POST":
        raise ProblemError(OVER)
    # A link on another site brings no SameSite=Strict cookie along; from a page of ours the same link does.
    if visit.cookie is None and visit.scope["fields"].get(b"sec-fetch-site") == b"cross-site":
        return visit.page("onward.html", onward=visit.path)
    return redirect(f"{SIGN_IN}?next={quote(visit.path, safe='')}" if visit.path != "/" else SIGN_IN)
