"""Whatever is sent, the answer is a problem of the 4xx kind, repeats nothing of it, and the server goes on."""

from __future__ import annotations

import http.client
import json
import random
import secrets
import socket
import statistics
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

import plant
from server.serving import ADMIN, Api
from tokenguard.server import protocol

_MARK = "q7Zk9Wm"
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def _problem(answer: requests.Response, *statuses: int) -> Any:
    assert answer.status_code in statuses, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert _MARK not in answer.text
    assert not any(_MARK in value for value in answer.headers.values())
    problem = answer.json()
    assert problem["status"] == answer.status_code
    assert problem["code"] == problem["error"]["code"]
    return problem


def _credentials(api: Api) -> list[str]:
    """Header values that are no good, for every reason that there is."""
    revoked_id, revoked = api.mint()
    api.ask("DELETE", f"/api/v1/tokens/{revoked_id}")
    owner = api.user("n" + secrets.token_hex(4), "audit.read")
    _, orphaned = api.mint(owner, "audit.read")
    api.ask("PATCH", f"/api/v1/users/{owner}", json={"active": False})
    return [
        f"Bearer {revoked}",
        f"Bearer {orphaned}",
        f"Bearer {plant.token(plant.KEEBAI)}",
        f"Bearer {api.admin[:-1]}",
        f"Bearer {api.admin}x",
        f"Bearer {api.admin} {api.admin}",
        "Bearer a b",
        "Bearer \xff",
        "Bearer " + "x" * 5000,
        "bearer ä",
    ]


def test_every_401_is_the_same(api: Api) -> None:
    answers = [api.ask("GET", "/api/v1/auth/me", headers={"Authorization": each}) for each in _credentials(api)]
    without = [
        api.ask("GET", "/api/v1/auth/me", token=None),
        api.ask("GET", "/api/v1/auth/me", headers={"Authorization": "Basic " + "eDp5"}),
        api.ask("GET", "/api/v1/auth/me", headers={"Authorization": "Bearer"}),
        api.ask("GET", f"/api/v1/auth/me?access_token={api.admin}", token=None),
    ]
    assert {answer.status_code for answer in answers + without} == {401}
    assert len({answer.content for answer in answers + without}) == 1
    assert _problem(answers[0], 401)["code"] == "UNAUTHORIZED"
    assert {answer.headers["WWW-Authenticate"] for answer in answers} == {
        'Bearer realm="tokenguard", error="invalid_token"'
    }
    assert {answer.headers["WWW-Authenticate"] for answer in without} == {'Bearer realm="tokenguard"'}
    own = {"date", "x-request-id", "www-authenticate"}
    assert len({frozenset(pair for pair in a.headers.items() if pair[0] not in own) for a in answers + without}) == 1


def test_an_expired_token_is_as_dead_as_any(api: Api) -> None:
    soon = time.time() + 1.2
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(soon)) + f".{int(soon % 1 * 1000):03}Z"
    _, token = api.mint(expires_at=stamp)
    assert not api.dead(token)
    time.sleep(1.5)
    expired = api.ask("GET", "/api/v1/auth/me", token=token)
    assert expired.status_code == 401
    assert expired.content == api.ask("GET", "/api/v1/auth/me", token=None).content


def test_a_401_takes_as_long_for_every_reason(api: Api) -> None:
    """Medians of requests in a random order on one connection; far apart only where a reason skips the look-up."""
    kinds = [{"Authorization": each} for each in _credentials(api)[:3]] + [{}]
    times: list[list[float]] = [[] for _ in kinds]
    connection = http.client.HTTPConnection(api.url.removeprefix("http://"), timeout=20)
    for _ in range(100):
        for kind, taken in random.sample(list(zip(kinds, times, strict=True)), len(kinds)):
            began = time.perf_counter()
            connection.request("GET", "/api/v1/auth/me", headers=kind)
            connection.getresponse().read()
            taken.append(time.perf_counter() - began)
    connection.close()
    medians = [statistics.median(taken) for taken in times]
    assert max(medians) < 1.5 * min(medians), medians


def test_a_second_credential_makes_both_no_good(api: Api) -> None:
    host = api.url.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=20)
    connection.putrequest("GET", "/api/v1/auth/me")
    for _ in range(2):
        connection.putheader("Authorization", f"Bearer {api.admin}")
    connection.endheaders()
    assert connection.getresponse().status == 401
    connection.close()


def test_a_credential_behind_the_body_is_none(api: Api) -> None:
    head = b"GET /api/v1/auth/me HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
    _raw_problem(_raw(api, head + f"Authorization: Bearer {api.admin}\r\n\r\n".encode()), 401)


