"""A real server on a real socket, for tests: uvicorn in a thread, over a store of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import requests

from tokenguard.config.server_file import default_policies
from tokenguard.model.policy import Policies
from tokenguard.model.secret import Secret
from tokenguard.model.token import NewToken
from tokenguard.ruleset.assemble import load_builtin
from tokenguard.server.run import Server, bound, configuration
from tokenguard.server.settings import ServerSettings
from tokenguard.store.initialise import FirstAdmin, initialise
from tokenguard.store.pepper import make_pepper_file
from tokenguard.store.store import Store

ADMIN = "admin@example.org"
SETTINGS = ServerSettings(port=0)
UNLIMITED = replace(SETTINGS, rate_limits=False)
_PATIENCE = 20


@dataclass(frozen=True)
class Api:
    """A server that is running, and its store."""

    url: str
    store: Store
    admin: str = field(repr=False)
    """A token that may everything."""
    log: list[str]

    def ask(
        self, method: str, path: str, *, token: str | None = "", headers: dict[str, str] | None = None, **more: Any
    ) -> requests.Response:
        """One request; as the admin unless `token` says otherwise, None: without a credential."""
        sent = dict(headers or {})
        if token is not None:
            sent.setdefault("Authorization", f"Bearer {token or self.admin}")
        return requests.request(method, self.url + path, headers=sent, timeout=_PATIENCE, allow_redirects=False, **more)

    def get(self, path: str, **more: Any) -> Any:
        """The JSON under a path, which must be there."""
        answer = self.ask("GET", path, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: Any, status: int = 201, **more: Any) -> Any:
        """The JSON answered to JSON."""
        answer = self.ask("POST", path, json=body, **more)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    def user(self, name: str, *permissions: str) -> str:
        """A new user with a role of these permissions; their address."""
        self.post("/api/v1/roles", {"name": f"role of {name}", "permissions": list(permissions)})
        email = f"{name}@example.org"
        self.post("/api/v1/users", {"email": email, "name": name, "role": f"role of {name}"})
        return email

    def mint(self, owner: str = ADMIN, *scopes: str, **more: Any) -> tuple[str, str]:
        """Id and value of a new token of anybody's."""
        made = self.post("/api/v1/tokens", {"name": "a token", "owner": owner, "scopes": list(scopes), **more})
        return made["id"], made["token"]

    def dead(self, token: str) -> bool:
        """Whether a token is refused."""
        return self.ask("GET", "/api/v1/auth/me", token=token).status_code == 401


def make_store(place: str | Path, folder: Path, policies: Policies | None = None) -> tuple[Store, str]:
    """A new store, its pepper in `folder`, and its admin's token."""
    store, created = initialise(
        place,
        peppers=make_pepper_file(folder / "pepper"),
        ruleset=load_builtin(),
        policies=policies or default_policies(),
        admin=FirstAdmin(ADMIN),
    )
    assert created is not None
    # The first admin's own token has no product scopes, and so could mint none that has.
    return store, new_token(store, *store.context.permissions)


@contextmanager
def serving(
    place: str | Path, folder: Path, settings: ServerSettings = UNLIMITED, policies: Policies | None = None
) -> Iterator[Api]:
    """A server over a new store."""
    store, admin = make_store(place, folder, policies)
    with running(store, admin, settings) as api:
        yield api


@contextmanager
def running(store: Store, admin: str, settings: ServerSettings = UNLIMITED) -> Iterator[Api]:
    """A server over a store, which it closes."""
    log: list[str] = []
    started = threading.Event()
    with bound(settings) as listening:
        server = Server(configuration(store, settings, log.append), started.set)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            assert started.wait(_PATIENCE)
            yield Api(f"http://127.0.0.1:{listening.getsockname()[1]}", store, admin, log)
        finally:
            server.should_exit = True
            thread.join(_PATIENCE)
            assert not thread.is_alive()


def new_token(store: Store, *scopes: str, owner: str = ADMIN, **more: Any) -> str:
    """A token that was minted in the store, past the server."""
    created = store.acting(store.local("test")).create_token(NewToken("a token", scopes=scopes, owner=owner, **more))
    assert created.token is not None
    return created.token.reveal().decode()


def sha256(token: str) -> str:
    """The token's exact name."""
    return Secret(token.encode()).sha256()
