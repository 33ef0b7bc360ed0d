"""What the targets of a revocation name: read, and looked up in as many statements for a thousand as for one.

A whole value or its hash names a token exactly, and is compared by keyed hash alone. A prefix names candidates.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from enum import Enum
from typing import NamedTuple

from sqlalchemy import Connection

from tokenguard.model.revocation import Target
from tokenguard.model.rule import Rule
from tokenguard.model.secret import Secret
from tokenguard.store.context import Context
from tokenguard.store.ids import is_id
from tokenguard.store.records import TokenColumns, token_columns
from tokenguard.store.tables import tokens
from tokenguard.store.texts import families, is_whole

_SHA256 = re.compile(r"[0-9A-Fa-f]{64}")
_LONGEST_TOKEN = 4096
_NAMES = 4
"""Ways to name a target, of which exactly one is taken."""


class By(Enum):
    """How a target names a token."""

    VALUE = "value"
    HASH = "hash"
    PREFIX = "prefix"
    ID = "id"
    NOTHING = "nothing"


class Named(NamedTuple):
    """One target: how it names tokens, which it matches, and why it can match none."""

    by: By
    token_ids: tuple[str, ...] = ()
    fault: str = ""


class _Key(NamedTuple):
    """What to look for: keyed hashes, an id, or a prefix of some families."""

    by: By
    hashes: tuple[bytes, ...] = ()
    token_id: str = ""
    prefixes: tuple[tuple[str, str], ...] = ()
    """Pairs of family and prefix."""
    fault: str = ""
    """Said when nothing is found: it is nothing that any token could have."""


def look_up(
    connection: Connection, context: Context, targets: Sequence[Target], owner_id: str | None
) -> tuple[list[Named], dict[str, TokenColumns]]:
    """What each target matches, in order, and what is known of all these tokens.

    `owner_id`: prefixes are looked for among this owner's tokens only.
    """
    keys = [_key(context, target) for target in targets]
    known: dict[str, TokenColumns] = {}
    by_hash = _by_hash(connection, keys, known)
    by_prefix = _by_prefix(connection, keys, owner_id, known)
    _by_id(connection, keys, known)
    return [_match(key, by_hash, by_prefix, known) for key in keys], known


def _match(
    key: _Key, by_hash: Mapping[bytes, str], by_prefix: Mapping[tuple[str, str], list[str]], known: Container[str]
) -> Named:
    found = [by_hash[keyed] for keyed in key.hashes if keyed in by_hash]
    if key.prefixes:
        found = [token_id for prefix in key.prefixes for token_id in by_prefix.get(prefix, ())]
    elif key.token_id in known:
        found = [key.token_id]
    return Named(key.by, tuple(found), "" if found else key.fault)


def _by_hash(connection: Connection, keys: Sequence[_Key], known: dict[str, TokenColumns]) -> dict[bytes, str]:
    hashes = {keyed for key in keys for keyed in key.hashes}
    found = {}
    for token in token_columns(connection, tokens.c.keyed_hash, hashes):
        known[token.id] = token
        found[bytes(token.keyed_hash)] = token.id
    return found


def _by_prefix(
    connection: Connection, keys: Sequence[_Key], owner_id: str | None, known: dict[str, TokenColumns]
) -> dict[tuple[str, str], list[str]]:
    prefixes = {prefix for key in keys for _, prefix in key.prefixes}
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    # The newest first, as in every list.
    order = "ORDER BY tokens.created_at DESC, tokens.id DESC"
    for token in token_columns(connection, tokens.c.prefix, prefixes, order):
        if owner_id in {None, token.owner_id}:
            known[token.id] = token
            found[token.family, token.prefix].append(token.id)
    return found


def _by_id(connection: Connection, keys: Sequence[_Key], known: dict[str, TokenColumns]) -> None:
    ids = {key.token_id for key in keys if key.token_id}
    known.update((token.id, token) for token in token_columns(connection, tokens.c.id, ids))


def lock(connection: Connection, known: dict[str, TokenColumns]) -> None:
    """Let nobody else revoke one of these tokens until the transaction ends; `known` is then as it is now.

    On SQLite whoever writes holds the whole database already.
    """
    if connection.dialect.name == "sqlite":
        return
    # In one order, so that two calls wait for each other rather than block each other.
    locked = token_columns(connection, tokens.c.id, list(known), "ORDER BY tokens.id FOR UPDATE OF tokens")
    known.update((token.id, token) for token in locked)


def _key(context: Context, target: Target) -> _Key:
    given = (target.token, target.token_sha256, target.prefix, target.id)
    if given.count(None) != _NAMES - 1:
        return _Key(By.NOTHING, fault="exactly one of token, token_sha256, prefix and id names a target")
    if target.token is not None:
        return _value(context, target.token)
    if target.token_sha256 is not None:
        return _hash(context, target.token_sha256)
    if target.prefix is not None:
        return _prefix(context, target.prefix, target.family)
    return _id(target.id or "")


def _value(context: Context, token: Secret) -> _Key:
    if not 0 < len(token) <= _LONGEST_TOKEN:
        return _Key(By.VALUE, fault="not a whole token of any family")
    whole = any(is_whole(rule, token.reveal()) for rule in families(context.ruleset))
    hashes = context.peppers.candidates(bytes.fromhex(token.sha256()))
    return _Key(By.VALUE, hashes, fault="" if whole else "not a whole token of any family")


def _hash(context: Context, token_sha256: str) -> _Key:
    if _SHA256.fullmatch(token_sha256) is None:
        return _Key(By.HASH, fault="a token's hash is 64 hexadecimal digits of SHA-256")
    return _Key(By.HASH, context.peppers.candidates(bytes.fromhex(token_sha256)))


def _id(token_id: str) -> _Key:
    if not is_id(token_id, "tok"):
        return _Key(By.ID, fault="not an id of a token")
    return _Key(By.ID, token_id=token_id)


def _prefix(context: Context, prefix: str, family: str | None) -> _Key:
    rules = [rule for rule in families(context.ruleset) if family in {None, rule.id}]
    if not rules:
        return _Key(By.PREFIX, fault="the store has no family of that name")
    if any(is_whole(rule, prefix.encode("utf-8", "replace")) for rule in families(context.ruleset)):
        return _Key(By.PREFIX, fault="a whole token where a prefix belongs: give it as token")
    fitting = tuple((rule.id, prefix) for rule in rules if _is_visible(rule, prefix))
    return _Key(By.PREFIX, prefixes=fitting, fault="" if fitting else _why_no_prefix(rules, prefix))


def _is_visible(rule: Rule, prefix: str) -> bool:
    """Whether a token of that family can show exactly this."""
    printable = prefix.isascii() and prefix.isprintable()
    return printable and len(prefix) == rule.visible_prefix and prefix.startswith(rule.literal_prefix)


def _why_no_prefix(rules: Iterable[Rule], prefix: str) -> str:
    """What is wrong with it, without saying it: it may be most of a token."""
    for rule in rules:
        if rule.literal_prefix and prefix.startswith(rule.literal_prefix):
            wrong = "shorter" if len(prefix) < rule.visible_prefix else "longer"
            return f"{wrong} than the visible prefix of {rule.id}, its first {rule.visible_prefix} characters"
    return "not a visible prefix of any family"
