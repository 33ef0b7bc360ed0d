"""The way to a token store for a token that a person handed over whole.

Most users see no token in a store but their own; yet whoever holds a whole token may have it killed, whoever's it is
(`revocations/leaked` in docs/api.md). The value is sent only where that was asked for and the hash was not enough: the
store mints the family, and "not found" comes from somebody whom it does not show everything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tokenguard.errors import RefusedError, TokenguardError
from tokenguard.model.revocation import Outcome, Target, TargetResult
from tokenguard.model.secret import Secret
from tokenguard.model.service import TokenService
from tokenguard.respond.channel import NEEDS_TOKEN, IssuerChannel
from tokenguard.respond.intent import Intent
from tokenguard.respond.store_issuer import PASSING

_RESPOND = "security.respond"
_WOULD = "none of yours; with --yes it is handed in as leaked, in case it is somebody else's"
_THEIRS = "somebody else's: handed in as leaked"

_Held = Sequence[tuple[int, Secret]]


@dataclass(frozen=True, slots=True)
class HandedOver:
    """By hash, as any token goes to a store; then, of what is not found so, the token itself."""

    channel: IssuerChannel
    service: TokenService
    tokens: Mapping[str, Secret] = field(repr=False)
    """What was handed over just now, by the identity of its intent; gone with the process."""

    @property
    def name(self) -> str:
        """The store's."""
        return self.channel.name

    @property
    def batch(self) -> int:
        """As many as go by hash."""
        return self.channel.batch

    def revoke(self, intents: Sequence[Intent], *, dry_run: bool) -> list[TargetResult]:
        """As the Protocol says."""
        results = self.channel.revoke(intents, dry_run=dry_run)
        missed = [
            index
            for index, (intent, result) in enumerate(zip(intents, results, strict=True))
            if intent.handed_over and result.outcome is Outcome.NOT_FOUND
        ]
        try:
            told = self._looked_into(intents, missed, dry_run=dry_run) if missed else []
        except TokenguardError as error:
            passing = not isinstance(error, RefusedError) or error.code in PASSING
            outcome = Outcome.UNREACHABLE if passing else Outcome.REFUSED
            told = [
                TargetResult(index, outcome, detail=f"none of yours, and not handed in: {error}") for index in missed
            ]
        for result in told:
            results[result.target_index] = result
        return results

    def _looked_into(self, intents: Sequence[Intent], missed: Sequence[int], *, dry_run: bool) -> list[TargetResult]:
        """What is to be said otherwise of those that were not found by hash."""
        if self._sees_everything():
            return []
        minted = {family.id for family in self.service.families()}
        missed = [index for index in missed if intents[index].rule_id in minted]
        if dry_run:
            return [TargetResult(index, Outcome.NOT_FOUND, detail=_WOULD) for index in missed]
        read = [(index, self.tokens.get(intents[index].identity)) for index in missed]
        gone = [TargetResult(index, Outcome.UNREACHABLE, detail=NEEDS_TOKEN) for index, token in read if token is None]
        return [*gone, *self._handed_in([(index, token) for index, token in read if token is not None])]

    def _sees_everything(self) -> bool:
        try:
            me = self.service.whoami()
        except RefusedError as error:
            if error.code != "NOT_FOUND":
                raise
            return True  # nobody in particular: whoever the store on this machine belongs to
        return _RESPOND in me.permissions and _RESPOND in me.scopes

    def _handed_in(self, held: _Held) -> list[TargetResult]:
        """Have those killed that the store refuses: they live, and are somebody else's."""
        refused = {index for index, result in self._asked(held) if result.outcome is Outcome.REFUSED}
        theirs = [(index, token) for index, token in held if index in refused]
        if not theirs:
            return []
        self.service.revoke_leaked([token for _, token in theirs])
        # The answer is the same whatever became of them. A token that is dead is not refused any more, but not found.
        return [
            TargetResult(index, Outcome.REVOKED, detail=_THEIRS)
            if result.outcome is Outcome.NOT_FOUND or result.outcome.dead
            else TargetResult(index, Outcome.REFUSED, detail=f"{_THEIRS}, and it is not dead")
            for index, result in self._asked(theirs)
        ]

    def _asked(self, held: _Held) -> list[tuple[int, TargetResult]]:
        """What would become of each if the caller revoked it."""
        results = self.service.revoke([Target(token=token) for _, token in held], dry_run=True) if held else ()
        return [(index, result) for (index, _), result in zip(held, results, strict=True)]