_BODIES = [
    (f'{{"name": "{_MARK}", "name": "{_MARK}"}}'.encode(), 422),
    (f'{{"name": "{_MARK}'.encode(), 422),
    (f'{{"name": "{_MARK}\xff"}}'.encode("latin-1"), 422),
    (f'{{"name": "{_MARK}\\ud800"}}'.encode(), 422),
    (f'{{"name": "{_MARK}\\u0000"}}'.encode(), 422),
    (f'{{"name": "{_MARK}\\r\\nSet-Cookie: x"}}'.encode(), 422),
    (f'{{"{_MARK}": 1, "name": "n"}}'.encode(), 422),
    (f'{{"name": ["{_MARK}"]}}'.encode(), 422),
    (f'{{"name": {{"{_MARK}": 1}}}}'.encode(), 422),
    (f'["{_MARK}"]'.encode(), 422),
    (f'"{_MARK}"'.encode(), 422),
    (b"null", 422),
    (b"", 422),
    (b"[" * 100_000, 422),
    (b'{"name": ' + b"9" * 10_000 + b"}", 422),
    (b'{"name": NaN}', 422),
    (f'{{"name": "n", "expires_in_days": "{_MARK}"}}'.encode(), 422),
    (b'{"name": "n", "expires_in_days": 1.5}', 422),
    (b'{"name": "n", "expires_in_days": true}', 422),
    (b'{"name": "n", "expires_in_days": 99999999999999999999999}', 422),
    (f'{{"name": "n", "expires_at": "{_MARK}"}}'.encode(), 422),
    (b'{"name": "n", "expires_at": 1790000000}', 422),
    (b'{"name": "n", "expires_at": "9999-12-31T23:59:60-23:59"}', 422),
    (f'{{"name": "n", "scopes": "{_MARK}"}}'.encode(), 422),
    (f'{{"name": "n", "scopes": ["{_MARK}"]}}'.encode(), 422),
    (f'{{"name": "n", "family": "{_MARK}"}}'.encode(), 422),
    (f'{{"name": "n", "owner": "{_MARK}"}}'.encode(), 422),
    (f'{{"name": "n", "honeytoken": "{_MARK}"}}'.encode(), 422),
    (b'{"name": "' + b"n" * 300 + b'"}', 422),
    (b'{"name": "' + b"n" * (1 << 20) + b'"}', 413),
]


@pytest.mark.parametrize(("body", "status"), _BODIES, ids=range(len(_BODIES)))
def test_a_wrong_body_is_refused_without_repeating_it(api: Api, body: bytes, status: int) -> None:
    problem = _problem(api.ask("POST", "/api/v1/tokens", data=body, headers=JSON), status)
    if status == 422:
        assert isinstance(problem["pointers"], list)


def test_a_wrong_value_is_pointed_at(api: Api) -> None:
    body = {"name": "n", "scopes": ["a", 5], "expires_in_days": 0}
    problem = _problem(api.ask("POST", "/api/v1/tokens", json=body), 422)
    assert problem["pointers"] == ["/scopes/1", "/expires_in_days"]


def test_a_token_in_a_name_is_not_kept(api: Api) -> None:
    token = plant.token(plant.BINBOI_ACCESS)
    answer = api.ask("POST", "/api/v1/tokens", json={"name": f"key {token}"})
    assert answer.status_code == 422
    assert token not in answer.text


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-16", ""]
)
def test_a_body_of_another_type_is_not_read(api: Api, kind: str) -> None:
    _problem(api.ask("POST", "/api/v1/tokens", data=b'{"name": "n"}', headers={"Content-Type": kind}), 415)


def test_a_form_of_another_type_is_not_read(api: Api) -> None:
    _problem(api.ask("POST", "/oauth/introspect", json={"token": _MARK}), 415)
    _problem(api.ask("POST", "/oauth/revoke", json={"token": _MARK}, token=None), 415)


@pytest.mark.parametrize(
    "form", [f"token={_MARK}&token={_MARK}", f"token={_MARK}%ff", f"token={_MARK}%00", "", "token=", "token_sha256=x"]
)
@pytest.mark.parametrize("path", ["/oauth/introspect", "/oauth/revoke"])
def test_a_wrong_form_is_refused(api: Api, path: str, form: str) -> None:
    _problem(api.ask("POST", path, data=form.encode(), headers=FORM), 422)
    if path == "/oauth/introspect":
        _problem(api.ask("POST", path, data=form.encode(), headers=FORM, token=None), 401)


