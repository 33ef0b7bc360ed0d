"""Whoever can tell whether a token lives, and kill it: the seam between a finding and its issuer.

Implemented by `store_issuer` (a token store, wherever it is) and `api_issuer` (a provider's API described as data).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tokenguard.model.finding import Status
    from tokenguard.model.leak import LeakPlace
    from tokenguard.model.revocation import TargetResult
    from tokenguard.model.rule import Rule
    from tokenguard.model.secret import Secret


@dataclass(frozen=True, slots=True)
class Suspect:
    """One finding to ask about, or to kill. It holds no secret: only the way back to one."""

    rule: Rule
    fingerprint: str
    prefix: str
    """The visible prefix. Empty where it comes from somebody who is not to be trusted to name a token by it."""
    token_sha256: str | None
    """None: the rule has too few random bits for an exact name that gives nothing away."""
    secret: Callable[[], Secret | None] = field(repr=False, compare=False)
    """Reads the location again; None: the token is no longer there, or the location cannot be read."""
    place: LeakPlace


class Issuer(Protocol):
    """Verifies and revokes the tokens of a family. Neither call raises: what could not be done is a value."""

    @property
    def name(self) -> str:
        """For people and the journal: `store`, or the API's host and port; never a credential."""
        ...

    @property
    def needs_value(self) -> bool:
        """Whether it can kill only a token whose value it is given: by hash it cannot."""
        ...

    def verify(self, suspects: Sequence[Suspect]) -> list[Status]:
        """What is known of each, in their order.

        `Status.UNKNOWN` where the issuer was asked and does not tell, `Status.UNVERIFIED` where it could not be asked
        or did not answer.
        """
        ...

    def revoke(self, suspects: Sequence[Suspect], *, reason: str, dry_run: bool) -> list[TargetResult]:
        """Kill each; a result each, in their order, `target_index` counting from 0.

        `Outcome.UNREACHABLE` where the issuer did not answer for certain: it may be asked again. With `dry_run` the
        outcome is what would become of it, and nothing is changed at the issuer.
        """
        ...
