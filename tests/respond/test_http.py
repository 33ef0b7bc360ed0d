"""The one way to speak HTTP, against a real server that behaves badly."""

from __future__ import annotations

import logging
import secrets
import socket
import threading
import time
import traceback
from dataclasses import replace
from pathlib import Path

import pytest

from respond.web import Reply, in_turn, reply, serving
from tokenguard.config.web_address import web_address
from tokenguard.errors import ConfigError, UnavailableError
from tokenguard.respond.http import Http, Patience

QUICK = Patience(connect=2, read=2, total=5, first_pause=0.01, longest_pause=2.0)
OK = reply({"fine": True})


def ask(url: str, method: str = "GET", *, patience: Patience = QUICK, repeatable: bool | None = None) -> int:
    http = Http(url, patience=patience)
    try:
        return http.ask(method, "/x", repeatable=repeatable).status
    finally:
        http.close()


def failure(url: str, *, patience: Patience = QUICK, method: str = "GET") -> UnavailableError:
    with pytest.raises(UnavailableError) as caught:
        ask(url, method, patience=patience)
    return caught.value


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.org",
        "https://api.example.org:8443/base/path/",
        "http://127.0.0.1:1",
        "http://127.9.9.9",
        "http://localhost:8000",
        "http://[::1]:8000",
        "https://[2001:db8::1]",
    ],
)
def test_a_token_may_go_there(url: str) -> None:
    assert str(web_address(url)) == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "http://api.example.org",
        "http://127.0.0.1.example.org",
        "http://localhost.example.org",
        "http://128.0.0.1",
        "http://127.999.1.1",
        "http://127.0.0.010",
        "http://0x7f000001",
        "http://[::ffff:10.0.0.1]",
        "https://user:hunter2@api.example.org",
        "http://127.0.0.1\\@api.example.org",
        "https://api.example.org?token=hunter2",
        "https://api.example.org#hunter2",
        "https://api.example.org/a/../b",
        "https://api.example.org:0",
        "https://api.example.org:99999",
        "https://api.example.org/a b",
        "https://api.example.org/\n",
        "https://bücher.example",
        "https://",
        "ftp://127.0.0.1",
        "file:///etc/passwd",
        "",
    ],
)
def test_a_token_may_not_go_there(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Http(url)
    assert "hunter2" not in str(caught.value)


def test_an_answer_comes_whole_and_the_connection_is_kept() -> None:
    with serving(in_turn(reply([1] * 100_000), Reply(204), OK)) as web:
        http = Http(web.url)
        assert len(http.ask("GET", "/a").body) == 300_000
        assert http.ask("DELETE", "/b").body == b""
        assert http.ask("GET", "/c").attempts == 1
        http.close()
    assert len({asked.connection for asked in web.asked}) == 1


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_passes_is_asked_again(status: int) -> None:
    with serving(in_turn(Reply(status), Reply(reset=True), OK)) as web:
        answer = Http(web.url, patience=QUICK).ask("GET", "/x")
    assert (answer.status, answer.attempts) == (200, 3)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 500, 501])
def test_what_stays_is_not(status: int) -> None:
    with serving(in_turn(Reply(status), OK)) as web:
        assert ask(web.url) == status
    assert len(web.asked) == 1


def test_the_last_word_is_the_servers() -> None:
    with serving(in_turn(Reply(503))) as web:
        assert ask(web.url) == 503
    assert len(web.asked) == QUICK.attempts


@pytest.mark.parametrize(("method", "repeatable", "times"), [("POST", None, 1), ("POST", True, 2), ("PATCH", None, 1)])
def test_only_what_may_be_repeated_is(method: str, *, repeatable: bool | None, times: int) -> None:
    with serving(in_turn(Reply(503), OK)) as web:
        ask(web.url, method, repeatable=repeatable)
    assert len(web.asked) == times


def test_a_lost_answer_to_what_may_not_be_repeated_is_a_failure() -> None:
    with serving(in_turn(Reply(reset=True), OK)) as web:
        failure(web.url, method="POST")
    assert len(web.asked) == 1


