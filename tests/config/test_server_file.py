"""tokenguard.server.yaml: put over the providers' defaults, and strict."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import plant
from tokenguard.config import server_file
from tokenguard.config.server_file import default_policies, parse_server_file, policies_for, read_server_file
from tokenguard.errors import ConfigError
from tokenguard.model.expected_hours import ExpectedHours
from tokenguard.model.policy import FamilyPolicy, RateLimit
from tokenguard.ruleset.assemble import load_builtin


def test_the_providers_own_limits_are_the_defaults() -> None:
    policies = default_policies()
    binboi, keebai = policies.family(plant.BINBOI_ACCESS), policies.family(plant.KEEBAI)
    assert [binboi.max_active_for(plan) for plan in ("FREE", "PRO", "SCALE", "unheard of")] == [3, 25, 100, 3]
    assert binboi.rate_limits == (RateLimit(100, 60),)
    assert (keebai.max_active_for("FREE"), keebai.default_lifetime_days, keebai.max_lifetime_days) == (10, 90, None)
    assert keebai.rate_limits == (RateLimit(60, 60), RateLimit(1000, 3600))
    assert keebai.scopes == policies.product_scopes
    assert (binboi.unique_prefix, keebai.unique_prefix) == (True, False)
    assert policies.default_family == plant.TOKENGUARD
    assert policies.plans == ("FREE", "PRO", "SCALE")
    assert policies.largest_plan == "SCALE"
    assert policies.family("unheard-of") == FamilyPolicy()


def test_what_a_file_says_is_put_over_them_key_by_key(tmp_path: Path) -> None:
    path = tmp_path / "tokenguard.server.yaml"
    path.write_text(
        """
default_family: binboi-access-token
contact: tokens@example.org
product_scopes: [orders:read, orders:write]
service_rate_limits: []
families:
  keebai-api-key:
    max_active: {FREE: 1, GOLD: 500}
    scopes: any
    default_lifetime: never
    idle_expiry: 30d
    expected_hours: {from: 8, to: 18, days: [mon, fri], utc_offset: +2}
  acme-key:
    max_active: 5
    max_lifetime: 7d
    unique_prefix: false
    rate_limits: [5/second, 1000/day]
"""
    )
    policies = read_server_file(path)
    keebai, acme = policies.family(plant.KEEBAI), policies.family("acme-key")
    assert (policies.default_family, policies.contact) == (plant.BINBOI_ACCESS, "tokens@example.org")
    assert policies.product_scopes == ("orders:read", "orders:write")
    assert policies.service_rate_limits == ()
    assert policies.stranger_rate_limits == default_policies().stranger_rate_limits
    assert (keebai.max_active_for("GOLD"), keebai.max_active_for("PRO"), keebai.scopes) == (500, 1, None)
    assert (keebai.default_lifetime_days, keebai.idle_expiry_days) == (None, 30)
    assert keebai.rate_limits == default_policies().family(plant.KEEBAI).rate_limits
    assert keebai.expected_hours == ExpectedHours(8, 18, frozenset({0, 4}), 2)
    assert (acme.max_active_for("x"), acme.max_lifetime_days, acme.unique_prefix) == (5, 7, False)
    assert acme.rate_limits == (RateLimit(5, 1), RateLimit(1000, 86400))
    assert policies.family(plant.BINBOI_ACCESS) == default_policies().family(plant.BINBOI_ACCESS)
    assert policies.largest_plan == "GOLD"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("familes: {}", "did you mean families"),
        ("- x", "expected keys with values"),
        ("families: [x]", "expected the ids of families"),
        ("families: {x: {max_activ: 3}}", "did you mean max_active"),
        ("families: {x: {max_active: -3}}", "not a number"),
        ("families: {x: {max_active: {}}}", "no plan"),
        ("families: {x: {max_active: {FREE: many}}}", "max_active/FREE: 'many' is not a number"),
        ("families: {x: {rate_limits: [100]}}", "not a rate such as"),
        ("families: {x: {rate_limits: [0/minute]}}", "not a rate such as"),
        ("families: {x: {rate_limits: [5/week]}}", "not a rate such as"),
        ("families: {x: {default_lifetime: 90}}", "neither days such as 90d nor never"),
        ("families: {x: {default_lifetime: 0d}}", "neither days"),
        ("families: {x: {unique_prefix: yes}}", "neither true nor false"),
        ("families: {x: {scopes: ['a b']}}", "not a scope"),
        ("families: {x: {expected_hours: {from: 24}}}", "not an hour"),
        ("families: {x: {expected_hours: {to: 25}}}", "not an hour"),
        ("families: {x: {expected_hours: {days: [monday]}}}", "none of mon"),
        ("families: {x: {expected_hours: {utc_offset: 15}}}", "not a number of hours"),
        ("families: {x: 3}", "expected keys with values"),
        ("contact: ", "without a value"),
        ("contact: x\ncontact: y", "a second time"),
        ("contact: *x", "anchor or alias"),
        ("product_scopes: [TOKEN x]", "of 58 characters, not shown"),
    ],
)
def test_what_is_not_understood_names_the_line(text: str, message: str) -> None:
    text = text.replace("TOKEN", plant.token(plant.BINBOI_ACCESS))
    with pytest.raises(ConfigError) as error:
        parse_server_file(f"# a comment\n{text}".encode(), "server.yaml")
    assert message in str(error.value)
    assert str(error.value).startswith("server.yaml:")


@pytest.mark.parametrize(
    "text", ["families:\n  keebai-apikey: {max_active: 10}\n", "contact: a\ndefault_family: keebai-apikey\n"]
)
def test_a_limit_of_no_family_limits_nothing_and_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "server.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        policies_for(path, load_builtin())
    assert str(error.value).startswith(f"{path}:2: 'keebai-apikey' is no family")
    assert "did you mean keebai-api-key?" in str(error.value)


def test_a_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        read_server_file(tmp_path / "none.yaml")


def test_expected_hours_as_hours_of_a_week() -> None:
    assert len(ExpectedHours().week_hours()) == 168
    assert ExpectedHours(8, 10, frozenset({1})).week_hours() == {32, 33}
    assert ExpectedHours(22, 2, frozenset({6})).week_hours() == {166, 167, 0, 1}
    assert ExpectedHours(0, 1, frozenset({0}), utc_offset=3).week_hours() == {165}


def test_the_document_names_every_key_and_its_example_is_understood() -> None:
    document = Path(__file__).resolve().parents[2] / "docs" / "policies.md"
    text = document.read_text(encoding="utf-8")
    example = text.partition("```yaml\n")[2].partition("```")[0]
    policies = parse_server_file(example.encode(), "policies.md")
    assert policies.family("acme-key").rate_limits == (RateLimit(10, 1), RateLimit(1000, 3600))
    named = set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))
    assert named == {*server_file._KEYS, *server_file._FAMILY_KEYS}
