"""A Secret lets nothing of itself out but hashes."""

from __future__ import annotations

import copy
import hashlib
import json
import pickle  # noqa: TID251 - to see that it refuses
from collections.abc import Callable

import pytest

import plant
from tokenguard.model import Secret


@pytest.fixture
def value() -> str:
    return plant.token(plant.KEEBAI)


SHOWN = "Secret(…)"
WAYS: dict[str, tuple[Callable[[Secret], str], str]] = {
    "repr": (repr, SHOWN),
    "str": (str, SHOWN),
    "ascii": (ascii, "Secret(\\u2026)"),
    "percent": (lambda secret: "%s" % secret, SHOWN),  # noqa: UP031 - it is one of the ways
    "format": (lambda secret: f"{secret:>20}", SHOWN),
    "in a list": (lambda secret: f"{[secret]}", f"[{SHOWN}]"),
    "in an exception": (lambda secret: repr(ValueError(secret)), f"ValueError({SHOWN})"),
}


@pytest.mark.parametrize("way", WAYS)
def test_it_is_never_shown(way: str, value: str) -> None:
    show, expected = WAYS[way]
    assert show(Secret(value.encode())) == expected


@pytest.mark.parametrize("take", [pickle.dumps, copy.copy, copy.deepcopy, json.JSONEncoder().encode, vars, bytes, list])
def test_it_is_never_taken_along(take: Callable[[Secret], object], value: str) -> None:
    with pytest.raises(TypeError) as raised:
        take(Secret(value.encode()))
    assert value[12:20] not in str(raised.value)


def test_equal_values_are_one_secret(value: str) -> None:
    assert len({Secret(value.encode()), Secret(value.encode()), Secret(value[:-1].encode())}) == 2
    assert Secret(value.encode()) != value.encode()
    assert len(Secret(value.encode())) == len(value)
    assert Secret(value.encode()).reveal() == value.encode()


@pytest.mark.parametrize(("bits", "named"), [(None, False), (99.9, False), (100, True), (256, True)])
def test_only_what_nobody_can_guess_is_named_by_its_hash(value: str, bits: float | None, *, named: bool) -> None:
    sha256 = hashlib.sha256(value.encode()).hexdigest()
    assert Secret(value.encode()).token_sha256(bits) == (sha256 if named else None)


def test_the_fingerprint_of_a_token_is_the_documented_one(value: str) -> None:
    inner = hashlib.sha256(value.encode()).digest()
    outer = hashlib.sha256(b"tokenguard/1\0" + plant.KEEBAI.encode() + b"\0" + inner).hexdigest()
    assert Secret(value.encode()).fingerprint(plant.KEEBAI, 256) == outer[:32]


def test_the_fingerprint_of_a_guessable_secret_is_slow_and_another_under_each_rule(value: str) -> None:
    secret = Secret(value.encode())
    inner = hashlib.scrypt(value.encode(), salt=b"tokenguard/1", n=1 << 14, r=8, p=1, dklen=32)
    outer = hashlib.sha256(b"tokenguard/1\0a\0" + inner).hexdigest()
    assert secret.fingerprint("a", None) == outer[:32]
    assert len({secret.fingerprint("a", None), secret.fingerprint("b", None), secret.fingerprint("a", 256)}) == 3
