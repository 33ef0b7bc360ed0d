"""`issuers` of the user's configuration: what may stand there, and one clear line for what may not."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from tokenguard.config.file import parse
from tokenguard.config.issuers import IssuerKind, IssuerSetting
from tokenguard.config.resolve import resolve
from tokenguard.config.settings import Layer
from tokenguard.errors import ConfigError

FOLDER = Path("/home/u/.config/tokenguard")


def said(text: str) -> tuple[IssuerSetting, ...]:
    lines = "".join(f"  {line}\n" for line in text.splitlines())
    found = parse(f"issuers:\n{lines}".encode(), "config.yaml", Layer.USER, FOLDER)
    return resolve(environ={}, user=found).issuers


def test_who_verifies_and_revokes() -> None:
    text = """\
tokenguard-access-token: store
binboi-access-token: provider
keebai-api-key: {api: provider, url: https://api.example.org/tenant/, token_env: KEEBAI_OPERATOR}
acme-key: {api: store, url: 'http://127.0.0.1:8000', token_file: acme-token}
other-key: {api: provider, token_file: /run/secrets/other}
"""
    assert said(text) == (
        IssuerSetting("tokenguard-access-token", IssuerKind.STORE, "config.yaml:2"),
        IssuerSetting("binboi-access-token", IssuerKind.PROVIDER, "config.yaml:3"),
        IssuerSetting(
            "keebai-api-key",
            IssuerKind.PROVIDER,
            "config.yaml:4",
            url="https://api.example.org/tenant",
            token_env="KEEBAI_OPERATOR",  # noqa: S106 - a name
        ),
        IssuerSetting(
            "acme-key",
            IssuerKind.STORE,
            "config.yaml:5",
            url="http://127.0.0.1:8000",
            token_file=FOLDER / "acme-token",
        ),
        IssuerSetting("other-key", IssuerKind.PROVIDER, "config.yaml:6", token_file=Path("/run/secrets/other")),
    )


def test_without_any_there_is_nobody_to_ask() -> None:
    assert resolve(environ={}).issuers == ()


def test_a_home_is_the_users(home: Path) -> None:
    (issuer,) = said("acme-key: {api: store, token_file: ~/token}")
    assert issuer.token_file == home / "token"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("acme-key: stor", "config.yaml:2: no issuer is called 'stor'; did you mean store?"),
        ("acme-key: binboi", "config.yaml:2: no issuer is called 'binboi'; known are"),
        ("acme-key:", "config.yaml:2: api: without a value"),
        ("acme-key: [store]", "config.yaml:2: api: expected one value"),
        ("Acme Key: store", "config.yaml:2: issuers: 'Acme Key' is no id of a rule"),
        ("acme-key: {url: https://a.example}", "config.yaml:2: acme-key: without 'api'; it is store or provider"),
        ("acme-key: {api: store, ulr: https://a.example}", "an issuer has no key 'ulr'; did you mean url?"),
        ("acme-key: {api: store, url: http://a.example}", "url: plain http would show the token"),
        ("acme-key: {api: store, url: 'https://a.example?x=1'}", "url: not a URL such as"),
        ("acme-key:\n  api: store\n  token_env: 'a b'", "config.yaml:4: token_env: not the name of a variable"),
        ("acme-key: {api: store, token_env: A, token_file: b}", "config.yaml:2: token_env and token_file; say one"),
        ("acme-key: {api: store, token: x}", "a token does not belong in a configuration; name its variable"),
    ],
)
def test_each_mistake_is_one_line(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        said(text)
    assert message in str(caught.value)


@pytest.mark.parametrize("key", ["token_env", "token", "url", "tokne_env"])
def test_a_token_in_the_wrong_place_is_not_repeated(key: str) -> None:
    token = secrets.token_hex(12) + "-"
    with pytest.raises(ConfigError) as caught:
        said(f"acme-key: {{api: store, {key}: {token}}}")
    assert token not in str(caught.value)


def test_a_repository_has_no_say() -> None:
    with pytest.raises(ConfigError) as caught:
        parse(b"issuers: {acme-key: store}\n", ".tokenguard.yaml", Layer.REPOSITORY)
    assert "a repository's own file may not say issuers" in str(caught.value)
