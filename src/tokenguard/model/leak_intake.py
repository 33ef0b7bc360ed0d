"""Which forges hand in leaked tokens to a store, and by what they are known. Values only.

They are read from `tokenguard.server.yaml` by `tokenguard.config.leak_intake`. No secret is in here: only where it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class SecretPlace:
    """Where a secret is read from when the server starts; nowhere, where both are None."""

    variable: str | None = None
    """A variable of the environment. One that is not set is none."""
    file: Path | None = None


@dataclass(frozen=True, slots=True)
class PartnerKey:
    """A public key by which a forge signs."""

    id: str
    pem: str


@dataclass(frozen=True, slots=True)
class AlertSource:
    """A forge that signs its alerts. With neither URL nor file, none of its alerts are taken."""

    keys_url: str | None = None
    """Where it publishes its public keys."""
    keys_file: Path | None = None
    """The same document, kept by hand."""
    token: SecretPlace = SecretPlace()
    """Sent when the keys are fetched, for a forge that allows its own users more calls."""

    @property
    def on(self) -> bool:
        """Whether its alerts are taken."""
        return self.keys_url is not None or self.keys_file is not None


@dataclass(frozen=True, slots=True)
class LeakIntake:
    """Everybody who may hand in leaked tokens from outside."""

    github: AlertSource = AlertSource()
    gitlab: AlertSource = AlertSource()
    revocation_key: SecretPlace = SecretPlace()
    """What a GitLab instance of one's own shows to the revocation receiver."""

    @property
    def secrets(self) -> tuple[SecretPlace, ...]:
        """Where all of its secrets are."""
        return self.github.token, self.gitlab.token, self.revocation_key
