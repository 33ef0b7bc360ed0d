"""Texts that callers give (names, addresses, keys), before anything is stored: bounded, printable, and no token."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tokenguard.errors import RefusedError
from tokenguard.store.context import Context
from tokenguard.store.texts import TokenSieve

_LONGEST_NAME = 200


def checked_name(context: Context, text: str, pointer: str, *, longest: int = _LONGEST_NAME) -> str:
    """`text` without blanks around it.

    Raises:
        RefusedError: VALIDATION: blank, too long, with control characters, or somebody pasted a token.
    """
    text = text.strip()
    if not text:
        raise invalid("may not be blank", pointer)
    if len(text) > longest:
        raise invalid(f"has more than {longest} characters", pointer)
    if not text.isprintable():
        raise invalid("has characters that cannot be printed", pointer)
    if TokenSieve(context.ruleset).holds_token(text):
        raise invalid("holds a whole token", pointer)
    return text


def known_scopes(context: Context, scopes: Sequence[str], pointer: str, allowed: Iterable[str]) -> tuple[str, ...]:
    """`scopes` without repetitions.

    Raises:
        RefusedError: VALIDATION, one of them is not among `allowed`.
    """
    permitted = frozenset(allowed)
    wrong = tuple(f"{pointer}/{index}" for index, scope in enumerate(scopes) if scope not in permitted)
    if wrong:
        known = frozenset(context.permissions)
        what = "not of this family" if all(scope in known for scope in scopes) else "unknown"
        listed = ", ".join(sorted(permitted)) or "none"
        raise RefusedError("VALIDATION", f"{pointer[1:]}: {what}", remedy=f"known are {listed}", pointers=wrong)
    return tuple(dict.fromkeys(scopes))


def invalid(what: str, pointer: str) -> RefusedError:
    """The refusal that says what is wrong where, never with the input."""
    return RefusedError("VALIDATION", f"{pointer[1:]} {what}", pointers=(pointer,))
