"""The token store on this machine: where it is, and how it is made and opened.

Whoever can read its file and its pepper is its admin; the audit names them as `local:<user>`.
"""

from __future__ import annotations

import os
import re
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tokenguard.config.places import data_folder
from tokenguard.config.server_file import policies_for
from tokenguard.errors import StoreError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tokenguard.model.policy import Policies
    from tokenguard.model.rule import RuleSet
    from tokenguard.model.service import TokenService
    from tokenguard.store.pepper import Peppers
    from tokenguard.store.store import Store

STORE_VARIABLE = "TOKENGUARD_STORE_URL"
_SCHEME = re.compile(r"[^/\\]{2,}:")
"""What a URL begins with, or a user with a password; a drive's letter is one character."""


def store_place(environ: Mapping[str, str]) -> str | Path:
    """The database's URL, or the path of its file.

    Raises:
        UsageError: the environment names neither it nor a home; a URL without its slashes, which is not repeated.
    """
    if said := environ.get(STORE_VARIABLE):
        if "://" not in said and _SCHEME.match(said):
            raise UsageError(
                f"{STORE_VARIABLE} is neither a path nor a URL",
                remedy="write postgresql://…, sqlite:///…, or a path (./ before one with a colon)",
            )
        return said if "://" in said else Path(said).expanduser()
    folder = data_folder(environ, sys.platform)
    if folder is None:
        raise UsageError("no home folder for the token store", remedy=f"set HOME or {STORE_VARIABLE}")
    return folder / "store.db"


def pepper_file(environ: Mapping[str, str]) -> Path | None:
    """Where the pepper's file is unless the environment names another; None when that names no home."""
    folder = data_folder(environ, sys.platform)
    return folder / "pepper" if folder is not None else None


@contextmanager
def open_embedded(
    environ: Mapping[str, str], ruleset: RuleSet, *, policies: Path | None = None, make: bool = False
) -> Iterator[TokenService]:
    """The embedded store, on behalf of whoever runs this. `make`: one that is missing is made.

    Raises:
        UsageError: the extra for it is not installed.
        ConfigError: the file `policies` is missing or wrong.
        StoreError: there is none yet, it is broken, too new, or its pepper cannot be read.
    """
    place = store_place(environ)
    if not make and _is_missing(place):
        raise StoreError(
            f"there is no token store yet ({place})",
            remedy="tokenguard token create makes one; for a server: tokenguard login --server URL",
        )
    try:
        import tokenguard.store.store  # noqa: F401 - is it there?
    except ModuleNotFoundError as error:
        raise extra_missing(error) from None
    user = user_name(environ)
    with _opened(place, environ, _Terms(ruleset, policies_for(policies, ruleset)), user, make=make) as store:
        yield store.acting(store.local(user))


def _is_missing(place: str | Path) -> bool:
    return isinstance(place, Path) and not place.exists()


@dataclass(frozen=True, slots=True)
class _Terms:
    """What a store goes by."""

    ruleset: RuleSet
    policies: Policies


def _opened(place: str | Path, environ: Mapping[str, str], terms: _Terms, user: str, *, make: bool) -> Store:
    from tokenguard.store.pepper import peppers_for
    from tokenguard.store.store import Store

    if _is_missing(place) and (made := _made(place, environ, terms, user)) is not None:
        return made
    peppers = peppers_for(environ, pepper_file(environ))
    try:
        return Store.open(place, peppers=peppers, ruleset=terms.ruleset, policies=terms.policies)
    except StoreError:
        if not make or not isinstance(place, Path):
            raise
    # Another program may be making it just now: whoever makes one too waits for that, and finds it made.
    made = _made(place, environ, terms, user)
    if made is not None:
        return made
    return Store.open(place, peppers=peppers, ruleset=terms.ruleset, policies=terms.policies)


def _made(place: str | Path, environ: Mapping[str, str], terms: _Terms, user: str) -> Store | None:
    """A new store with its local user; None where there is one now."""
    from tokenguard.store.initialise import initialise

    try:
        peppers = make_peppers(environ)
        store, _ = initialise(
            place, peppers=peppers, ruleset=terms.ruleset, policies=terms.policies, by=f"local:{user}"
        )
    except StoreError:
        if _is_missing(place):
            raise
        return None
    return store


def make_peppers(environ: Mapping[str, str]) -> Peppers:
    """The peppers of a new store: from the environment, else from a file, which is made where there is none.

    Raises:
        StoreError: they cannot be read or made, or there is a store already.
    """
    from tokenguard.store.initialise import check_none
    from tokenguard.store.pepper import PEPPER_FILE_VARIABLE, PEPPER_VARIABLE, make_pepper_file, peppers_for

    # A fresh pepper beside an older store would be taken for its own, and hide that that one is gone.
    check_none(store_place(environ))
    named = environ.get(PEPPER_FILE_VARIABLE)
    file = Path(named) if named else pepper_file(environ)
    as_text = bool(environ.get(PEPPER_VARIABLE))
    return peppers_for(environ, file) if file is None or as_text else make_pepper_file(file)


def extra_missing(error: ModuleNotFoundError) -> Exception:
    """What to raise for a library that is not there: which extra brings it."""
    if (error.name or "").partition(".")[0] in {"sqlalchemy", "alembic"}:
        return UsageError("the token store needs SQLAlchemy", remedy="install tokenguard's extra `store`")
    return error


def user_name(environ: Mapping[str, str]) -> str:
    """Who runs this, for the audit: the account's name, which no variable can change, where the system knows it."""
    try:
        import pwd

        return pwd.getpwuid(os.getuid()).pw_name
    except (ImportError, KeyError):
        return environ.get("USERNAME") or environ.get("USER") or "unknown"