@pytest.mark.parametrize("at", ["1", "date"])
def test_retry_after_is_a_lower_bound(at: str) -> None:
    from email.utils import formatdate

    value = formatdate(time.time() + 2, usegmt=True) if at == "date" else at
    with serving(in_turn(Reply(503, headers={"Retry-After": value}), OK)) as web:
        started = time.monotonic()
        assert ask(web.url) == 200
    assert time.monotonic() - started >= 0.9


@pytest.mark.parametrize("value", ["3600", "999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_who_asks_for_too_much_is_not_asked_again(value: str) -> None:
    with serving(in_turn(Reply(429, headers={"Retry-After": value}))) as web:
        started = time.monotonic()
        assert ask(web.url) == 429
    assert len(web.asked) == (1 if value != "999999999999" else QUICK.attempts)
    assert time.monotonic() - started < 1


@pytest.mark.parametrize("value", ["", "soon", "-5", "1e9", "٣"])
def test_a_retry_after_that_says_nothing(value: str) -> None:
    with serving(in_turn(Reply(503), OK)) as web:
        web.answer = in_turn(Reply(503, headers={"Retry-After": value.encode().decode("latin-1")}), OK)
        assert ask(web.url) == 200


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    with serving(lambda _: OK) as other:
        moved = Reply(status, b"x" * 100, {"Location": f"http://127.0.0.1:{other.port}/y"})
        with serving(lambda _: moved) as web:
            error = failure(web.url)
    assert other.asked == []
    assert f"127.0.0.1:{other.port}" in str(error)


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("https://evil.example/\x1b[2J?secret=hunter2", "evil.example"),
        ("/elsewhere", "another page"),
        ("http://[broken", "another host"),
        ("//user:hunter2@evil.example:81/", "evil.example:81"),
    ],
)
def test_a_redirect_names_its_host_only(location: str, said: str) -> None:
    with serving(lambda _: Reply(302, headers={"Location": location})) as web:
        error = str(failure(web.url))
    assert said in error
    assert "hunter2" not in error
    assert error.isprintable()


def test_silence_ends_in_time() -> None:
    with serving(lambda _: Reply(wait=60)) as web:
        started = time.monotonic()
        failure(web.url, patience=replace(QUICK, read=0.2, attempts=2))
        assert time.monotonic() - started < 3
    assert len(web.asked) == 2


@pytest.mark.parametrize("where", ["head", "body"])
def test_a_trickle_ends_at_the_deadline(where: str) -> None:
    patience = replace(QUICK, total=0.6)
    started = time.monotonic()
    if where == "body":
        with serving(lambda _: Reply(200, b"x" * 1000, drip=0.1)) as web:
            error = failure(web.url, patience=patience)
    else:
        with _dripping_head() as url:
            error = failure(url, patience=patience)
    assert "0.6 s" in str(error)
    assert time.monotonic() - started < 3


class _dripping_head:  # noqa: N801 - used as a function
    """A server whose status line comes byte by byte."""

    def __enter__(self) -> str:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def _serve(self) -> None:
        connection, _ = self._listening.accept()
        with connection:
            connection.recv(1 << 16)
            try:
                for byte in b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 1000:
                    connection.sendall(bytes([byte]))
                    if self._done.wait(0.1):
                        return
            except OSError:
                return

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self._listening.close()


def test_half_an_answer_is_none() -> None:
    with serving(in_turn(Reply(200, b"[1, 2, 3]", sent=4))) as web:
        error = failure(web.url)
    assert len(web.asked) == QUICK.attempts
    assert "breaks off" in str(error)


def test_half_an_answer_and_then_a_whole_one() -> None:
    with serving(in_turn(Reply(200, b"[1, 2, 3]", sent=4), OK)) as web:
        assert ask(web.url) == 200


def test_a_giant_answer_is_not_read_to_its_end() -> None:
    with serving(lambda _: Reply(200, b"x" * 5_000_000)) as web:
        error = failure(web.url, patience=replace(QUICK, size=1000))
    assert "larger than 1000 bytes" in str(error)
    assert len(web.asked) == 1


def test_the_giant_body_of_a_redirect_is_not_read_either() -> None:
    with serving(lambda _: Reply(302, b"x" * 5_000_000, {"Location": "/y"})) as web:
        failure(web.url, patience=replace(QUICK, size=1000))


