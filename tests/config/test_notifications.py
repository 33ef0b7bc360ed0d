"""`notifications` in a server's configuration: read strictly, with file and line, and never with a secret in it."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import pytest

from tokenguard.config.notifications import secret_at
from tokenguard.config.server_file import parse_server_file
from tokenguard.errors import ConfigError
from tokenguard.model.leak_intake import SecretPlace
from tokenguard.model.notification import (
    OWNERS,
    OWNERS_KINDS,
    SECURITY_KINDS,
    Encryption,
    Kind,
    MailChannel,
    Notifications,
    SlackChannel,
    WebhookChannel,
)

WHOLE = """
notifications:
  link: https://tokens.example.org/
  smtp:
    host: mail.example.org
    from: tokenguard@example.org
    user: tokenguard
    password_env: SMTP_PASSWORD
  channels:
    owners: {mail: owner}
    security: {mail: [security@example.org, ciso@example.org], kinds: [leaks.found]}
    team: {slack_url_file: slack.url}
    siem:
      webhook: https://siem.example.org/hook
      secret_env: SIEM_SECRET
      kinds: honeytoken.used
      allow_addresses: [10.1.0.0/16, "fd00::/8"]
"""


def read(text: str) -> Notifications:
    return parse_server_file(text.encode(), "/etc/tokenguard/server.yaml").notifications


def test_the_whole() -> None:
    found = read(WHOLE)
    assert found.link == "https://tokens.example.org"
    assert found.smtp is not None
    assert (found.smtp.port, found.smtp.encryption) == (587, Encryption.STARTTLS)
    assert found.channels == (
        MailChannel("owners", OWNERS, OWNERS_KINDS),
        MailChannel("security (security@example.org)", "security@example.org", frozenset({Kind.LEAKS_FOUND})),
        MailChannel("security (ciso@example.org)", "ciso@example.org", frozenset({Kind.LEAKS_FOUND})),
        SlackChannel("team", SecretPlace(file=Path("/etc/tokenguard/slack.url")), SECURITY_KINDS),
        WebhookChannel(
            "siem",
            "https://siem.example.org/hook",
            SecretPlace(variable="SIEM_SECRET"),
            frozenset({Kind.HONEYTOKEN_USED}),
            (ip_network("10.1.0.0/16"), ip_network("fd00::/8")),
        ),
    )


def test_without_any_nobody_is_told() -> None:
    assert read("contact: x") == Notifications()


MAILS = "notifications:\n  smtp: {host: m.example.org, from: a@b.example%s}\n  channels:\n    c: {mail: %s}\n"


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("notifications: 3", 1, "expected keys"),
        ("notifications:\n  chanels: {}", 2, "did you mean channels?"),
        ("notifications:\n  channels:\n    c: {mail: owner}", 3, "mails need `smtp`"),
        ("notifications:\n  channels:\n    c: {kinds: leaks.found}", 3, "expected one of mail, webhook"),
        ("notifications:\n  channels:\n    c: {mail: owner, webhook: https://x.example}", 3, "expected one of"),
        ("notifications:\n  channels:\n    C d: {mail: owner}", 3, "is not a name"),
        ("notifications:\n  channels:\n    c: {webhook: https://x.example}", 3, "name secret_env"),
        (
            "notifications:\n  channels:\n    c: {webhook: https://x.example, secret: hunter2}",
            3,
            "does not belong here",
        ),
        ("notifications:\n  channels:\n    c: {slack_url: https://x.example/hunter2}", 3, "slack_url_env"),
        ("notifications:\n  channels:\n    c: {slack_url_env: https://x/hunter2}", 3, "not the name of a variable"),
        ("notifications:\n  channels:\n    c: {webhook: http://x.example, secret_env: A}", 3, "only https"),
        (
            "notifications:\n  channels:\n    c: {webhook: https://x.example, secret_env: A, secret_file: b}",
            3,
            "one of",
        ),
        (
            "notifications:\n  channels:\n    c: {webhook: https://x.example, secret_env: A, kinds: leaks.fuond}",
            3,
            "did you mean leaks.found?",
        ),
        (
            "notifications:\n  channels:\n    c:\n      slack_url_env: A\n      allow_addresses: 10.0.0.1/8",
            5,
            "is not a network",
        ),
        (MAILS % ("", "not an address"), 4, "is not an address"),
        (MAILS % ("", '"a@b.example\\r\\nBcc: c@d.example"'), 4, "is not an address"),
        (MAILS % (", port: 70000", "owner"), 2, "is not a port"),
        (MAILS % (", encryption: none", "owner"), 2, "shows mails and password"),
        (MAILS % (", user: u", "owner"), 2, "a user and a password"),
        (MAILS % (", password: hunter2", "owner"), 2, "name password_env"),
    ],
)
def test_faults_name_the_line_and_no_secret(text: str, line: int, what: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert str(caught.value).startswith(f"/etc/tokenguard/server.yaml:{line}: ")
    assert what in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_mails_to_this_machine_may_go_in_the_clear() -> None:
    text = "notifications:\n  smtp: {host: 127.0.0.1, from: a@b.example, encryption: none, port: 25}"
    found = read(text).smtp
    assert found is not None
    assert found.encryption is Encryption.NONE


def test_secrets_come_from_where_they_are_said_to_be(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("of a file\n")
    of_file = secret_at(SecretPlace(file=file), {})
    of_variable = secret_at(SecretPlace(variable="NAME"), {"NAME": "of a variable"})
    assert of_file is not None
    assert of_variable is not None
    assert (of_file.reveal(), of_variable.reveal()) == (b"of a file", b"of a variable")
    assert secret_at(SecretPlace(), {}) is None
    file.write_text("two\nlines")
    for place in (SecretPlace(variable="NAME"), SecretPlace(file=tmp_path / "missing"), SecretPlace(file=file)):
        with pytest.raises(ConfigError):
            secret_at(place, {})
