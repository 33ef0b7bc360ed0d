"""The dashboard of one server: what its views share, and its routes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokenguard.server.dashboard import (
    audit,
    charts,
    key_create,
    key_end,
    key_page,
    keys,
    leaks,
    roles,
    sign_in,
    users,
)
from tokenguard.server.dashboard.assets import Assets
from tokenguard.server.dashboard.brake import Brake
from tokenguard.server.dashboard.cookie import Cookie
from tokenguard.server.dashboard.counted import Counted
from tokenguard.server.dashboard.pages import Pages

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from tokenguard.server.admission import Admission

_OTHERS = (leaks.VIEWS, charts.VIEWS, users.VIEWS, roles.VIEWS, audit.VIEWS)
_VIEWS = (sign_in.VIEWS, keys.VIEWS, key_create.VIEWS, key_end.VIEWS, key_page.VIEWS, *_OTHERS)
"""In this order a path is looked for: `/tokens/new` before `/tokens/{id}`."""


class Dashboard:
    """Pages for people. It asks the store through the same service as the API."""

    def __init__(self, admission: Admission) -> None:
        self.admission = admission
        self.assets = Assets()
        self.pages = Pages(self.assets, admission.store.context.clock)
        settings = admission.settings
        # Whatever is served without TLS of our own or a proxy's is on this machine alone: `run.check_exposure`.
        self.cookie = Cookie(secure=bool(settings.tls_certificate or settings.behind_proxy))
        self.brake = Brake(on=settings.rate_limits)
        self.counted = Counted()

    def routes(self) -> list[BaseRoute]:
        """All of them."""
        return [self.assets.route(), *(route for views in _VIEWS for route in views.routes)]
