"""What the commands around the token store share: where it is, as whom it is asked, and how answers are shown."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from tokenguard.app.conceal import Concealer
from tokenguard.app.token_reference import Reference, reference
from tokenguard.app.token_service import Approach, approach, open_service
from tokenguard.cli.main import complain
from tokenguard.cli.show import Screen
from tokenguard.config.credentials import token_of
from tokenguard.errors import RefusedError, UsageError
from tokenguard.model.secret import Secret
from tokenguard.model.service import TokenService
from tokenguard.model.wire import to_json

F = TypeVar("F", bound=Callable[..., Any])

STANDARD_INPUT = "-"
_LONGEST = 1 << 16

_OPTIONS = (
    click.option(
        "--server", metavar="URL", help="The store's server. Default: as configured, else the embedded store."
    ),
    click.option("--token", metavar="TOKEN|-", help="The token to sign in with; '-' reads it from standard input."),
    click.option(
        "--rules",
        "more",
        type=click.Path(path_type=Path),
        multiple=True,
        help="Further rule file or folder; repeatable.",
    ),
    click.option("--json", "as_json", is_flag=True, help="Print JSON."),
)


def service_options(command: F) -> F:
    """Add the options that say where the store is and how answers are shown; `connected` takes their values."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True)
class Connection:
    """A store that is open for one command, and the screen for its answers."""

    service: TokenService
    way: Approach
    screen: Screen
    as_json: bool
    named: tuple[Reference, ...] = ()
    """The tokens that the command line names, in its order."""

    def show(self, value: object, rows: Callable[[], Sequence[Sequence[str]]]) -> None:
        """One value: as the API's JSON, or in rows for people."""
        if self.as_json:
            self.screen.json(value if isinstance(value, dict) else to_json(value))
        else:
            self.screen.table(rows())


@contextmanager
def connected(  # noqa: PLR0913 - the options of service_options, each by its name
    *,
    server: str | None,
    token: str | None,
    more: tuple[Path, ...],
    as_json: bool,
    make: bool = False,
    names: Sequence[str] = (),
) -> Iterator[Connection]:
    """The store that the options and the configuration name. `make`: an embedded one that is missing is made.

    `names`: what was typed to name tokens. A whole token among them is refused before anybody is asked.
    """
    way = way_of(server, None if token is None else given_token(token), more)
    named = tuple(reference(name, way.ruleset) for name in names)
    with open_service(way, os.environ, make=make) as service:
        try:
            yield Connection(service, way, Screen(Concealer(way.ruleset)), as_json, named)
        except RefusedError as error:
            raise _in_words(error, way) from None


_TYPED = {
    "name": "the name",
    "family": "--family",
    "scopes": "--scope",
    "expires_in_days": "--expires-in",
    "expires_at": "--expires-in",
    "never_expires": "--expires-in never",
    "owner": "--owner",
    "grace_seconds": "--grace",
    "permissions": "--permission",
    "email": "the address",
    "role": "--role",
    "plan": "--plan",
}
"""What a field of the API is called by whoever types a command."""
_FIELD = re.compile(r"/?([a-z_]+)(?:/[0-9]+)?:? ")


def _in_words(error: RefusedError, way: Approach) -> RefusedError:
    """A refusal as whoever typed the command reads it: by the names of its options, with what is to be done."""
    message, remedy = error.message, error.remedy
    if error.code == "UNAUTHORIZED":
        remedy = _which_token(way) or remedy
    elif error.code == "NOT_FOUND" and way.access.server is not None:
        message = f"{message} (at {way.access.server.value})"
    elif error.code == "VALIDATION" and (field := _FIELD.match(message)) and field[1] in _TYPED:
        message = f"{_TYPED[field[1]]}: {message[field.end() :]}"
    return RefusedError(
        error.code, message, remedy=remedy, required=error.required, missing=error.missing, pointers=error.pointers
    )


def _which_token(way: Approach) -> str:
    """Where a token that is not accepted comes from, and what it hides: no login mends a stale variable."""
    from tokenguard.app.typed import visible_prefix  # start-up time: only a refusal needs it

    given = way.access.token
    if given is None:
        return ""
    hides = "".join(f", and hides that of {each.where}" for each in way.access.hidden_tokens[:1])
    return f"it is {visible_prefix(given.value, way.ruleset)} from {given.where}{hides}; use one that is active"


def way_of(server: str | None, token: Secret | None, more: tuple[Path, ...]) -> Approach:
    """Which store, and as whom; what of the configuration was left unheeded is told."""
    way = approach(os.environ, server=server, token=token, rules=more)
    for note in way.notes:
        complain(note)
    return way


def given_token(text: str) -> Secret:
    """The token of an option's value: itself, or what standard input says where it is `-`."""
    return token_of(read_line(), "standard input") if text == STANDARD_INPUT else token_of(text, "--token")


def ask_token(what: str) -> Secret:
    """A token that nobody sees: from a hidden prompt where somebody sits at a terminal, else from standard input."""
    if sys.stdin is not None and sys.stdin.isatty():
        return token_of(click.prompt(what, hide_input=True, err=True, type=str).strip(), "the prompt")
    return token_of(read_line(), "standard input")


def read_line() -> str:
    """The one word of standard input.

    Raises:
        UsageError: there is none, or more than one.
    """
    if sys.stdin is None:
        raise UsageError("standard input is closed")
    data = sys.stdin.buffer.read(_LONGEST)
    lines = data.decode("utf-8", "replace").split()
    if len(lines) > 1:
        raise UsageError("standard input: more than one word", remedy="give nothing but the token")
    return lines[0] if lines else ""
