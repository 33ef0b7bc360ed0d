"""The precompiled literals of the built-in rules are what the rules and wrappings of now give."""

from __future__ import annotations

from tokenguard.app import generate
from tokenguard.app.detector import Detector, named_literals
from tokenguard.ruleset.assemble import load_builtin, of_rules


def test_the_precompiled_literals_are_those_of_the_rules() -> None:
    assert generate.TARGET.read_text(encoding="utf-8") == generate.generated(), "run make generate"


def test_other_rules_do_not_get_them() -> None:
    rules = load_builtin().rules
    keebai = of_rules(rule for rule in rules if rule.literal_prefix == "kbai_pk_")
    wanted = tuple(text for text, *_ in named_literals(keebai))
    assert tuple(literal.text for literal in Detector(keebai).engine.literals) == wanted
    assert set(wanted) < {literal.text for literal in Detector(load_builtin()).engine.literals}
