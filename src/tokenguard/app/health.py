"""How it stands with one thing that `tokenguard doctor` looks at."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from tokenguard.errors import TokenguardError


class Health(enum.StrEnum):
    """How it stands with one thing."""

    OK = "ok"
    NOTE = "note"
    """Worth knowing; scans work."""
    BROKEN = "broken"
    """Commands fail, or what they say is not what it seems."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    value: str
    health: Health = Health.OK
    remedy: str = ""
    """What to do; never empty where something is broken."""


def failed(name: str, error: TokenguardError) -> Check:
    """What cannot be used at all, in the words of its error."""
    return Check(name, error.message, Health.BROKEN, error.remedy or "correct it")
