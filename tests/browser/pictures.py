"""Takes the pictures of the dashboard that the documents show, over a store with half a year of made-up history.

PYTHONPATH=tests python -m browser.pictures docs/images
"""

from __future__ import annotations

import random
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page

from browser import chromium
from server.serving import ADMIN, Api, new_token, running, sha256
from stores import TestClock
from tokenguard.config.server_file import default_policies
from tokenguard.model.people import User
from tokenguard.model.revocation import Target
from tokenguard.model.token import Created, NewToken
from tokenguard.ruleset.assemble import load_builtin
from tokenguard.store.clock import DAY, HOUR, moment, wall_clock
from tokenguard.store.initialise import FirstAdmin, initialise
from tokenguard.store.pepper import make_pepper_file
from tokenguard.store.service import StoreService
from tokenguard.store.store import Store

_SIZE = {"width": 1280, "height": 800}
_DAYS = 190
_FAMILY = "keebai-api-key"
_PEOPLE = (
    ("Ada Moreau", "developer"),
    ("Noa Lindqvist", "developer"),
    ("Kim Sato", "developer"),
    ("Riley Okafor", "responder"),
)
_OWNERS = 3
"""How many of them own tokens: the first."""
_NAMES = ("shop, order messages", "CI of the shop", "billing, reminders", "laptop", "newsletter", "data export")
_PLACES = ("conf/app.env", "deploy/values.yaml", ".env", "notebooks/export.ipynb", "scripts/send.sh")


class History:
    """What happened in the store, day by day."""

    def __init__(self, store: Store, clock: TestClock) -> None:
        self._store, self._clock = store, clock
        self._draw = random.Random(7)  # noqa: S311 - a story, no secret
        self._local: StoreService = store.acting(store.local("setup"))
        self._users: list[User] = []
        self._live: list[Created] = []

    def happen(self) -> None:
        """All of it."""
        for name, role in _PEOPLE:
            email = f"{name.split()[0].lower()}@example.org"
            self._users.append(self._local.create_user(email=email, name=name, role=role, plan="SCALE"))
        end = wall_clock()
        for day in range(_DAYS):
            self._clock.turn(days=1)
            if self._clock() > end - 5 * DAY:
                break
            if day % 10 == 0:
                self._mint()
            for created in self._live:
                self._use(created, day)
            if day % 6 == 5 and self._draw.random() < 0.2 + day / _DAYS:
                self._leak(late=self._draw.random() < 0.3)
        self._clock.now = end - 3 * HOUR
        self._leak(late=None)
        self._clock.turn(seconds=3000)
        self._leak(late=None)
        self._clock.now = end

    def _mint(self) -> None:
        owner = self._users[len(self._live) % _OWNERS]
        days = self._draw.choice((None, 180))
        new = NewToken(
            self._draw.choice(_NAMES),
            family=_FAMILY,
            owner=owner.id,
            scopes=("messages:send",),
            expires_in_days=days,
            never_expires=days is None,
        )
        self._live.append(self._local.create_token(new))

    def _use(self, created: Created, day: int) -> None:
        assert created.token is not None
        often = 1 + sum(created.record.id.encode()) % 7
        if often < 6 and day % often == 0:
            self._store.authenticate(created.token, address=f"192.0.2.{often}", agent="shop/2.1")
            self._store.flush_uses()

    def _leak(self, *, late: bool | None) -> None:
        """One more leak. `late`: whether its token lives on for days; None: it lives still."""
        owner = self._users[self._draw.randrange(_OWNERS)]
        new = NewToken(self._draw.choice(_NAMES), family=_FAMILY, owner=owner.id, scopes=("messages:send",))
        created = self._local.create_token(new)
        assert created.token is not None
        value = created.token.reveal().decode()
        commit = f"{self._draw.getrandbits(160):040x}"
        finding = {"rule_id": _FAMILY, "prefix": value[:12], "token_sha256": sha256(value), "fingerprint": commit[:32]}
        place = {"source": "tokenguard", "path": self._draw.choice(_PLACES), "commit": commit, "line": 3, "column": 1}
        seen = {"finding": finding | {"locations": [place]}, "seen_at": moment(self._clock()).isoformat()}
        (match,) = self._local.report_leaks(
            seen | {"url": f"https://git.example/shop/blob/{commit[:12]}/{place['path']}"}
        )
        if late is None:
            self._store.authenticate(created.token, address="203.0.113.7", agent="curl/8")
            self._store.flush_uses()
            return
        self._clock.turn(seconds=self._draw.choice((20, 900, 7200)), days=3 if late else 0)
        self._local.revoke([Target(id=created.record.id)], reason="leaked")
        self._local.resolve_leak(match.id, "revoked, history rewritten")


@contextmanager
def _served(folder: Path) -> Iterator[Api]:
    clock = TestClock(wall_clock() - _DAYS * DAY)
    store, _ = initialise(
        folder / "store.db",
        peppers=make_pepper_file(folder / "pepper"),
        ruleset=load_builtin(),
        policies=default_policies(),
        admin=FirstAdmin(ADMIN, "Sam Admin"),
        clock=clock,
    )
    History(store, clock).happen()
    with running(store, new_token(store, *store.context.permissions)) as api:
        yield api


def _take(page: Page, api: Api, folder: Path) -> None:
    leak = api.get("/api/v1/leaks")["leaks"][0]["id"]
    role = next(each["id"] for each in api.get("/api/v1/roles")["roles"] if each["name"] == "responder")
    user = next(each["id"] for each in api.get("/api/v1/users")["users"] if each["name"].startswith("Ada"))
    pages = {
        "keys": "/tokens?everyone=yes",
        "new-key": "/tokens/new",
        "leaks": "/leaks",
        "leak": f"/leaks/{leak}",
        "charts": "/charts",
        "users": "/users",
        "user": f"/users/{user}",
        "roles": "/roles",
        "role": f"/roles/{role}",
        "audit": "/audit",
    }
    for name, path in pages.items():
        page.goto(api.url + path)
        page.screenshot(path=folder / f"{name}.png", full_page=name == "charts")
    page.set_viewport_size({"width": 360, "height": 740})
    page.emulate_media(color_scheme="dark")
    page.goto(api.url + "/leaks")
    page.screenshot(path=folder / "leaks-narrow-dark.png")


def main() -> None:
    """Take them."""
    executable = chromium.program()
    if executable is None:
        raise SystemExit("Chromium is not installed")
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        _served(Path(folder)) as api,
        chromium.launched(executable) as browser,
        chromium.person(browser, api, viewport=_SIZE) as person,
    ):
        person.open("/sign-in")
        person.page.screenshot(path=target / "sign-in.png")
        person.sign_in(api.admin)
        _take(person.page, api, target)


if __name__ == "__main__":
    main()
