"""What is told to whom, and over which channel, as values.

Channels are read from `tokenguard.server.yaml` by `tokenguard.config.notifications`; a Notice is put together by
`tokenguard.store.notices`. Neither holds a secret: only where one is read from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from typing import TypeAlias

from tokenguard.model.leak import LeakPlace
from tokenguard.model.leak_intake import SecretPlace

Network: TypeAlias = IPv4Network | IPv6Network


class Kind(StrEnum):
    """What happened."""

    TOKENS_REVOKED = "tokens.revoked"
    """These tokens of an owner were revoked."""
    LEAKS_FOUND = "leaks.found"
    """These tokens of an owner were seen where they do not belong, for the first time or again."""
    TOKENS_EXPIRING = "tokens.expiring"
    """These tokens of an owner end within 14 days, or 3."""
    TOKENS_IDLE = "tokens.idle"
    """These tokens of an owner are not used, and are revoked soon."""
    HONEYTOKEN_USED = "honeytoken.used"
    """Somebody tried a bait."""


OWNERS = "owner"
"""The value of `mail` that means whoever owns the tokens that are spoken of."""
OWNERS_KINDS = frozenset(Kind) - {Kind.HONEYTOKEN_USED}
SECURITY_KINDS = frozenset({Kind.TOKENS_REVOKED, Kind.LEAKS_FOUND, Kind.HONEYTOKEN_USED})


class Encryption(StrEnum):
    """How the way to a mail server is protected."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"
    """To this machine itself only."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """Whom mails are handed to."""

    host: str
    sender: str
    port: int = 587
    encryption: Encryption = Encryption.STARTTLS
    user: str = ""
    """Empty: without a login."""
    password: SecretPlace = field(default_factory=SecretPlace)


@dataclass(frozen=True, slots=True)
class MailChannel:
    """Mails to one address, or to the owners."""

    name: str
    to: str
    kinds: frozenset[Kind]


@dataclass(frozen=True, slots=True)
class WebhookChannel:
    """Signed JSON to one URL."""

    name: str
    url: str
    secret: SecretPlace
    kinds: frozenset[Kind] = SECURITY_KINDS
    allowed: tuple[Network, ...] = ()
    """Addresses that are not public, and may be spoken to all the same."""


@dataclass(frozen=True, slots=True)
class SlackChannel:
    """Texts to an incoming webhook of Slack's kind. Its URL is its secret."""

    name: str
    url: SecretPlace
    kinds: frozenset[Kind] = SECURITY_KINDS
    allowed: tuple[Network, ...] = ()


Channel: TypeAlias = MailChannel | WebhookChannel | SlackChannel


@dataclass(frozen=True, slots=True)
class Notifications:
    """Who is told of what."""

    channels: tuple[Channel, ...] = ()
    smtp: MailServer | None = None
    link: str = ""
    """Where people find the dashboard; empty: it is not named."""

    @property
    def secrets(self) -> tuple[SecretPlace, ...]:
        """Where all of its secrets are."""
        signed = (each.secret for each in self.channels if isinstance(each, WebhookChannel))
        hidden = (each.url for each in self.channels if isinstance(each, SlackChannel))
        return (*signed, *hidden, *(() if self.smtp is None else (self.smtp.password,)))


@dataclass(frozen=True, slots=True)
class NoticeToken:
    """One token that is spoken of: never its value, nor a hash."""

    id: str
    family: str
    prefix: str
    name: str
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    leak_id: str | None = None
    leaked: tuple[LeakPlace, ...] = ()
    """Where it was seen last."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One message, with what its readers need to know. Its texts are on one line each, bounded, and hold no token."""

    id: str
    kind: Kind
    at: datetime
    owner_id: str = ""
    owner_name: str = ""
    owner_email: str = ""
    """Empty: nobody who gets mail."""
    tokens: Sequence[NoticeToken] = ()
    total: int = 0
    """How many tokens it is about; more than `tokens` lists where there are many."""
    by: str = ""
    """Who revoked them."""
    reason: str = ""
    address: str = ""
    """From where a honeytoken was used."""
    agent: str = ""
    shown_to_service: bool = False
    """Address and agent are those of a service that was shown the honeytoken."""
    revoked_from: datetime | None = None
    """From when on idle tokens are revoked."""
