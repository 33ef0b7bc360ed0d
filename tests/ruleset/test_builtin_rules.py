"""The built-in rules against the providers' facts: what is found, what is none, what may be shown."""

from __future__ import annotations

import hashlib
import secrets
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

import plant
from tokenguard.config.installed import rules_folder
from tokenguard.model.checksum import checksum_holds
from tokenguard.model.mint import draw_token
from tokenguard.ruleset import builtin, generate
from tokenguard.ruleset.assemble import digest_of, load_builtin
from tokenguard.ruleset.check import check
from tokenguard.ruleset.load import load_paths

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokenguard.model import Rule

BY_ID = {rule.id: rule for rule in load_builtin().rules}
EVERY_RULE = pytest.mark.parametrize("rule_id", plant.RULES)
LOOK_ALIKES = (
    "binboi_pat_test_secret",
    "binboi_pat_env_secret",
    "binboi_pat_xxxxxxxx_" + "x" * 36,
    "binboi_pat_a1b2c3d4_x9y8z7w6v5u4t3s2r1q0p9o8n7m6l5k4",
    "binboi_pat_...",
    "binboi_pat_<8 hex>_<36 hex>",
    "binboi_live_...",
    "kbai_pk_" + "x" * 64,
    "kbai_pk_xxxx...",
    "kbai_pk_a1b2c3d4e5f6...0123456789abcdef",
    "kbai_pk_a1b2",
    "tgd_2e9c4D9z",
)


def found(rule: Rule, text: str) -> list[str]:
    matches = (match.group() for match in rule.regex.finditer(text.encode()))
    return [match.decode() for match in matches if checksum_holds(rule.token, match)]


def test_there_is_one_rule_a_family() -> None:
    assert tuple(BY_ID) == plant.RULES


@EVERY_RULE
@pytest.mark.parametrize("before", ["", " ", "x", "0", r"\n", "%0A", "=3D", "_", "binboi_pat_", "kbai_pk_", "\xff"])
def test_nothing_before_a_token_hides_it(rule_id: str, before: str, fresh_token: Callable[[str], str]) -> None:
    token = fresh_token(rule_id)
    assert found(BY_ID[rule_id], before + token) == [token]


@EVERY_RULE
@pytest.mark.parametrize("after", list("aAfFgzZ09"))
def test_a_letter_or_digit_after_makes_it_none(rule_id: str, after: str, fresh_token: Callable[[str], str]) -> None:
    assert found(BY_ID[rule_id], fresh_token(rule_id) + after) == []


@EVERY_RULE
@given(after=st.characters(codec="latin-1").filter(lambda c: not (c.isascii() and c.isalnum())))
def test_anything_else_may_stand_after(rule_id: str, after: str) -> None:
    token = plant.token(rule_id)
    assert found(BY_ID[rule_id], token + after) == [token]


@EVERY_RULE
def test_letter_case_and_length_count(rule_id: str, fresh_token: Callable[[str], str]) -> None:
    token = fresh_token(rule_id)
    prefix = BY_ID[rule_id].literal_prefix
    assert found(BY_ID[rule_id], token[:-1]) == []
    assert found(BY_ID[rule_id], token.upper()) == []
    assert found(BY_ID[rule_id], prefix + token[len(prefix) :].upper().replace("0", "A")) == []
    assert found(BY_ID[rule_id], prefix.upper() + token[len(prefix) :]) == []


@EVERY_RULE
def test_tokens_in_a_row_are_all_found(rule_id: str, fresh_token: Callable[[str], str]) -> None:
    tokens = [fresh_token(rule_id) for _ in range(3)]
    assert found(BY_ID[rule_id], ",".join(tokens)) == tokens


@EVERY_RULE
@pytest.mark.parametrize("text", LOOK_ALIKES)
def test_look_alikes_are_none(rule_id: str, text: str) -> None:
    assert found(BY_ID[rule_id], text) == []


@EVERY_RULE
def test_what_is_drawn_is_what_is_found(rule_id: str) -> None:
    rule = BY_ID[rule_id]
    assert rule.token is not None
    drawn = {draw_token(rule.token) for _ in range(20)}
    assert len(drawn) == 20
    for token in drawn:
        assert found(rule, token) == [token]
        assert len(token) == rule.token.length == rule.max_length


@EVERY_RULE
def test_no_more_than_the_visible_prefix_may_be_shown(rule_id: str, fresh_token: Callable[[str], str]) -> None:
    token, rule = fresh_token(rule_id), BY_ID[rule_id]
    assert token[: rule.visible_prefix] == plant.visible_prefix(token)


def test_random_bits() -> None:
    assert [BY_ID[rule_id].random_bits for rule_id in plant.RULES] == [176, 128, 256, 238.17]


def test_published_samples_are_known_by_their_hash() -> None:
    rule = BY_ID[plant.BINBOI_ACCESS]
    assert len(rule.samples) == 3
    for sample in rule.samples:
        assert found(rule, sample) == [sample]
        assert hashlib.sha256(sample.encode()).hexdigest() in rule.sample_hashes
    assert hashlib.sha256(secrets.token_bytes(8)).hexdigest() not in rule.sample_hashes


def test_every_claim_of_the_files_is_proved() -> None:
    assert check() == ()


def test_the_precompiled_rules_are_those_of_the_files() -> None:
    from_yaml = load_paths([rules_folder()])
    assert [replace(rule, source="") for rule in from_yaml] == [replace(rule, source="") for rule in builtin.RULES]
    assert digest_of(from_yaml) == builtin.DIGEST
    assert generate.__file__ is not None
    with open(builtin.__file__, encoding="utf-8") as module:
        assert module.read() == generate.builtin_module(rules_folder()), "run make generate"


def test_starting_with_them_reads_no_yaml(unmeasured: dict[str, str]) -> None:
    script = (
        "import sys; from tokenguard.ruleset.assemble import load_builtin; load_builtin();"
        "print(sorted({'yaml', 'hyperscan', 'json', 'difflib', 'secrets', 'pathlib'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=unmeasured)
    assert result.stdout == "[]\n"
