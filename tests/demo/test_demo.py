"""What `make demo` shows is so; where something is amiss it says so and fails."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest
from demo.terminal import Fault, Terminal

import plant
from demo import loop, terminal


def test_the_loop_closes(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert loop.close_the_loop(tmp_path) == []
    shown = capfd.readouterr().out
    for step in ("token create", "scan git shop --verify", "scan shell --verify", "revoke --report", "revoke --hash"):
        assert f"$ tokenguard {step}" in shown
    assert shown.count("active, fingerprint") == len(plant.RULES)
    assert shown.count("not active: ") == len(plant.RULES)
    assert shown.count("token.revoked") == len(plant.RULES)
    assert "tokenguard, shop.env, commit " in shown
    assert "tokenguard, commit message, commit " in shown
    assert "leaked in a repository" in shown
    assert "seen in a screenshot" in shown
    assert "https://help.example.org/tickets/4711" in shown
    assert shown.count("leak seen") == len(plant.RULES)


def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Terminal:
    """A terminal whose tokenguard is a script."""
    fake = tmp_path / "tokenguard"
    fake.write_text(f"#!/bin/sh\n{script}\n")
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(terminal, "TOKENGUARD", fake)
    return Terminal(tmp_path, {"PATH": os.environ["PATH"]})


def test_what_gives_a_token_away_is_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    shell = program(tmp_path, monkeypatch, "cat >&2")
    token = plant.token(plant.KEEBAI)
    shell.tokens.append(token)
    with pytest.raises(Fault, match="hidden part"):
        shell.run("scan", expect=0, stdin=f"found {token[20:40]}")
    assert token[20:40] not in "".join(capfd.readouterr())
    assert shell.run("scan", expect=0, stdin=f"found {plant.visible_prefix(token)}…").code == 0


def test_another_exit_code_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shell = program(tmp_path, monkeypatch, "exit 3")
    with pytest.raises(Fault, match="should exit 1, not 3"):
        shell.run("scan", "git", expect=1)
    with pytest.raises(Fault, match="token create"):
        shell.secret("token", "create", "x")


def test_a_loop_that_finds_nothing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = terminal.TOKENGUARD
    script = f'case "$1 $2" in "scan git") shift 2; set -- scan files /nowhere "$@";; esac; exec {real} "$@"'
    program(tmp_path, monkeypatch, script)
    home = tmp_path / "home"
    home.mkdir()
    (fault,) = loop.close_the_loop(home)
    assert "should exit 1" in fault


def test_the_program_is_this_environments() -> None:
    assert Path(sys.executable).with_name("tokenguard") == terminal.TOKENGUARD
