"""One token that is to die, as the journal keeps it: names, hashes and places, never a value."""

from __future__ import annotations

from dataclasses import dataclass

from tokenguard.model.finding import Location


@dataclass(frozen=True, slots=True)
class Intent:
    """One intended revocation. What is empty or None is not known, or does not apply."""

    issuer: str
    """The name of whoever is to revoke it."""
    rule_id: str = ""
    fingerprint: str = ""
    prefix: str = ""
    """The visible prefix. Without a hash, an id or a place to read again, all that there is."""
    token_sha256: str | None = None
    token_id: str | None = None
    """The store's own id of the token."""
    root: str = ""
    """The folder or repository that the paths of the locations start at."""
    locations: tuple[Location, ...] = ()
    reason: str = ""
    all_matching: bool = False
    """Every token with the prefix is meant."""
    seen: str = ""
    """Where a person saw it, in their words or as a URL."""
    handed_over: bool = False
    """A person gave the token itself."""

    @property
    def identity(self) -> str:
        """The most exact name that the token has: two intents of one issuer with the same one are the same."""
        if self.token_id:
            return f"id:{self.token_id}"
        if self.token_sha256:
            return f"sha256:{self.token_sha256}"
        return f"{self.rule_id}:{self.fingerprint or self.prefix}"
