"""The public keys by which a forge signs its alerts, fetched from where it publishes them.

Bytes over HTTPS into ids and PEM texts; whether a text is a key is for whoever verifies with it. When to fetch, and
what to do when that fails, is for the caller.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tokenguard.errors import UnavailableError
from tokenguard.model.leak_intake import PartnerKey
from tokenguard.respond.http import Http, Patience

if TYPE_CHECKING:
    from tokenguard.model.secret import Secret

# An alert waits for the answer, and whoever sent that gives up after half a minute. Once: the next try is the caller's.
_PATIENCE = Patience(connect=4, read=6, total=8, attempts=1, size=1 << 20)
_MOST_KEYS = 100
_LONGEST_ID = 200
_LONGEST_PEM = 4096


def fetch_keys(url: str, token: Secret | None = None, *, patience: Patience = _PATIENCE) -> tuple[PartnerKey, ...]:
    """The keys that are published at `url`; `token` is sent along where there is one. Asked once.

    Raises:
        UnavailableError: no answer in time, a status that is none of success, or no document with keys.
        ConfigError: the URL is none that a token may be sent to.
    """
    http = Http(url, patience=patience)
    headers = {} if token is None else {"Authorization": b"Bearer " + token.reveal()}
    try:
        answer = http.ask("GET", "", headers=headers)
    finally:
        http.close()
    name = http.address.name
    if answer.status != 200:
        raise UnavailableError(f"{name}: no keys (status {answer.status})", retry_after=answer.retry_after)
    try:
        return parse_keys(answer.body)
    except ValueError as error:
        raise UnavailableError(f"{name}: {error}") from None


def parse_keys(document: bytes) -> tuple[PartnerKey, ...]:
    """The keys of `{"public_keys": [{"key_identifier", "key"}]}`; more members are let stand.

    Raises:
        ValueError: it is something else, or holds no key.
    """
    try:
        value: Any = json.loads(document)
    except (ValueError, RecursionError):
        raise ValueError("the keys are no JSON") from None
    listed = value.get("public_keys") if isinstance(value, dict) else None
    if not isinstance(listed, list) or not 0 < len(listed) <= _MOST_KEYS:
        raise ValueError("no list of public_keys")
    return tuple(_key(each) for each in listed)


def _key(value: Any) -> PartnerKey:
    key_id, pem = (value.get("key_identifier"), value.get("key")) if isinstance(value, dict) else (None, None)
    return PartnerKey(_text(key_id, _LONGEST_ID), _text(pem, _LONGEST_PEM))


def _text(value: Any, longest: int) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= longest or not value.isascii() or "\0" in value:
        raise ValueError("a public key without key_identifier and key")
    return value