def test_a_packed_answer_is_refused() -> None:
    with serving(lambda _: Reply(200, b"\x1f\x8b", {"Content-Encoding": "gzip"})) as web:
        assert "compressed" in str(failure(web.url))
    assert web.asked[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    "garbage",
    [b"", b"\0" * 100, b"HTTP/9.9 what\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Le", b"HTTP/1.1 200 OK\r\n\r\n[1]"],
)
def test_no_http_at_all(garbage: bytes) -> None:
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        for _ in range(QUICK.attempts):
            try:
                connection, _address = listening.accept()
            except OSError:
                return
            with connection:
                connection.recv(1 << 16)
                connection.sendall(garbage)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    failure(f"http://127.0.0.1:{listening.getsockname()[1]}")
    listening.close()


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert "cannot be reached" in str(failure(f"http://127.0.0.1:{port}"))


def test_a_certificate_that_nobody_signed_is_refused() -> None:
    # Plain text on the other side of a TLS handshake stands for any broken one.
    with serving(lambda _: OK) as web:
        failure(web.url.replace("http:", "https:"))
    assert web.asked == []


def test_netrc_and_proxies_do_not_get_the_token(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / ".netrc").write_text("machine 127.0.0.1 login somebody password hunter2\n")
    token = secrets.token_hex(20)
    with serving(lambda _: OK) as proxy, serving(lambda _: OK) as web:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        Http(web.url).ask("GET", "/x", headers={"Authorization": f"Bearer {token}".encode()})
    assert proxy.asked == []
    assert web.asked[0].bearer == token


def test_https_goes_through_the_proxy_that_sees_the_host_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    token = secrets.token_hex(20)
    heard: list[bytes] = []
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listening.accept()
        with connection:
            heard.append(connection.recv(1 << 16))
            connection.sendall(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n")

    thread = threading.Thread(target=serve)
    thread.start()
    monkeypatch.setenv("HTTPS_PROXY", f"http://me:hunter2@127.0.0.1:{listening.getsockname()[1]}")
    http = Http("https://api.example.org", patience=replace(QUICK, attempts=1))
    with pytest.raises(UnavailableError) as caught:
        http.ask("GET", "/x", headers={"Authorization": f"Bearer {token}".encode()})
    thread.join()
    listening.close()
    assert heard[0].startswith(b"CONNECT api.example.org:443")
    assert token.encode() not in heard[0]
    assert "proxy" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def everything_about(error: BaseException) -> str:
    """What a traceback, or a tool that follows its links, would show."""
    chain: list[BaseException | None] = [error, error.__cause__, error.__context__]
    return "\n".join(f"{each!r} {getattr(each, '__dict__', '')}" for each in chain) + "".join(
        traceback.format_exception(error)
    )


@pytest.mark.parametrize("bad", [Reply(reset=True), Reply(200, b"x" * 2000), Reply(302, headers={"Location": "/y"})])
def test_no_exception_and_no_log_holds_the_token(
    bad: Reply, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("http.client.HTTPConnection.debuglevel", 1)
    caplog.set_level(logging.DEBUG)
    token = secrets.token_hex(20)
    with serving(in_turn(bad)) as web, pytest.raises(UnavailableError) as caught:
        Http(web.url, patience=replace(QUICK, size=1000)).ask(
            "POST", "/x", headers={"Authorization": f"Bearer {token}".encode()}, body=token.encode(), repeatable=True
        )
    assert web.asked[0].bearer == token
    assert caught.value.__context__ is None
    assert token not in everything_about(caught.value)
    assert "POST /x" in caplog.text or bad.reset
    assert token not in caplog.text
    printed = capfd.readouterr()
    assert token not in printed.out + printed.err


@pytest.mark.parametrize("odd", [b"\r\n", b"\n", b" \x00", b" "])
def test_a_token_that_is_no_header_is_not_sent(odd: bytes) -> None:
    token = secrets.token_hex(20)
    with serving(lambda _: OK) as web, pytest.raises(ConfigError) as caught:
        Http(web.url, patience=QUICK).ask("GET", "/x", headers={"Authorization": f"Bearer {token}".encode() + odd})
    assert token not in everything_about(caught.value)
    assert web.asked == []
