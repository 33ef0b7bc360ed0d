"""What the calls answer, for the OpenAPI document. The JSON itself is made by `tokenguard.model.wire`.

The classes follow those of `tokenguard.model` and add what the wire adds; schemathesis compares them with what
the running server answers.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from starlette.responses import Response

from tokenguard.model.audit import AuditEvent
from tokenguard.model.leak import LeakMatch
from tokenguard.model.people import Identity, Role, User
from tokenguard.model.revocation import Outcome
from tokenguard.model.token import FamilyInfo, Limit, TokenRecord
from tokenguard.model.wire import to_json


def answer(value: object, status: int = 200) -> Response:
    """A value of `tokenguard.model`, or a dict of them, as JSON."""
    return Response(json.dumps(to_json(value), separators=(",", ":")).encode(), status, media_type="application/json")


@dataclass(frozen=True, kw_only=True)
class TokenAnswer(TokenRecord):
    """A token's record, with the names that clients of the documented providers' APIs read."""

    label: str
    createdAt: datetime  # noqa: N815 - theirs
    lastUsedAt: datetime | None  # noqa: N815
    revokedAt: datetime | None  # noqa: N815


@dataclass(frozen=True)
class Account:
    """The owner again, as clients of the documented providers' APIs read it."""

    id: str
    name: str
    email: str
    plan: str


@dataclass(frozen=True, kw_only=True)
class IdentityAnswer(Identity):
    """Who a credential stands for."""

    user: Account


@dataclass(frozen=True)
class FamiliesAnswer:
    """The families that can be minted."""

    families: list[FamilyInfo]


@dataclass(frozen=True)
class TokensAnswer:
    """One page of tokens, newest first."""

    tokens: list[TokenAnswer]
    limits: dict[str, Limit]
    next_cursor: str | None


@dataclass(frozen=True)
class ReplayedAnswer:
    """A token that an earlier request with the same Idempotency-Key made. The token itself was in that answer."""

    id: str
    label: str
    prefix: str
    created_at: datetime
    record: TokenAnswer


@dataclass(frozen=True, kw_only=True)
class CreatedAnswer(ReplayedAnswer):
    """A new token: the whole of it, this once."""

    token: str


@dataclass(frozen=True)
class TargetAnswer:
    """What became of one target."""

    target_index: int
    outcome: Outcome
    token: TokenAnswer | None
    candidates: list[TokenAnswer]
    detail: str


@dataclass(frozen=True)
class RevocationsAnswer:
    """A result for each target, in their order."""

    results: list[TargetAnswer]


@dataclass(frozen=True)
class SightingAnswer:
    """One place where a token was seen, and who said so."""

    source: str
    url: str
    path: str
    commit: str
    seen_at: datetime | None
    reported_by: str
    reported_at: datetime
    reported_by_email: str | None


@dataclass(frozen=True)
class LeakAnswer:
    """A finding that reached the store."""

    id: str
    state: str
    rule_id: str
    prefix: str
    token: TokenAnswer | None
    candidates: list[TokenAnswer]
    sightings: list[SightingAnswer]
    first_seen: datetime
    uses_since: int
    resolution: str | None


@dataclass(frozen=True)
class LeaksAnswer:
    """One page of leaks, open ones first."""

    leaks: list[LeakAnswer]
    next_cursor: str | None


@dataclass(frozen=True)
class LeakMatchesAnswer:
    """What each reported finding was matched to."""

    leaks: list[LeakMatch]


@dataclass(frozen=True)
class UsersAnswer:
    """All users."""

    users: list[User]


@dataclass(frozen=True)
class RolesAnswer:
    """All roles."""

    roles: list[Role]


@dataclass(frozen=True)
class AuditAnswer:
    """One page of events, newest first."""

    events: list[AuditEvent]
    next_cursor: str | None


@dataclass(frozen=True)
class HealthAnswer:
    """The server's state in a word."""

    status: str
