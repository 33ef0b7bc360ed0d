"""Verification: whatever an issuer comes to, the findings are still reported."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tokenguard.errors import RefusedError, UnavailableError
from tokenguard.model.finding import Status
from tokenguard.model.revocation import TargetResult
from tokenguard.respond.channel import IssuerChannel
from tokenguard.respond.intent import Intent
from tokenguard.respond.issuer import Suspect
from tokenguard.respond.verify import verify
from tokenguard.ruleset.assemble import load_builtin

RULES = {rule.id: rule for rule in load_builtin().rules}


class Failing:
    """An issuer with a fault."""

    name = "failing"
    needs_value = False

    def __init__(self, error: Exception) -> None:
        self._error = error

    def verify(self, suspects: Sequence[Suspect]) -> list[Status]:
        del suspects
        raise self._error

    def revoke(self, suspects: Sequence[Suspect], *, reason: str, dry_run: bool) -> list[TargetResult]:
        del suspects, reason, dry_run
        raise self._error


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (RefusedError("INSUFFICIENT_SCOPE", "no"), Status.UNKNOWN),
        (UnavailableError("gone"), Status.UNVERIFIED),
        (TypeError("a fault of ours"), Status.UNVERIFIED),
        (RecursionError(), Status.UNVERIFIED),
    ],
    ids=lambda each: type(each).__name__,
)
def test_a_fault_with_an_issuer_is_a_status(error: Exception, status: Status) -> None:
    channel = IssuerChannel(Failing(error), RULES, lambda _: None)
    intents = [Intent("failing", "keebai-api-key", token_sha256=f"{number:064x}") for number in range(3)]
    assert verify(intents, lambda _: channel) == [status] * 3
