"""What is to become of each target of a revocation, by what it names and who asks. Nothing is read or written here."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from tokenguard.model.revocation import Outcome
from tokenguard.store.records import TokenColumns
from tokenguard.store.targets import By, Named


class Verdict(NamedTuple):
    """What is to become of one target."""

    outcome: Outcome
    named: tuple[str, ...] = ()
    """The tokens that it names, as far as the caller may know."""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Rights:
    """Whose tokens a call may revoke, and how widely it means a prefix."""

    everyones: bool
    owner_id: str | None = None
    all_matching: bool = False
    guarded: frozenset[str] = frozenset()
    """Strangers' tokens that live: whoever holds the whole value of one could find that out by using it."""
    spare_baits: bool = False
    """Whoever holds a honeytoken is to set it off, and not to switch it off."""

    @property
    def all(self) -> bool:
        """Whether there is no token that it does not reach."""
        return self.everyones and not self.spare_baits

    def may(self, token: TokenColumns) -> bool:
        """Whether that token is the caller's to revoke."""
        if self.spare_baits and token.honeytoken:
            return False
        return self.everyones or token.owner_id == self.owner_id


def judge(
    found: Iterable[Named], known: Mapping[str, TokenColumns], rights: Rights
) -> tuple[list[Verdict], dict[str, By]]:
    """A verdict for each target, in order, and the tokens that are to die with what named them first."""
    verdicts: list[Verdict] = []
    dying: dict[str, By] = {}
    for target in found:
        verdict = _verdict(target, known, rights, dying)
        verdicts.append(verdict)
        if verdict.outcome is Outcome.REVOKED:
            for each in verdict.named:
                if known[each].revoked_at is None:
                    dying.setdefault(each, target.by)
    return verdicts, dying


def _verdict(target: Named, known: Mapping[str, TokenColumns], rights: Rights, dying: Collection[str]) -> Verdict:
    if target.fault:
        return Verdict(Outcome.INVALID, detail=target.fault)
    mine = target.token_ids
    if not rights.all:
        mine = tuple(each for each in mine if rights.may(known[each]))
    if not mine:
        if target.by is By.VALUE and not rights.guarded.isdisjoint(target.token_ids):
            return Verdict(Outcome.REFUSED, detail="somebody else's: whoever holds it can hand it in as leaked")
        return Verdict(Outcome.NOT_FOUND)
    if all(known[each].revoked_at is not None or each in dying for each in mine):
        return Verdict(Outcome.ALREADY_REVOKED, mine)
    if len(mine) > 1 and not rights.all_matching:
        # Dead ones too: the one that leaked may be dead already, and the living one innocent.
        return Verdict(Outcome.AMBIGUOUS, mine, f"{len(mine)} tokens have this prefix: none was revoked")
    return Verdict(Outcome.REVOKED, mine)
