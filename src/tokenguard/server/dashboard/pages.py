"""Templates to pages. Everything that a template shows is escaped; the few helpers that it has are listed here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse, RedirectResponse, Response

from tokenguard.server.dashboard import times
from tokenguard.server.dashboard.events import happened
from tokenguard.server.dashboard.headers import secured
from tokenguard.server.dashboard.marks import marks_of
from tokenguard.store.actor import Permission

if TYPE_CHECKING:
    from tokenguard.server.dashboard.assets import Assets
    from tokenguard.store.clock import Clock
    from tokenguard.store.sessions import Session


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the navigation, shown to whoever may see its page."""

    path: str
    title: str
    permissions: tuple[str, ...] = ()
    """Any of these; none: everybody."""


NAVIGATION = (
    Entry("/tokens", "API keys"),
    Entry("/leaks", "Leaks", (Permission.RESPOND,)),
    Entry("/charts", "Charts", (Permission.MANAGE_TOKENS, Permission.RESPOND)),
    Entry("/users", "Users", (Permission.MANAGE_USERS,)),
    Entry("/roles", "Roles", (Permission.MANAGE_ROLES,)),
    Entry("/audit", "Audit", (Permission.READ_AUDIT,)),
)
"""In this order. A page is added here once it is there."""

PERMISSION_TITLES: dict[str, str] = {
    Permission.MANAGE_TOKENS: "Manage API Tokens",
    Permission.RESPOND: "Respond to Leaks",
    Permission.REPORT_LEAKS: "Report Leaks",
    Permission.INTROSPECT: "Check Tokens",
    Permission.MANAGE_USERS: "Manage Users",
    Permission.MANAGE_ROLES: "Manage Roles",
    Permission.READ_AUDIT: "Read the Audit",
}
"""A permission's name for people."""


class Pages:
    """Renders templates; one for all requests."""

    def __init__(self, assets: Assets, clock: Clock) -> None:
        self._clock = clock
        self._environment = Environment(
            loader=PackageLoader("tokenguard.server.dashboard"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.globals["asset"] = assets.url
        self._environment.globals["permission_title"] = permission_title
        self._environment.globals["marks_of"] = lambda record: marks_of(record, self.now())
        self._environment.filters["relative"] = lambda moment: times.relative(moment, self.now())
        self._environment.filters["exact"] = times.exact
        self._environment.filters["day"] = times.day
        self._environment.filters["machine"] = times.machine
        self._environment.filters["told"] = told
        self._environment.filters["happened"] = happened
        self._environment.filters["web_address"] = web_address

    def now(self) -> datetime:
        """The store's time."""
        return datetime.fromtimestamp(self._clock() / 1_000_000, UTC)

    def page(
        self, template: str, *, session: Session | None, csrf: str, path: str, status: int = 200, **values: Any
    ) -> Response:
        """A page with its headers. `session`: None: nobody is signed in; `csrf`: for its forms."""
        text = self._environment.get_template(template).render(
            session=session, csrf=csrf, path=path, navigation=_entries(session), **values
        )
        return secured(HTMLResponse(text, status))


def redirect(path: str) -> Response:
    """On to another page of ours, with GET."""
    return secured(RedirectResponse(path, 303))


def permission_title(permission: str) -> str:
    """A permission's name for people; a product's own scope has none but itself."""
    return PERMISSION_TITLES.get(permission, permission)


def told(value: object) -> str:
    """A value out of an event's detail, for people."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(told, value)) or "none"
    return "none" if value is None else str(value)


def web_address(text: str) -> str:
    """`text` where it can be linked to: an http or https address; else ""."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return ""
    return text if parts.scheme in {"http", "https"} and parts.netloc else ""


def _entries(session: Session | None) -> tuple[Entry, ...]:
    if session is None:
        return ()
    return tuple(each for each in NAVIGATION if not each.permissions or any(map(session.actor.may, each.permissions)))
