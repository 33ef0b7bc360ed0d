"""No text that is shown gives a secret away, in whatever writing it stands there."""

from __future__ import annotations

import base64
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

import plant
from proofs.scanning import tokenguard
from tokenguard.app.conceal import Concealer
from tokenguard.model import RuleSet
from tokenguard.ruleset.assemble import load_builtin
from tokenguard.ruleset.load import load_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WRITINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "percent": lambda token: "".join(f"%{ord(each):02X}" for each in token),
    "percent, the underscores alone": lambda token: token.replace("_", "%5f"),
    "hex": lambda token: token.encode().hex(),
    "HEX": lambda token: token.encode().hex().upper(),
    "base64": lambda token: base64.b64encode(token.encode()).decode(),
    "base64 for URLs": lambda token: base64.urlsafe_b64encode(b"x" + token.encode()).decode().rstrip("="),
    "base64 twice": lambda token: base64.b64encode(base64.b64encode(f"user:{token}".encode())).decode(),
    r"\u": lambda token: "".join(f"\\u{ord(each):04x}" for each in token),
}


@pytest.fixture(scope="module")
def concealer() -> Concealer:
    return Concealer(load_builtin())


def gives_away(text: str, token: str, write: Callable[[str], str]) -> bool:
    """Any twelve characters of the hidden part, or a long piece of the writing of it."""
    hidden = token.removeprefix(plant.visible_prefix(token))
    written = write(token)
    middle = written[len(written) // 2 :][: len(written) // 4]
    return middle in text or any(hidden[at : at + 12] in text for at in range(len(hidden) - 11))


@pytest.mark.parametrize("writing", WRITINGS)
@pytest.mark.parametrize("rule", plant.RULES)
def test_a_secret_in_any_writing(concealer: Concealer, writing: str, rule: str) -> None:
    token, write = plant.token(rule), WRITINGS[writing]
    text = f"a/{write(token)}/b.txt"
    for cleaned in (concealer.clean(text), concealer.guard(text)):
        assert not gives_away(cleaned, token, write)
        assert cleaned.startswith("a/")
        assert cleaned.endswith("/b.txt")
        assert f"{plant.visible_prefix(token)}…" in cleaned


def test_several_in_one_text(concealer: Concealer) -> None:
    tokens = {name: plant.token(plant.KEEBAI) for name in WRITINGS}
    cleaned = concealer.clean(" | ".join(write(tokens[name]) for name, write in WRITINGS.items()))
    assert [name for name, write in WRITINGS.items() if gives_away(cleaned, tokens[name], write)] == []


@given(st.text())
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert _BUILTIN.clean(text) == text


@pytest.mark.parametrize("text", ["\udcff\n", "\ud83d alone", "", "kbai_pk_", "a%20b"])
def test_odd_texts_stay_as_they_are(concealer: Concealer, text: str) -> None:
    assert concealer.clean(text) == text


def test_bytes_that_are_no_text_beside_a_secret(concealer: Concealer) -> None:
    token = plant.token(plant.KEEBAI)
    assert concealer.clean(f"\udcff/{token.encode().hex()}\udcfe") == f"\udcff/{plant.visible_prefix(token)}…\udcfe"


def test_rules_without_a_prefix(tmp_path: Path) -> None:
    """Nothing of them has an encoded form; the others' are found beside them."""
    path = tmp_path / "rules.yaml"
    path.write_text("rules:\n- id: plain\n  title: P\n  severity: low\n  pattern: 'SECRET[0-9]{8}'\n")
    mixed = RuleSet((*load_builtin().rules, *load_file(path)), "sha256:mixed")
    token = plant.token(plant.KEEBAI)
    cleaned = Concealer(mixed).clean(f"SECRET12345678 {token.encode().hex()}")
    assert cleaned == f"… {plant.visible_prefix(token)}…"


_BUILTIN = Concealer(load_builtin())


@pytest.mark.parametrize("writing", WRITINGS)
def test_messages_of_the_program(tmp_path: Path, writing: str) -> None:
    token, write = plant.token(plant.BINBOI_ACCESS), WRITINGS[writing]
    done: subprocess.CompletedProcess[bytes] = tokenguard("scan", "files", f"nowhere-{write(token)}", cwd=tmp_path)
    assert done.returncode in {2, 3}
    assert b"nowhere-" in done.stderr + done.stdout
    assert not gives_away((done.stderr + done.stdout).decode(), token, write)
