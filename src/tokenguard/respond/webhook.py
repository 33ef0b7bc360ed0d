"""Notices as signed JSON, by the rules of Standard Webhooks (standardwebhooks.com), for which there are libraries.

Signed are the message's id, the time of the attempt, and the body: a receiver refuses what is older than five minutes,
and what has an id that it had before.
"""

from __future__ import annotations

import hmac
import json
import time
from base64 import b64decode, b64encode
from collections.abc import Callable
from hashlib import sha256

from tokenguard.errors import ConfigError
from tokenguard.model.leak import LeakPlace
from tokenguard.model.notification import Notice, NoticeToken
from tokenguard.model.secret import Secret
from tokenguard.model.wire import timestamp
from tokenguard.respond.message import message, plain
from tokenguard.respond.post import Wire, post

PREFIX = "whsec_"
"""Before a secret that is written in Base64."""
LEAST_SECRET = 24
"""Bytes."""
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Webhook:
    """A Sender to one URL."""

    def __init__(  # noqa: PLR0913 - where to, and how
        self, name: str, url: str, secret: Secret, *, wire: Wire, link: str = "", clock: Callable[[], float] = time.time
    ) -> None:
        self.name = name
        self._url = url
        self._secret = signing_key(name, secret)
        self._wire = wire
        self._link = link
        self._clock = clock

    def send(self, notice: Notice) -> str:
        """As Sender says."""
        body = _encode(document(notice, self._link)).encode()
        at = int(self._clock())
        headers = {
            "Content-Type": "application/json",
            "webhook-id": notice.id,
            "webhook-timestamp": str(at),
            "webhook-signature": signature(self._secret, notice.id, at, body),
        }
        post(self._url, body, headers, self._wire)
        return ""


def signature(key: Secret, message_id: str, at: int, body: bytes) -> str:
    """`v1,` and HMAC-SHA-256 over id, time and body in Base64."""
    signed = b".".join((message_id.encode(), str(at).encode(), body))
    return "v1," + b64encode(hmac.new(key.reveal(), signed, sha256).digest()).decode()


def signing_key(name: str, secret: Secret) -> Secret:
    """The bytes to sign with: what follows `whsec_` in Base64, else the text as it is.

    Raises:
        ConfigError: fewer than 24 bytes, or not Base64.
    """
    value = secret.reveal()
    if value.startswith(PREFIX.encode()):
        try:
            value = b64decode(value[len(PREFIX) :], validate=True)
        except ValueError:
            raise ConfigError(f"{name}: what follows {PREFIX} in its secret is not Base64") from None
    if len(value) < LEAST_SECRET:
        raise ConfigError(f"{name}: its secret is too short", remedy=f"draw {LEAST_SECRET} random bytes or more")
    return Secret(value)


def document(notice: Notice, link: str = "") -> dict[str, object]:
    """The body: `type`, `timestamp` and `data`; docs/notifications.md lists what is in them."""
    said = message(notice, link)
    data: dict[str, object] = {
        "id": notice.id,
        "owner": {"id": notice.owner_id, "name": notice.owner_name, "email": notice.owner_email},
        "tokens": [_token(each) for each in notice.tokens],
        "total": notice.total,
        "revoked_by": notice.by or None,
        "reason": notice.reason or None,
        "address": notice.address or None,
        "agent": notice.agent or None,
        "shown_to_service": notice.shown_to_service,
        "revoked_from": None if notice.revoked_from is None else timestamp(notice.revoked_from),
        "subject": said.subject,
        "text": plain(said),
    }
    return {"type": str(notice.kind), "timestamp": timestamp(notice.at), "data": data}


def _token(token: NoticeToken) -> dict[str, object]:
    return {
        "id": token.id,
        "family": token.family,
        "prefix": token.prefix,
        "name": token.name,
        "expires_at": None if token.expires_at is None else timestamp(token.expires_at),
        "last_used_at": None if token.last_used_at is None else timestamp(token.last_used_at),
        "leak": token.leak_id,
        "seen": [_place(each) for each in token.leaked],
    }


def _place(place: LeakPlace) -> dict[str, object]:
    seen = None if place.seen_at is None else timestamp(place.seen_at)
    return {"source": place.source, "url": place.url, "path": place.path, "commit": place.commit, "seen_at": seen}
