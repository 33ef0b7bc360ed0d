"""Certificates are verified, always; a deadline holds under TLS too."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import time
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from respond.web import Asked, Reply, Web, reply
from tokenguard.errors import ConfigError, UnavailableError
from tokenguard.respond.http import Http, Patience

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

QUICK = Patience(connect=2, read=2, total=5, attempts=2, first_pause=0.01)
OPENSSL = shutil.which("openssl")

pytestmark = pytest.mark.skipif(OPENSSL is None, reason="no openssl to make a certificate with")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that signs itself, with its key; made now, so that no key lies in the repository."""
    file: Path = tmp_path_factory.mktemp("tls") / "both.pem"
    key = file.with_name("key.pem")
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    made = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    assert OPENSSL is not None
    subprocess.run([OPENSSL, *made, *subject, "-keyout", key, "-out", file], check=True, capture_output=True)
    file.write_bytes(file.read_bytes() + key.read_bytes())
    return file


@pytest.fixture
def secured(certificate: Path) -> Iterator[Callable[[Callable[[Asked], Reply]], Web]]:
    def serve(answer: Callable[[Asked], Reply]) -> Web:
        web = Web(answer)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        web.secure(context)
        return running.enter_context(web.running())

    with ExitStack() as running:
        yield serve


def test_a_certificate_of_nobody_is_refused(secured: Callable[[Callable[[Asked], Reply]], Web]) -> None:
    web = secured(lambda _: reply({}))
    with pytest.raises(UnavailableError) as caught:
        Http(web.url, patience=QUICK).ask("GET", "/x")
    assert "certificate is not trusted" in str(caught.value)
    assert web.asked == []


def test_ones_own_ca_is_named(
    secured: Callable[[Callable[[Asked], Reply]], Web], certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    web = secured(lambda _: reply({"fine": True}))
    http = Http(web.url, patience=QUICK)
    assert {http.ask("GET", "/x").status for _ in range(3)} == {200}
    assert len({asked.connection for asked in web.asked}) == 1
    # The same certificate under another name.
    with pytest.raises(UnavailableError):
        Http(web.url.replace("127.0.0.1", "localhost"), patience=QUICK).ask("GET", "/x")


def test_a_ca_bundle_that_is_not_there_is_no_reason_to_trust(
    secured: Callable[[Callable[[Asked], Reply]], Web], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none.pem"))
    web = secured(lambda _: reply({}))
    with pytest.raises(ConfigError) as caught:
        Http(web.url, patience=QUICK).ask("GET", "/x")
    assert "REQUESTS_CA_BUNDLE" in str(caught.value)
    assert web.asked == []


def test_a_trickle_ends_at_the_deadline(
    secured: Callable[[Callable[[Asked], Reply]], Web], certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    web = secured(lambda _: Reply(200, b"x" * 1000, drip=0.1))
    started = time.monotonic()
    with pytest.raises(UnavailableError) as caught:
        Http(web.url, patience=replace(QUICK, total=0.7)).ask("GET", "/x")
    assert "0.7 s" in str(caught.value)
    assert time.monotonic() - started < 3
