"""`tokenguard serve`: a token store behind HTTP. The server itself is `tokenguard.server`."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tokenguard.app.embedded import extra_missing, pepper_file, store_place, user_name
from tokenguard.cli.group import examples
from tokenguard.cli.service import way_of
from tokenguard.cli.sign_in_link import browser, link, show
from tokenguard.errors import StoreError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokenguard.store.store import Store

_SERVER_EXTRA = frozenset(
    {"cryptography", "fastapi", "httptools", "prometheus_client", "pydantic", "starlette", "uvicorn"}
)


@click.command(
    epilog=examples(
        "tokenguard serve",
        "tokenguard serve --open",
        "tokenguard serve --host 0.0.0.0 --tls-cert server.pem --tls-key server.key",
        "tokenguard serve --host 10.0.0.5 --behind-proxy 1 --config tokenguard.server.yaml",
    )
)
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8787, show_default=True, help="0: any free one.")
@click.option("--config", type=click.Path(path_type=Path), metavar="FILE", help="Policies: limits, lifetimes, rates.")
@click.option(
    "--behind-proxy",
    type=click.IntRange(0, 16),
    default=0,
    metavar="N",
    help="N proxies stand before it, the outermost has TLS; so many addresses of X-Forwarded-For are believed.",
)
@click.option("--tls-cert", type=click.Path(path_type=Path), metavar="FILE", help="The certificate and its chain, PEM.")
@click.option("--tls-key", type=click.Path(path_type=Path), metavar="FILE", help="Its key, PEM, without a password.")
@click.option("--access-log/--no-access-log", default=True, help="Log a line for each request.", show_default=True)
@click.option("--open", "sign_in", is_flag=True, help="Print and open a one-time link that signs you in, as its admin.")
@click.option(
    "--rules",
    "more",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Rule file or folder with further families; repeatable.",
)
def serve(  # noqa: PLR0913, PLR0917 - each is an option
    host: str,
    port: int,
    config: Path | None,
    behind_proxy: int,
    tls_cert: Path | None,
    tls_key: Path | None,
    access_log: bool,  # noqa: FBT001 - click's way
    sign_in: bool,  # noqa: FBT001
    more: tuple[Path, ...],
) -> None:
    """Serve the token store over HTTP (docs/api.md), until SIGTERM or Ctrl-C; running requests are finished.

    The store is that of `tokenguard store`. An address that others can reach needs TLS, or a proxy that has it. Prints
    one line when it is ready; logs JSON to standard error.
    """
    try:
        from tokenguard.server.run import check_certificate, check_exposure
        from tokenguard.server.run import serve as run
        from tokenguard.server.settings import ServerSettings

        settings = ServerSettings(
            host=host,
            port=port,
            behind_proxy=behind_proxy,
            tls_certificate=tls_cert,
            tls_key=tls_key,
            access_log=access_log,
        )
        check_exposure(settings)
        check_certificate(settings)
        store = _store(config, more)
    except ModuleNotFoundError as error:
        raise _missing(error) from None
    with store:
        if not sign_in:
            run(store, settings, sys.stderr, _ready)
            return
        with browser(store.context.policies.secret_variables) as open_address:
            run(store, settings, sys.stderr, lambda url: _signing_in(store, url, open_address))


def _store(config: Path | None, more: tuple[Path, ...]) -> Store:
    from tokenguard.config.server_file import policies_for
    from tokenguard.store.pepper import peppers_for
    from tokenguard.store.store import Store

    place = store_place(os.environ)
    if isinstance(place, Path) and not place.exists():
        raise StoreError(f"there is no token store yet ({place})", remedy="make one: tokenguard store init")
    way = way_of(None, None, more)
    return Store.open(
        place,
        peppers=peppers_for(os.environ, pepper_file(os.environ)),
        ruleset=way.ruleset,
        policies=policies_for(config or way.policies, way.ruleset),
    )


def _ready(url: str) -> None:
    # Whoever read this line may be gone by now, and the server is not for them alone.
    with suppress(OSError):
        click.echo(f"listening on {url}")


def _signing_in(store: Store, url: str, open_address: Callable[[str], None]) -> None:
    _ready(url)
    code = store.sessions.new_link(store.local(user_name(os.environ)))
    address = link(url, code)
    show(address)
    open_address(address)


def _missing(error: ModuleNotFoundError) -> Exception:
    if (error.name or "").partition(".")[0] in _SERVER_EXTRA:
        return UsageError("serving needs FastAPI and uvicorn", remedy="install tokenguard's extra `server`")
    return extra_missing(error)