@pytest.mark.parametrize(
    "query",
    [f"limit={_MARK}", "limit=0", "limit=1001", f"{_MARK}=1", "limit=1&limit=2", f"status={_MARK}", "owner=%ff"],
)
def test_a_wrong_query_is_refused(api: Api, query: str) -> None:
    _problem(api.ask("GET", f"/api/v1/tokens?{query}"), 422)


@pytest.mark.parametrize("query", [f"owner={_MARK}", f"family={_MARK}", "prefix=%00", "owner=%00", f"cursor={_MARK}"])
def test_a_strange_query_is_no_fault(api: Api, query: str) -> None:
    assert api.ask("GET", f"/api/v1/tokens?{query}").status_code in {200, 404, 422}


@pytest.mark.parametrize(
    "path",
    [
        f"/{_MARK}",
        f"/api/v1/tokens/{_MARK}",
        f"/api/v1/tokens/{_MARK}%00",
        f"/api/v1/tokens/%0d%0aSet-Cookie:{_MARK}",
        f"/api/v1/leaks/{_MARK}%ff",
        "/api/v1/tokens/",
        "/api/v1/tokens/..%2f..%2fetc",
        "//example.org/..",
        "/api/v1/leaks/" + "x" * 5000,
    ],
)
def test_a_path_that_there_is_not_is_404(api: Api, path: str) -> None:
    _problem(api.ask("GET", path), 404, 422)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/api/v1/tokens", "GET, POST"),
        ("GET", "/oauth/introspect", "POST"),
        ("DELETE", "/api/v1/roles", "GET, POST"),
        ("OPTIONS", "/api/v1/roles/x", "DELETE, PATCH"),
        ("TRACE", "/healthz", "GET, HEAD"),
    ],
)
def test_another_method_is_405_and_says_which(api: Api, method: str, path: str, allowed: str) -> None:
    answer = api.ask(method, path)
    _problem(answer, 405)
    assert answer.headers["Allow"] == allowed


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_load_balancers_may_ask_for_the_head_alone(api: Api, path: str) -> None:
    answer = api.ask("HEAD", path, token=None)
    assert (answer.status_code, answer.content) == (200, b"")


def _raw(api: Api, sent: bytes, *pieces: bytes) -> bytes:
    """What comes back on a connection for raw bytes."""
    host, _, port = api.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        for piece in (sent, *pieces):
            connection.sendall(piece)
        return _answer(connection)


