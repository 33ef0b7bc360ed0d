"""How the tokens of a rule are verified and revoked, read when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenguard.model.issuer import IssuerApi
    from tokenguard.model.rule import Rule


def issuer_api(rule: Rule) -> IssuerApi | None:
    """The API that the rule's `verify` and `revoke` sections describe; None where it has none.

    The built-in rules carry theirs apart from what start-up builds; no other rule can have one of their ids.
    """
    if rule.issuer is not None or rule.foreign:
        return rule.issuer
    from tokenguard.ruleset.builtin_issuers import ISSUERS

    return ISSUERS.get(rule.id)
