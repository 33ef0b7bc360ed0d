"""Signed webhooks and Slack at a real HTTP server: what arrives, what a receiver can check, and what goes wrong."""

from __future__ import annotations

import hmac
import json
import secrets
import ssl
import time
from base64 import b64decode, b64encode
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from ipaddress import ip_network
from pathlib import Path

import pytest

from respond.certificates import OPENSSL, certificate_for
from respond.dripping import dripping
from respond.web import Asked, Reply, Web, serving
from tokenguard.errors import ConfigError
from tokenguard.model.leak import LeakPlace
from tokenguard.model.notification import Kind, Notice, NoticeToken
from tokenguard.model.secret import Secret
from tokenguard.respond.post import Wire, post
from tokenguard.respond.sender import NotDeliveredError
from tokenguard.respond.slack import Slack
from tokenguard.respond.webhook import Webhook

WIRE = Wire((ip_network("127.0.0.0/8"),), seconds=2)
KEY = secrets.token_bytes(32)
NASTY = "<!channel> `x` *b* & \x1b[31m\u202e\r\nBcc: evil@example.org"


def notice(**changes: object) -> Notice:
    at = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
    place = LeakPlace("github", "https://example.org/a/b", "src/x.py", "0123abcd", at)
    token = NoticeToken("tok_1", "tokenguard-access-token", "tgd_12345678", "ci of acme", at, at, "leak_1", (place,))
    known = Notice(
        id="out_1",
        kind=Kind.TOKENS_REVOKED,
        at=at,
        owner_id="usr_1",
        owner_name="Dana",
        owner_email="dana@example.org",
        tokens=(token,),
        total=1,
        by="github",
        reason="leaked",
    )
    return replace(known, **changes)  # type: ignore[arg-type]


def verified(asked: Asked, key: bytes = KEY, *, tolerance: int = 300) -> bool:
    """What docs/notifications.md tells receivers to do."""
    at = asked.headers["webhook-timestamp"]
    if abs(time.time() - int(at)) > tolerance:
        return False
    signed = f"{asked.headers['webhook-id']}.{at}.".encode() + asked.body
    expected = b64encode(hmac.new(key, signed, sha256).digest()).decode()
    given = [each.removeprefix("v1,") for each in asked.headers["webhook-signature"].split()]
    return any(hmac.compare_digest(expected, each) for each in given)


def webhook(web: Web, secret: bytes = b"whsec_" + b64encode(KEY), wire: Wire = WIRE) -> Webhook:
    return Webhook("siem", f"{web.url}/hook", Secret(secret), wire=wire, link="https://tokens.example.org")


def test_what_arrives_can_be_verified() -> None:
    with serving(lambda _: Reply(204)) as web:
        webhook(web).send(notice())
    (asked,) = web.asked
    assert verified(asked)
    assert not verified(replace(asked, body=asked.body + b" "))
    assert not verified(replace(asked, headers=asked.headers | {"webhook-id": "out_2"}))
    assert not verified(asked, tolerance=-1), "an old one is refused"
    document = asked.json()
    assert (document["type"], document["timestamp"]) == ("tokens.revoked", "2026-05-04T03:02:01Z")
    data = document["data"]
    assert data["id"] == asked.headers["webhook-id"] == "out_1"
    assert data["tokens"][0]["prefix"] == "tgd_12345678"
    assert data["tokens"][0]["seen"][0]["url"] == "https://example.org/a/b"
    assert "What to do:" in data["text"]
    assert asked.headers["content-type"] == "application/json"


def test_the_vector_of_the_standard() -> None:
    """From the specification of Standard Webhooks, so that its libraries accept ours."""
    from tokenguard.respond.webhook import signature, signing_key

    key = signing_key("x", Secret(b"whsec_" + b"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
    body = b'{"test": 2432232314}'
    said = signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert said == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_repetition_has_the_same_id() -> None:
    answers = iter([Reply(500), Reply(200)])
    with serving(lambda _: next(answers)) as web:
        with pytest.raises(NotDeliveredError, match="answered with status 500"):
            webhook(web).send(notice())
        webhook(web).send(notice())
    first, second = web.asked
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body


@pytest.mark.parametrize("secret", [b"brief", b"whsec_c2hvcnQ=", b"whsec_***"])
def test_a_secret_that_is_none(secret: bytes) -> None:
    with pytest.raises(ConfigError) as caught:
        Webhook("siem", "https://siem.example.org", Secret(secret), wire=WIRE)
    assert secret.decode() not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Reply(302, headers={"Location": "/elsewhere"}), "redirects"),
        (Reply(404), "status 404"),
        (Reply(200, reset=True), "breaks off"),
        (Reply(200, wait=30), "in time"),
    ],
)
def test_what_is_no_delivery(answer: Reply, why: str) -> None:
    started = time.monotonic()
    with serving(lambda _: answer) as web:
        with pytest.raises(NotDeliveredError, match=why):
            webhook(web).send(notice())
        assert len(web.asked) == 1
    assert time.monotonic() - started < 6


