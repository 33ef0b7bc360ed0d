"""The parameters that the lists take in their URLs. One that is not known is an error, as in bodies."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from tokenguard.model.audit import AuditFilter
from tokenguard.model.token import TokenFilter, TokenSort, TokenStatus
from tokenguard.server.payloads import Moment

Word = Annotated[str, Field(min_length=1, max_length=400)]
Count = Annotated[int, Field(ge=1, le=1000)]
Days = Annotated[int, Field(ge=0, le=36525)]


class Query(BaseModel):
    """What they share."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class TokensQuery(Query):
    """Which tokens to list."""

    status: TokenStatus | None = None
    family: Word | None = None
    owner: Word | None = None
    everyone: bool = False
    prefix: Word | None = None
    token_sha256: Annotated[str, Field(pattern="^[0-9A-Fa-f]{64}$")] | None = None
    stale_days: Days | None = None
    expiring_days: Days | None = None
    overscoped: bool = False
    shared: bool = False
    odd_hours: bool = False
    text: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    sort: TokenSort = TokenSort.CREATED
    reverse: bool = False
    cursor: Word | None = None
    limit: Count = 100

    def value(self) -> TokenFilter:
        """As the store takes it."""
        return TokenFilter(**dict(self))


class LeaksQuery(Query):
    """Which leaks to list."""

    state: Literal["open", "resolved"] | None = None
    token: Word | None = None
    cursor: Word | None = None
    limit: Count = 100


class AuditQuery(Query):
    """Which events to list."""

    token: Word | None = None
    actor: Word | None = None
    since: Moment | None = None
    cursor: Word | None = None
    limit: Count = 100

    def value(self) -> AuditFilter:
        """As the store takes it."""
        return AuditFilter(**dict(self))
