"""`leak_intake` in tokenguard.server.yaml: whose alerts are taken, and secrets that are only named there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tokenguard.config.leak_intake import read_secret
from tokenguard.config.server_file import default_policies, parse_server_file
from tokenguard.errors import ConfigError
from tokenguard.model.leak_intake import AlertSource, LeakIntake, SecretPlace
from tokenguard.model.policy import OnLeak

_KEYS = "https://api.github.com/meta/public_keys/secret_scanning"


def _said(text: str) -> LeakIntake:
    return parse_server_file(f"leak_intake: {text}".encode(), "/srv/tokenguard.server.yaml").leak_intake


def test_github_is_taken_as_it_is_documented_and_gitlab_when_it_is_set_up() -> None:
    intake = default_policies().leak_intake
    assert intake.github.keys_url == _KEYS
    assert intake.github.token.variable == "TOKENGUARD_GITHUB_TOKEN"
    assert not intake.gitlab.on
    assert read_secret(intake.revocation_key, {}) is None


def test_a_file_is_put_over_it_forge_by_forge() -> None:
    said = _said("{gitlab: {keys_file: keys.json, revocation_key_file: /run/key}}")
    assert said.github.keys_url == _KEYS
    assert said.gitlab == AlertSource(keys_file=Path("/srv/keys.json"))
    assert said.revocation_key == SecretPlace(file=Path("/run/key"))
    said = _said("{github: {keys_url: http://127.0.0.1:8000/keys}, gitlab: off}")
    assert said.github.keys_url == "http://127.0.0.1:8000/keys"
    assert said.github.token.variable == "TOKENGUARD_GITHUB_TOKEN"
    assert _said("{github: off, gitlab: off}") == LeakIntake()


def test_what_becomes_of_a_leaked_token_is_said_of_its_family() -> None:
    policies = parse_server_file(b"families: {keebai-api-key: {on_leak: notify}}", "s.yaml")
    assert policies.family("keebai-api-key").on_leak is OnLeak.NOTIFY
    assert policies.family("binboi-access-token").on_leak is OnLeak.REVOKE
    with pytest.raises(ConfigError, match=r"s\.yaml:1: on_leak: 'kill' is neither revoke nor notify"):
        parse_server_file(b"families: {keebai-api-key: {on_leak: kill}}", "s.yaml")


@pytest.mark.parametrize(
    "text",
    [
        "off",
        "[github]",
        "{gitea: off}",
        "{github: on}",
        "{github: {key_url: x}}",
        "{github: {keys_url: http://keys.example.org}}",
        "{github: {keys_url: 'https://a:b@keys.example.org'}}",
        "{github: {keys_url: 'https://k.example.org', keys_file: k}}",
        "{github: {token_env: a, token_file: b}}",
        "{github: {token_env: 'not a name'}}",
        "{github: {revocation_key_env: A}}",
        "{gitlab: {revocation_key_env: A, revocation_key_file: b}}",
        "{gitlab: {keys_file: }}",
    ],
)
def test_what_is_not_understood_names_its_line(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^/srv/tokenguard\.server\.yaml:1: "):
        _said(text)


def test_a_secret_from_a_file_or_a_variable(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("k" * 30 + "\n")
    found = (read_secret(SecretPlace(file=file), {}), read_secret(SecretPlace(variable="KEY"), {"KEY": "v" * 30}))
    assert [each.reveal() if each else None for each in found] == [b"k" * 30, b"v" * 30]
    assert read_secret(SecretPlace(), {}) is None


@pytest.mark.parametrize("text", ["", "short", "k" * 30 + "\n" + "k" * 30, "k k" * 20, "ü" * 30])
def test_a_secret_that_is_none_ends_the_start_and_is_not_shown(tmp_path: Path, text: str) -> None:
    file = tmp_path / "key"
    file.write_text(text)
    with pytest.raises(ConfigError, match="not a key") as caught:
        read_secret(SecretPlace(file=file), {})
    assert not text or text not in str(caught.value)
    with pytest.raises(ConfigError, match="no such file"):
        read_secret(SecretPlace(file=tmp_path / "missing"), {})
