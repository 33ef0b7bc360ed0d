"""The bodies that the calls take, as pydantic models: their checks, and their part of the OpenAPI document.

Strict: nothing is converted, and a key that is not known is an error, since a misspelt `expires_in_days` would give a
token that lives for ever. What the values mean is checked by the store.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from tokenguard.model.leak import LeakPlace
from tokenguard.model.revocation import Target
from tokenguard.model.secret import Secret
from tokenguard.model.token import NewToken
from tokenguard.model.wire import WireError, moment
from tokenguard.server.authentication import token_sent
from tokenguard.server.body import storable

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_FRACTION = re.compile(r"(\.\d{6})\d+")
_MOST_TARGETS = 1000
_CENTURY_DAYS = 36525
_MONTH_SECONDS = 30 * 24 * 3600


def read_moment(value: object) -> datetime:
    """A time of RFC 3339, of which digits beyond the microsecond are dropped; ValueError for anything else."""
    if not isinstance(value, str) or not _RFC3339.fullmatch(value):
        raise PydanticCustomError("moment", "a time of RFC 3339 is expected")
    try:
        return moment(_FRACTION.sub(r"\1", value.upper()))
    except WireError:
        raise PydanticCustomError("moment", "a time of RFC 3339 is expected") from None


Moment = Annotated[datetime, BeforeValidator(read_moment), WithJsonSchema({"type": "string", "format": "date-time"})]
"""A time of RFC 3339."""
# Control characters have no place in a name; the pattern is one that pydantic and JSON Schema read alike.
Line = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]
"""A name: one line."""
Text = Annotated[str, Field(max_length=8000, pattern=r"^[^\x00]*$")]
"""Any text; the store keeps as much of it as it shows."""
Email = Annotated[str, Field(max_length=320, pattern=r"^[^@\s\x00-\x1f\x7f-\x9f]+@[^@\s\x00-\x1f\x7f-\x9f]+$")]


class Payload(BaseModel):
    """What they share."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)


def _without_null(schema: dict[str, Any]) -> None:
    """One of two keys has to be given, and null is not given: the document says so by naming the text alone."""
    schema.pop("default", None)
    for alternative in schema.pop("anyOf", ()):
        if alternative.get("type") != "null":
            schema.update(alternative)


class NewTokenPayload(Payload):
    """A token to mint: a name (or label), and what is not as the family's policy says."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        hide_input_in_errors=True,
        json_schema_extra={"anyOf": [{"required": ["name"]}, {"required": ["label"]}]},
    )

    name: Line | None = Field(None, json_schema_extra=_without_null)
    label: Line | None = Field(None, json_schema_extra=_without_null)
    family: Line | None = None
    scopes: Annotated[list[Line], Field(max_length=100)] = []
    expires_at: Moment | None = None
    expires_in_days: Annotated[int, Field(ge=1, le=_CENTURY_DAYS)] | None = None
    never_expires: bool = False
    honeytoken: bool = False
    owner: Annotated[str, Field(min_length=1, max_length=320, pattern=r"^[^\x00]*$")] | None = None
    expected_hours: (
        Annotated[Line, Field(description="Days, hours and what to add to UTC: `mon-fri 8-18 +2`, `22-6`.")] | None
    ) = None

    @model_validator(mode="after")
    def _named(self) -> NewTokenPayload:
        if not (self.name or self.label):
            raise PydanticCustomError("unnamed", "name or label is missing")
        return self

    def value(self) -> NewToken:
        """As the store takes it."""
        return NewToken(
            name=self.name or self.label or "",
            family=self.family,
            scopes=tuple(self.scopes),
            expires_at=self.expires_at,
            expires_in_days=self.expires_in_days,
            never_expires=self.never_expires,
            honeytoken=self.honeytoken,
            owner=self.owner,
            expected_hours=self.expected_hours,
        )


class RotationPayload(Payload):
    """How a token is rotated."""

    grace_seconds: Annotated[int, Field(ge=0, le=_MONTH_SECONDS)] = 0


class LeakPlacePayload(Payload):
    """Where a token was seen."""

    source: Text = ""
    url: Text = ""
    path: Text = ""
    commit: Text = ""
    seen_at: Moment | None = None

    def value(self) -> LeakPlace:
        """As the store takes it."""
        return LeakPlace(self.source, self.url, self.path, self.commit, self.seen_at)


class RevocationsPayload(Payload):
    """Targets to revoke. Each target is judged on its own: one that makes no sense has the outcome `invalid`."""

    reason: Text = ""
    leak: LeakPlacePayload | None = None
    targets: Annotated[
        list[Any],
        Field(
            max_length=_MOST_TARGETS,
            description="Objects with one of `token`, `token_sha256`, `prefix` (narrowed by `family`), `id`. "
            "With a value or hash, a prefix does not count.",
        ),
    ]
    all_matching: bool = False
    dry_run: bool = False

    def values(self) -> list[Target]:
        """As the store takes them."""
        return [_target(each) for each in self.targets]


_NOTHING = Target()
"""Names nothing: the store answers `invalid`."""
_KEYS = frozenset({"token", "token_sha256", "prefix", "family", "id"})


def _target(given: object) -> Target:
    if not isinstance(given, dict) or not given.keys() <= _KEYS or not storable(given):
        return _NOTHING
    said = {key: value for key, value in given.items() if value is not None}
    if not all(isinstance(value, str) for value in said.values()):
        return _NOTHING
    token, exact, named = said.get("token"), said.get("token_sha256"), said.get("id")
    if (token or exact) and not named:
        return Target(token=token_sent(token)) if token else Target(token_sha256=exact)
    if token or exact or ("family" in said and "prefix" not in said):
        return _NOTHING
    return Target(prefix=said.get("prefix"), family=said.get("family"), id=named)


class LeakedPayload(Payload):
    """Whole tokens that leaked."""

    tokens: Annotated[list[str], Field(min_length=1, max_length=_MOST_TARGETS)]

    def values(self) -> list[Secret]:
        """As the store takes them."""
        return [token_sent(each) for each in self.tokens]


class ResolutionPayload(Payload):
    """What was done about a leak."""

    resolution: Annotated[str, Field(min_length=1, max_length=2000, pattern=r"^[^\x00]*$")]


class NewUserPayload(Payload):
    """A user to add. `role` is a role's name or id."""

    email: Email
    name: Line
    role: Line
    plan: Line = "FREE"


class UserChangePayload(Payload):
    """What to change of a user; what is not given stays."""

    name: Line | None = None
    plan: Line | None = None
    role: Line | None = None
    active: bool | None = None


Permissions = Annotated[list[Line], Field(max_length=500)]


class NewRolePayload(Payload):
    """A role to add."""

    name: Line
    permissions: Permissions


class RoleChangePayload(Payload):
    """What to change of a role; what is not given stays."""

    name: Line | None = None
    permissions: Permissions | None = None
