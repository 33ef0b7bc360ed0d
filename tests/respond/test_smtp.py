"""Mails at a real mail server: what they say, over which encryption, and that no name becomes a header."""

from __future__ import annotations

import socket
import ssl
import time
from dataclasses import replace
from pathlib import Path

import pytest

from respond.certificates import OPENSSL, certificate_for
from respond.dripping import dripping
from respond.post_office import PASSWORD, USER, PostOffice, post_office
from respond.test_webhook import NASTY, notice
from tokenguard.errors import ConfigError
from tokenguard.model.leak import LeakPlace
from tokenguard.model.notification import OWNERS, Encryption, Kind, MailServer
from tokenguard.model.secret import Secret
from tokenguard.respond.sender import NotDeliveredError
from tokenguard.respond.smtp import NOBODY, Mail

pytestmark = pytest.mark.skipif(OPENSSL is None, reason="no openssl to make a certificate with")


def server(office: PostOffice, encryption: Encryption = Encryption.NONE, user: str = "") -> MailServer:
    return MailServer("127.0.0.1", "tokenguard@example.org", office.port, encryption, user)


def mail(office: PostOffice, to: str = OWNERS, **more: object) -> Mail:
    return Mail("mail", to, server(office), None, link="https://tokens.example.org", **more)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate_for("IP:127.0.0.1", tmp_path_factory.mktemp("tls"))


@pytest.fixture
def context(certificate: Path) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificate)
    return made


def test_a_mail_says_what_whose_where_and_what_to_do() -> None:
    with post_office() as office:
        assert mail(office).send(notice()) == ""
    (found,), (envelope,) = office.mails, office.envelopes
    assert (envelope.mail_from, envelope.rcpt_tos) == ("tokenguard@example.org", ["dana@example.org"])
    assert found["Subject"] == "[tokenguard] 1 token tgd_12345678… revoked"
    assert found["To"] == "dana@example.org"
    assert found["Message-ID"] == "<out_1@example.org>"
    assert found["Auto-Submitted"] == "auto-generated"
    assert found.get_content_type() == "text/plain"
    text = found.get_content()
    for part in (
        *("ci of acme", "tgd_12345678…", "Dana <dana@example.org>", "https://example.org/a/b", "src/x.py", "0123abcd"),
        *("nothing accepts it any more", "By: github", "Reason: leaked", "What to do:", "Create a new token"),
        *("https://tokens.example.org/tokens/tok_1", "https://tokens.example.org/leaks/leak_1", "out_1"),
    ):
        assert part in text


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_has_its_words(kind: Kind) -> None:
    with post_office() as office:
        mail(office).send(notice(kind=kind, address="192.0.2.66", agent="curl/8"))
    text = office.mails[0].get_content()
    assert "What to do:" in text
    assert ("192.0.2.66" in text) == (kind is Kind.HONEYTOKEN_USED)
    assert ">From" not in text


def test_what_was_revoked_and_seen_nowhere_has_other_words() -> None:
    idle = replace(notice().tokens[0], leak_id=None, leaked=())
    with post_office() as office:
        mail(office).send(notice(tokens=(idle,), by="tokenguard", reason="not used for 90 days"))
        mail(office).send(
            notice(kind=Kind.TOKENS_EXPIRING, by="", reason="tokens of this family live 365 days at most")
        )
        mail(office).send(notice(kind=Kind.TOKENS_EXPIRING, by="", reason=""))
    revoked, shortened, expiring = office.mails
    assert "If something needs it still, create a new token" in revoked.get_content()
    assert "leaked" not in revoked.get_content()
    assert shortened["Subject"] == "[tokenguard] 1 token tgd_12345678… will expire by a new policy"
    assert expiring["Subject"] == "[tokenguard] 1 token tgd_12345678… will expire soon"


