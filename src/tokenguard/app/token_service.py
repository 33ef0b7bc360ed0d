"""The token store that a person's commands speak to: the embedded one, or the server that is configured.

Both are the same TokenService. The embedded store is made silently where a command is about to put something into it.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokenguard.app.ruleset import rules_for
from tokenguard.app.sight import of_user
from tokenguard.config.credentials import Access, Given, access, login_file
from tokenguard.config.keys import SERVER
from tokenguard.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from tokenguard.model.rule import RuleSet
    from tokenguard.model.secret import Secret
    from tokenguard.model.service import TokenService


@dataclass(frozen=True, slots=True)
class Approach:
    """Which store is spoken to and as whom, and the rules that its families come from."""

    access: Access
    ruleset: RuleSet
    policies: Path | None = None
    """The server's configuration that the store on this machine goes by; None: the defaults."""
    notes: tuple[str, ...] = ()
    """What of the configuration was left unheeded, one line each."""

    @property
    def embedded(self) -> bool:
        """Whether it is the store on this machine."""
        return self.access.server is None


def approach(
    environ: Mapping[str, str],
    *,
    server: str | None = None,
    token: Secret | None = None,
    rules: Sequence[Path] = (),
) -> Approach:
    """What the flags, the environment, the user's configuration and the login file say together.

    Raises:
        UsageError: a URL that no token may be sent to, or a token that cannot be one.
        ConfigError, RuleError: a file of the user's is wrong.
    """
    settings = of_user(environ).settings({"rules": tuple(rules)})
    places = (setting.provenance.where for setting in settings.origins if setting.key == SERVER.name)
    configured = Given(settings.server, next(places, "configuration")) if settings.server else None
    said = access(
        server_flag=server, token_flag=token, configured=configured, environ=environ, file=login_file(environ)
    )
    return Approach(said, rules_for(settings), settings.policies, settings.notes)


@contextmanager
def open_service(way: Approach, environ: Mapping[str, str], *, make: bool = False) -> Iterator[TokenService]:
    """The store, ready for calls; closed at the end. `make`: an embedded store that is missing is made.

    Raises:
        UsageError: no login for the server, or the extra for the embedded store is not installed.
        ConfigError: the policies of the embedded store are wrong.
        StoreError: there is no embedded store yet, it is broken or too new.
    """
    server, token = way.access.server, way.access.token
    if server is None:
        from tokenguard.app.embedded import open_embedded

        with open_embedded(environ, way.ruleset, policies=way.policies, make=make) as service:
            yield service
        return
    if token is None:
        raise UsageError(f"not logged in at {server.value}", remedy=f"run: tokenguard login --server {server.value}")
    from tokenguard.respond.client import Client

    client = Client(server.value, token.value)
    try:
        yield client
    finally:
        client.close()
