"""Where a token that was typed as an argument lies now: the lines of shell histories that hold it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tokenguard.app.perform import perform
from tokenguard.app.shell import scan_shell
from tokenguard.app.sight import Sight
from tokenguard.config.settings import Settings
from tokenguard.ruleset.assemble import of_rules

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokenguard.model.rule import Rule, RuleSet
    from tokenguard.model.secret import Secret


def family_of(token: Secret, ruleset: RuleSet) -> Rule | None:
    """The rule of the family that a token has the shape of."""
    described = (rule for rule in ruleset.rules if rule.token is not None)
    return next((rule for rule in described if rule.regex.fullmatch(token.reveal())), None)


def visible_prefix(token: Secret, ruleset: RuleSet) -> str:
    """How a token may be shown: its family's visible prefix and an ellipsis, or nothing of it."""
    family = family_of(token, ruleset)
    return ("" if family is None else token.reveal()[: family.visible_prefix].decode("ascii")) + "…"


def lines_with(token: Secret, ruleset: RuleSet, environ: Mapping[str, str]) -> tuple[str, ...]:
    """`file:line` of each place in the shells' histories that holds the token; what cannot be read is left out."""
    family, home = family_of(token, ruleset), environ.get("HOME", "")
    if family is None or not home:
        return ()
    outcome = perform(
        Sight(environ),
        Settings(jobs=1, cache=False),
        of_rules([family]),
        lambda session: scan_shell(session, Path(home), environ),
    )
    wanted = token.sha256()
    places = (place for each in outcome.report.findings if each.token_sha256 == wanted for place in each.locations)
    return tuple(sorted(f"{place.path}:{place.line}" for place in places))