def test_a_head_that_drips_is_cut_off() -> None:
    with dripping(b"H") as port:
        started = time.monotonic()
        with pytest.raises(NotDeliveredError, match="in time"):
            post(f"http://127.0.0.1:{port}/", b"", {}, WIRE)
        assert time.monotonic() - started < 4


def test_a_large_answer_is_not_read() -> None:
    with serving(lambda _: Reply(200, body=b"x" * (50 << 20))) as web:
        started = time.monotonic()
        webhook(web).send(notice())
        assert time.monotonic() - started < 2


def test_retry_after_is_told() -> None:
    late = Reply(429, headers={"Retry-After": "120"})
    with serving(lambda _: late) as web, pytest.raises(NotDeliveredError) as caught:
        webhook(web).send(notice())
    assert caught.value.retry_after == 120


@pytest.mark.skipif(OPENSSL is None, reason="no openssl to make a certificate with")
def test_tls_is_verified_for_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = certificate_for("receiver.example", tmp_path)
    web = Web(lambda _: Reply(200))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(good)
    web.secure(context)
    wire = replace(WIRE, resolver=lambda *_: ("127.0.0.1",))
    with web.running():
        with pytest.raises(NotDeliveredError, match="certificate is not trusted"):
            post(f"https://receiver.example:{web.port}/", b"{}", {}, wire)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(good))
        post(f"https://receiver.example:{web.port}/", b"{}", {}, wire)
        with pytest.raises(NotDeliveredError, match="certificate is not trusted"):
            post(f"https://other.example:{web.port}/", b"{}", {}, wire)
    assert len(web.asked) == 1


def test_a_proxy_of_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    with serving(lambda _: Reply(200)) as web:
        webhook(web).send(notice())


def test_slack_takes_nobodys_words_for_markup() -> None:
    token = replace(notice().tokens[0], name=NASTY)
    with serving(lambda _: Reply(200, b"ok")) as web:
        Slack("team", Secret(f"{web.url}/services/x".encode()), wire=WIRE).send(
            notice(tokens=(token,), reason="<https://evil.example|click> @here")
        )
    (asked,) = web.asked
    text = asked.json()["text"]
    assert "<" not in text
    assert "&lt;!channel&gt; 'x' *b* &amp;" in text
    spans = text.split("`")[1::2]
    assert any("@here" in each for each in spans), "in a code span nobody is called"
    assert text.count("`") % 2 == 0


def test_ten_thousand_characters_are_a_short_message() -> None:
    long = "x" * 10_000
    token = replace(notice().tokens[0], name=long, leaked=(LeakPlace(url=long, path=long),))
    with serving(lambda _: Reply(200)) as web:
        Slack("team", Secret(web.url.encode()), wire=WIRE).send(notice(tokens=(token,) * 50, total=50))
        webhook(web).send(notice(tokens=(token,)))
    assert len(web.asked[0].json()["text"]) < 4000
    assert json.loads(web.asked[1].body)


def test_a_slack_url_that_is_none_is_not_repeated() -> None:
    with pytest.raises(ConfigError) as caught:
        Slack("team", Secret(b"hooks.example.org/services/very-secret"), wire=WIRE)
    assert "very-secret" not in str(caught.value)


def test_the_key_is_what_the_base64_says() -> None:
    text = b64encode(KEY)
    assert b64decode(text) == KEY
    with serving(lambda _: Reply(200)) as web:
        webhook(web, secret=b"a plain text of enough characters").send(notice())
    assert verified(web.asked[0], b"a plain text of enough characters")
