"""The real server on loopback, over a store of its own, for commands that speak to one."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tokenguard.model.secret import Secret
from tokenguard.model.service import TokenService
from tokenguard.model.token import NewToken
from tokenguard.ruleset.assemble import load_builtin
from tokenguard.server.run import Server, bound, configuration
from tokenguard.server.settings import ServerSettings
from tokenguard.store.initialise import FirstAdmin, initialise
from tokenguard.store.pepper import make_pepper_file

ADMIN = "admin@example.org"


@dataclass(frozen=True, slots=True)
class Served:
    """A running server; `service` is its store, asked directly by whoever may everything."""

    url: str
    admin: str = field(repr=False)
    """The first admin's token."""
    service: TokenService

    def token_of(self, email: str, *scopes: str) -> str:
        """A token of a user of the server."""
        made = self.service.create_token(NewToken(f"of {email}", scopes=scopes, owner=email))
        assert made.token is not None
        return text_of(made.token)


def text_of(token: Secret) -> str:
    return token.reveal().decode()


@contextmanager
def served(folder: Path) -> Iterator[Served]:
    """A server with a store in `folder`, until the end of the block."""
    store, first = initialise(
        folder / "server.db",
        peppers=make_pepper_file(folder / "pepper"),
        ruleset=load_builtin(),
        admin=FirstAdmin(ADMIN, "Ada Admin"),
    )
    assert first is not None
    assert first.token is not None
    settings = ServerSettings(port=0, rate_limits=False)
    started = threading.Event()
    with bound(settings) as listening:
        server = Server(configuration(store, settings, io.StringIO().write), started.set)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            assert started.wait(60)
            url = f"http://127.0.0.1:{listening.getsockname()[1]}"
            yield Served(url, text_of(first.token), store.acting(store.local("test")))
        finally:
            server.should_exit = True
            thread.join(60)
