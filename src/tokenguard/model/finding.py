"""From a hit to a finding: Match, Location, Finding, Suppressed. No value here holds a raw secret."""

from __future__ import annotations

from enum import Enum

from tokenguard.model.blob import Origin
from tokenguard.model.lazy_dataclass import dataclass
from tokenguard.model.rule import Severity


class Status(Enum):
    """Whether the token behind a finding lives, as its issuer says."""

    UNVERIFIED = "unverified"
    ACTIVE = "active"
    REVOKED = "revoked"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Position:
    """A span in text: lines and columns count from 1, `end_column` is exclusive.

    Columns count characters of the decoded line, bytes where it does not decode.
    """

    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True, slots=True)
class Allowance:
    """An inline `tokenguard:allow RULE reason` that covers a match."""

    rule_id: str
    reason: str
    standing: bool = False
    """It stood there before the scanned change."""


@dataclass(frozen=True, slots=True)
class Match:
    """A rule hit a span of one blob."""

    rule_id: str
    origin: Origin
    offset: int
    """Byte offset of the (wrapped) secret in the blob that it was found in."""
    position: Position
    redacted: str
    prefix: str
    """The visible prefix; empty when nothing may be shown."""
    token_sha256: str | None
    fingerprint: str
    sample: bool = False
    """A published sample: counted, never a finding."""
    allowance: Allowance | None = None


@dataclass(frozen=True, slots=True)
class Location:
    """One place where a secret was seen. None: does not apply, or is not known."""

    source: str
    path: str
    line: int
    column: int
    end_line: int
    end_column: int
    blob: str | None = None
    commit: str | None = None
    author: str | None = None
    date: str | None = None
    """When the commit was authored, RFC 3339 in UTC."""
    reachable: bool | None = None
    ref: str | None = None
    via: tuple[str, ...] = ()
    time: str | None = None
    """When the shell command ran, RFC 3339 in UTC."""
    command: str | None = None
    """The program's name only, never the command line."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One secret under one rule, with all the places where it was seen."""

    rule_id: str
    severity: Severity
    title: str
    redacted: str
    prefix: str
    token_sha256: str | None
    fingerprint: str
    locations: tuple[Location, ...]
    status: Status = Status.UNVERIFIED


class SuppressedBy(Enum):
    """What made a finding not count."""

    INLINE = "inline"
    CONFIG = "config"
    BASELINE = "baseline"


@dataclass(frozen=True, slots=True)
class Suppressed:
    """A finding, or the part of its locations, that was allowed."""

    finding: Finding
    by: SuppressedBy
    reason: str
    expires: str | None = None
    """RFC 3339 date from which the allowance no longer holds."""
    in_change: bool = False
    """The scanned range itself added this allowance: a reviewer has to look at it."""
