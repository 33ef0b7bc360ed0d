"""Revocations as they are asked for: which tokens are to die, and what became of each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from tokenguard.model.token import TokenRecord

if TYPE_CHECKING:
    from tokenguard.model.secret import Secret


class Outcome(Enum):
    """What became of one revocation that was asked for. A value, never an exception."""

    REVOKED = "revoked"
    ALREADY_REVOKED = "already_revoked"
    NOT_FOUND = "not_found"
    AMBIGUOUS = "ambiguous"
    """Several tokens share the prefix: none was revoked, the candidates are listed."""
    REFUSED = "refused"
    """The caller may not."""
    INVALID = "invalid"
    """Not a prefix, hash, id or token that any family could have."""
    UNREACHABLE = "unreachable"
    """The issuer could not be asked, or did not answer for certain; kept in the journal."""

    @property
    def dead(self) -> bool:
        """The token certainly does not live any more."""
        return self in {Outcome.REVOKED, Outcome.ALREADY_REVOKED}


@dataclass(frozen=True, slots=True)
class Target:
    """One token to revoke; exactly one of token, token_sha256, prefix, id is given."""

    token: Secret | None = None
    token_sha256: str | None = None
    prefix: str | None = None
    family: str | None = None
    """Narrows a prefix."""
    id: str | None = None


@dataclass(frozen=True, slots=True)
class TargetResult:
    """What became of one target."""

    target_index: int
    outcome: Outcome
    token: TokenRecord | None = None
    candidates: tuple[TokenRecord, ...] = ()
    detail: str = ""
