"""What tests/conftest.py promises holds: a private home, nothing of the machine's environment, no network."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import plant


def test_home_is_private_and_this_tests_own(home: Path, tmp_path: Path) -> None:
    assert Path.home() == home
    assert not home.is_relative_to(tmp_path)
    assert home.stat().st_mode & 0o077 == 0
    assert Path(os.environ["XDG_CACHE_HOME"]).is_relative_to(home)


def test_git_reads_the_private_settings_alone(home: Path) -> None:
    listed = subprocess.run(
        ["git", "config", "--list", "--show-origin"], cwd=home, capture_output=True, text=True, check=True
    )
    assert {line.partition("\t")[0] for line in listed.stdout.splitlines()} == {f"file:{home}/.gitconfig"}


def test_no_trace_of_a_ci_job() -> None:
    assert not [name for name in os.environ if name == "CI" or name.startswith(("GITHUB_", "GITLAB_", "CI_"))]


def test_local_time_is_not_utc() -> None:
    assert time.localtime(0).tm_hour == 5


@pytest.mark.parametrize("address", [("192.0.2.1", 9), ("2001:db8::1", 9, 0, 0), ("example.org", 443)], ids=str)
def test_the_network_is_closed(address: tuple[str, int]) -> None:
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with socket.socket(family) as client, pytest.raises(pytest.fail.Exception, match="only loopback"):
        client.connect(address)


def test_loopback_is_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        pass


@given(st.sampled_from(plant.RULES))
def test_planted_tokens_have_the_published_lengths(rule_id: str) -> None:
    lengths = {plant.BINBOI_ACCESS: 56, plant.BINBOI_LIVE: 44, plant.KEEBAI: 72, plant.TOKENGUARD: 51}
    token = plant.token(rule_id)
    assert len(token) == lengths[rule_id]
    assert token.startswith(plant.visible_prefix(token))