def _answer(connection: socket.socket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received and (data := connection.recv(65536)):
        received += data
    head, _, body = received.partition(b"\r\n\r\n")
    length = next(int(line[16:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length: "))
    while len(body) < length and (data := connection.recv(65536)):
        body += data
    return head + b"\r\n\r\n" + body


def _raw_problem(answer: bytes, *statuses: int) -> None:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert int(head.split()[1]) in statuses, answer[:500]
    assert b"content-type: application/problem+json" in head.lower()
    assert json.loads(body)["status"] in statuses
    assert _MARK.encode() not in answer


@pytest.mark.parametrize("size", [100_000, 1_000_000, 5_000_000])
def test_a_giant_token_is_refused_and_not_kept(api: Api, size: int) -> None:
    value = b"Bearer " + _MARK.encode() + b"x" * size
    head = b"GET /api/v1/auth/me HTTP/1.1\r\nHost: x\r\nAuthorization: " + value + b"\r\n\r\n"
    _raw_problem(_raw(api, head), 401, 431)
    assert api.get("/healthz") == {"status": "ok"}


def test_a_giant_token_in_a_body_is_refused(api: Api) -> None:
    token = _MARK + "x" * 1_000_000
    _problem(api.ask("POST", "/oauth/introspect", data={"token": token}), 413)
    _problem(api.ask("POST", "/oauth/revoke", data={"token": token}, token=None), 413)
    assert api.ask("POST", "/api/v1/revocations/leaked", json={"tokens": [token]}, token=None).status_code == 202
    done = api.post("/api/v1/revocations", {"targets": [{"token": token}, {"prefix": token}, {"id": token}]}, 413)
    assert done["code"] == "PAYLOAD_TOO_LARGE"
    short = {"targets": [{"token": token[:9000]}, {"prefix": token[:9000]}, {"id": token[:9000]}]}
    results = api.post("/api/v1/revocations", short, 200)["results"]
    assert {each["outcome"] for each in results} == {"invalid"}


def test_half_a_character_is_in_no_token(api: Api) -> None:
    _, living = api.mint()
    body = f'{{"tokens": ["{_MARK}\\ud800", "\\udc80", "{living}"]}}'.encode()
    assert api.ask("POST", "/api/v1/revocations/leaked", data=body, headers=JSON, token=None).status_code == 202
    assert api.dead(living)


def _endless(size: int) -> Iterator[bytes]:
    for _ in range(size // 65536):
        yield b"[" * 65536


def test_a_giant_body_is_refused_while_it_comes(api: Api) -> None:
    """Chunked: nobody says before how long it will be. The client gets its answer although it is still sending."""
    answer = api.ask("POST", "/api/v1/revocations", data=_endless(40 << 20), headers=JSON)
    _problem(answer, 413)
    said = api.ask("POST", "/api/v1/revocations", data=b"[" * (8 << 20), headers=JSON)
    _problem(said, 413)


def test_only_who_may_report_makes_the_server_read_a_report(api: Api) -> None:
    _, narrow = api.mint(api.user("narrow", "developer.manage_tokens"), "developer.manage_tokens")
    for body in (b"no JSON", b"[" * 2_000_000):
        answer = api.ask("POST", "/api/v1/leaks", token=narrow, data=body, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["missing"]) == (403, ["leaks:report"])


def test_nobody_can_make_the_server_read_a_body(api: Api) -> None:
    """Whoever has no token is told so before the body is sent."""
    head = (
        b"POST /api/v1/tokens HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Content-Length: 1000000\r\nExpect: 100-continue\r\n\r\n"
    )
    _raw_problem(_raw(api, head), 401)


@pytest.mark.parametrize(
    "sent",
    [
        _MARK.encode() * 30 + b"\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /" + _MARK.encode() + b"\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + _MARK.encode() + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\nX: " + _MARK.encode() + b"\x00\r\n\r\n",
        b"POST /oauth/revoke HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /oauth/revoke HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"POST /oauth/revoke HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nA: b\r\n C: folded\r\n\r\n",
    ],
)
def test_what_is_no_http_is_a_problem_too(api: Api, sent: bytes) -> None:
    _raw_problem(_raw(api, sent), 400)
    assert api.get("/healthz") == {"status": "ok"}


def test_a_head_in_endless_pieces_is_refused(api: Api) -> None:
    pieces = [b"X-%d: " % number + b"y" * 8000 + b"\r\n" for number in range(400)]
    _raw_problem(_raw(api, b"GET /healthz HTTP/1.1\r\nHost: x\r\n", *pieces), 431)


def test_a_head_that_does_not_come_is_given_up(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.3)
    _raw_problem(_raw(api, b"GET /healthz HTTP/1.1\r\nHost:"), 408)
    _raw_problem(_raw(api, b""), 408)


def test_a_body_that_does_not_come_is_given_up(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "BODY_SECONDS", 0.3)
    head = f"POST /oauth/introspect HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {api.admin}\r\n".encode()
    form = b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 50\r\n\r\ntoken="
    _raw_problem(_raw(api, head + form), 408)


def test_a_caller_that_goes_away_is_no_fault(api: Api) -> None:
    host, _, port = api.url.removeprefix("http://").partition(":")
    for _ in range(5):
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            connection.sendall(
                b"POST /oauth/revoke HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
                b"Content-Length: 500\r\n\r\ntoken=x"
            )
    time.sleep(0.3)  # the server notices by itself that they are gone
    assert api.get("/healthz") == {"status": "ok"}
    assert [line for line in api.log if '"status": 5' in line] == []


def test_headers_of_callers_cannot_write_lines(api: Api) -> None:
    agent = "x\x0b\x1b[31m\x85" + _MARK + "y" * 500
    token_id, _ = api.mint()
    api.ask("DELETE", f"/api/v1/tokens/{token_id}", headers={"User-Agent": agent.encode("latin-1")})  # type: ignore[dict-item]
    seen = api.get(f"/api/v1/audit?token={token_id}")["events"][0]["agent"]
    assert seen.isprintable()
    assert len(seen) <= 200


def test_a_token_as_the_callers_name_is_cut(api: Api) -> None:
    token = plant.token(plant.KEEBAI)
    token_id, _ = api.mint()
    api.ask("DELETE", f"/api/v1/tokens/{token_id}", headers={"User-Agent": f"bot {token}"})
    assert api.get(f"/api/v1/audit?token={token_id}")["events"][0]["agent"] == f"bot {token[:12]}…"


def test_answers_are_not_to_be_kept_or_guessed_at(api: Api) -> None:
    for answer in (api.ask("GET", "/api/v1/auth/me"), api.ask("GET", "/nowhere"), api.ask("GET", "/healthz")):
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "Server" not in answer.headers


def test_no_request_was_a_fault(api: Api) -> None:
    """Runs anywhere among the others: none of what they sent so far was a 500."""
    assert [line for line in api.log if '"status": 500' in line] == []
    assert ADMIN not in "".join(api.log)