def test_no_name_becomes_a_header_or_a_command() -> None:
    token = replace(notice().tokens[0], name=NASTY, leaked=(LeakPlace(url=NASTY, path="\r\n.\r\nMAIL FROM:<x@y>"),))
    hostile = notice(owner_name=NASTY, tokens=(token,), reason="\r\n.\r\nQUIT\r\n", by=NASTY)
    with post_office() as office:
        mail(office).send(hostile)
    (found,), (envelope,) = office.mails, office.envelopes
    assert envelope.rcpt_tos == ["dana@example.org"]
    assert found["Bcc"] is None
    assert set(found.keys()) == {
        *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "X-Tokenguard-Event"),
        *("MIME-Version", "Content-Type", "Content-Transfer-Encoding", "X-Peer", "X-MailFrom", "X-RcptTo"),
    } & set(found.keys())
    assert "QUIT" in found.get_content()


_NONE = (
    "",
    "dana@example.org\r\nBcc: x@y",
    "a@b, c@d",
    "<a@b>",
    '"x y"@z',
    "a@b c",
    ".a@b.org",
    "a..b@c.org",
    "a@b..c",
)


@pytest.mark.parametrize("address", _NONE)
def test_an_address_that_is_none_gets_nothing(address: str) -> None:
    with post_office() as office:
        assert mail(office).send(notice(owner_email=address)) == NOBODY
    assert office.mails == []


@pytest.mark.parametrize(("user", "password"), [("dana", "geh\xe9im und lang"), ("d\xe4na", "a good password")])
def test_a_login_that_cannot_be_sent_is_refused_before_it_is_tried(user: str, password: str) -> None:
    with post_office(login=True) as office, pytest.raises(ConfigError) as refused:
        Mail("mail", OWNERS, server(office, user=user), Secret(password.encode()))
    assert "\xe9" not in str(refused.value)
    assert "\xe4" not in str(refused.value)


def test_ten_thousand_characters() -> None:
    token = replace(notice().tokens[0], name="ü" * 10_000)
    with post_office() as office:
        mail(office).send(notice(tokens=(token,)))
        content = office.envelopes[0].content
    assert isinstance(content, bytes)
    assert max(map(len, content.split(b"\r\n"))) < 998
    assert "ü" * 10_000 in office.mails[0].get_content()


def test_starttls_and_a_login(context: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with post_office(starttls=context, login=True) as office:
        way = server(office, Encryption.STARTTLS, USER)
        sender = Mail("mail", "security@example.org", way, Secret(PASSWORD.encode()))
        with pytest.raises(NotDeliveredError, match="certificate that is not trusted"):
            sender.send(notice())
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        sender.send(notice())
        with pytest.raises(NotDeliveredError, match="535"):
            Mail("mail", "security@example.org", way, Secret(b"wrong")).send(notice())
    assert office.encrypted == [True]
    assert office.envelopes[0].rcpt_tos == ["security@example.org"]


def test_tls(context: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with post_office(tls=context) as office:
        Mail("mail", OWNERS, server(office, Encryption.TLS), None).send(notice())
        with pytest.raises(NotDeliveredError):
            Mail("mail", OWNERS, server(office), None, seconds=1).send(notice())
    assert len(office.mails) == 1


def test_a_server_without_starttls_gets_nothing() -> None:
    with post_office() as office, pytest.raises(NotDeliveredError, match="no such encryption"):
        Mail("mail", OWNERS, server(office, Encryption.STARTTLS), None).send(notice())
    assert office.mails == []


@pytest.mark.parametrize("code", ["451 later", "554 never"])
def test_a_refusal_is_no_delivery(code: str) -> None:
    with post_office() as office:
        office.answer = lambda _: code
        with pytest.raises(NotDeliveredError, match=f"answered with {code[:3]}"):
            mail(office).send(notice())


def test_a_server_that_drips_is_cut_off() -> None:
    with dripping(b"2") as port:
        started = time.monotonic()
        with pytest.raises(NotDeliveredError, match="in time"):
            mail(PostOffice(port=port), seconds=1.0).send(notice())
        assert time.monotonic() - started < 4


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(NotDeliveredError, match="cannot be reached"):
        mail(PostOffice(port=port)).send(notice())
