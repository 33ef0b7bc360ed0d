"""Texts that others wrote, before they are stored."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenguard.ruleset.assemble import load_builtin
from tokenguard.store.texts import TokenSieve, families, tidy

_RULES = load_builtin()
_FAMILIES = [rule.id for rule in families(_RULES)]


@pytest.mark.parametrize("family", _FAMILIES)
@pytest.mark.parametrize("text", ["{}", "https://example.org/?key={}&a=b", "x{}", "log: {}\n\x1b[31m", "\ud800{}"])
def test_a_token_is_seen_and_only_its_prefix_is_kept(family: str, text: str, fresh_token: Callable[[str], str]) -> None:
    rule = _RULES.by_id(family)
    assert rule is not None
    token = fresh_token(family)
    sieve = TokenSieve(_RULES)
    assert sieve.holds_token(text.format(token))
    kept = sieve.kept(text.format(token), 200)
    assert token[: rule.visible_prefix] + "…" in kept
    assert token[: rule.visible_prefix + 1] not in kept


@pytest.mark.parametrize("family", _FAMILIES)
def test_a_token_that_lacks_a_character_is_cut_too(family: str, fresh_token: Callable[[str], str]) -> None:
    rule = _RULES.by_id(family)
    assert rule is not None
    token = fresh_token(family)
    assert token[: rule.visible_prefix + 1] not in TokenSieve(_RULES).kept(token[:-1], 200)
    assert token[: rule.visible_prefix + 1] not in TokenSieve(_RULES).kept(token + "a", 200)


@pytest.mark.parametrize("family", _FAMILIES)
@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_percent_encoded_token_is_one(family: str, times: int, fresh_token: Callable[[str], str]) -> None:
    rule = _RULES.by_id(family)
    assert rule is not None
    token, sieve = fresh_token(family), TokenSieve(_RULES)
    whole = "".join(f"%{ord(each):02x}" for each in token)
    for encoded in (token.replace("_", "%5F"), whole):
        for _ in range(times - 1):
            encoded = quote(encoded)  # noqa: PLW2901 - again
        text = f"https://example.org/a%20b?t={encoded}&c=d"
        assert sieve.holds_token(text)
        kept = sieve.kept(text, 2000)
        assert sieve.kept(kept, 2000) == kept
        assert kept == f"https://example.org/a b?t={token[: rule.visible_prefix]}…&c=d"
    assert sieve.kept("https://example.org/a%20b?t=%5F", 200) == "https://example.org/a%20b?t=%5F"


def test_a_token_is_not_cut_in_two_by_the_limit(fresh_token: Callable[[str], str]) -> None:
    token = fresh_token("keebai-api-key")
    for before in range(90):
        assert token[:13] not in TokenSieve(_RULES).kept("x" * before + token, 90)


def test_published_samples_and_prefixes_are_no_tokens() -> None:
    sieve = TokenSieve(_RULES)
    samples = [sample for rule in _RULES.rules for sample in rule.samples]
    assert samples
    assert not any(map(sieve.holds_token, (*samples, "kbai_pk_a1b2", "binboi_pat_2e9c4d93", "", "kbai_pk_xxxx")))


@given(st.text(max_size=300))
def test_what_is_kept_is_one_bounded_line(text: str) -> None:
    kept = tidy(text, 50)
    assert kept.isprintable()
    assert len(kept) <= 50
    assert tidy(kept, 50) == kept


def test_markup_stays_and_steering_goes() -> None:
    assert tidy("<script>\x1b[2J\u202etxt\r\nSet-Cookie: a", 200) == "<script> [2J txt  Set-Cookie: a"
    assert len(tidy("x" * 10_000, 2000)) == 2000
