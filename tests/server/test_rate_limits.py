"""How often who may ask: tokens by their policy, strangers and refused credentials by address."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import requests

import plant
from server.serving import ADMIN, SETTINGS, Api, new_token, serving
from tokenguard.config.server_file import default_policies
from tokenguard.model.policy import FamilyPolicy, RateLimit

_FIVE = (RateLimit(5, 3600),)
_FAMILY = "tokenguard-access-token"
_POLICIES = replace(
    default_policies(),
    families={**default_policies().families, _FAMILY: FamilyPolicy(rate_limits=_FIVE)},
    stranger_rate_limits=(RateLimit(3, 3600),),
    service_rate_limits=(RateLimit(8, 3600),),
)


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str | Path:
    if request.param == "sqlite":
        return tmp_path / "store.db"
    url: str = request.getfixturevalue("new_postgres")()
    return url


@contextmanager
def _limited(place: str | Path, folder: Path, proxies: int = 0) -> Iterator[Api]:
    settings = replace(SETTINGS, refused_rate_limits=(RateLimit(4, 3600),), behind_proxy=proxies)
    with serving(place, folder, settings, _POLICIES) as api:
        yield api


def _too_many(answer: requests.Response) -> None:
    assert answer.status_code == 429
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "RATE_LIMITED"
    assert 0 < int(answer.headers["Retry-After"]) <= 3600


def test_a_token_asks_as_often_as_its_policy_says(place: str | Path, tmp_path: Path) -> None:
    with _limited(place, tmp_path) as api:
        token, other = (new_token(api.store, "audit.read") for _ in range(2))
        for _ in range(5):
            assert api.ask("GET", "/api/v1/auth/me", token=token).status_code == 200
        _too_many(api.ask("GET", "/api/v1/auth/me", token=token))
        _too_many(api.ask("POST", "/oauth/introspect", token=token, data={"token": "x"}, headers={}))
        assert api.ask("GET", "/api/v1/auth/me", token=other).status_code == 200


def test_signing_in_counts_as_asking(tmp_path: Path) -> None:
    """Each sign-in is written down: whoever holds a token that may nothing could go on for ever."""
    with _limited(tmp_path / "store.db", tmp_path) as api:
        token, other = (new_token(api.store) for _ in range(2))

        def sign_in(value: str) -> int:
            page = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html"}
            return api.ask("POST", "/sign-in", token=None, data={"token": value}, headers=page).status_code

        assert [sign_in(token) for _ in range(7)] == [303] * 5 + [429] * 2
        assert sign_in(other) == 303
        with api.store.database.reading() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM sessions").scalar() == 6


def test_a_service_that_introspects_has_limits_of_its_own(place: str | Path, tmp_path: Path) -> None:
    with _limited(place, tmp_path) as api:
        service = new_token(api.store, "tokens.introspect")
        for _ in range(8):
            assert api.ask("POST", "/oauth/introspect", token=service, data={"token": "x"}).status_code == 200
        _too_many(api.ask("POST", "/oauth/introspect", token=service, data={"token": "x"}))


def test_strangers_are_limited_by_address_in_both_calls_together(place: str | Path, tmp_path: Path) -> None:
    with _limited(place, tmp_path) as api:
        body = {"tokens": [plant.token(plant.KEEBAI)]}
        for _ in range(2):
            assert api.ask("POST", "/api/v1/revocations/leaked", token=None, json=body).status_code == 202
        assert api.ask("POST", "/oauth/revoke", token=None, data={"token": "x"}).status_code == 200
        _too_many(api.ask("POST", "/oauth/revoke", token=None, data={"token": "x"}))
        _too_many(api.ask("POST", "/api/v1/revocations/leaked", token=None, json=body))


def test_refused_credentials_are_limited_and_lock_no_one_out(place: str | Path, tmp_path: Path) -> None:
    with _limited(place, tmp_path) as api:
        for _ in range(4):
            assert api.dead(plant.token(plant.KEEBAI))
        _too_many(api.ask("GET", "/api/v1/auth/me", token=plant.token(plant.KEEBAI)))
        _too_many(api.ask("GET", "/api/v1/auth/me", token=None))
        _too_many(api.ask("POST", "/oauth/introspect", token=None, data={"token": "x"}))
        assert api.ask("GET", "/api/v1/auth/me", token=new_token(api.store, owner=ADMIN)).status_code == 200


def test_an_address_counts_only_from_a_proxy_that_is_vouched_for(tmp_path: Path) -> None:
    def refusals(api: Api) -> list[int]:
        return [
            api.ask("GET", "/api/v1/auth/me", token=None, headers={"X-Forwarded-For": f"198.51.100.{n}"}).status_code
            for n in range(6)
        ]

    for folder in ("plain", "proxied"):
        (tmp_path / folder).mkdir()
    with _limited(tmp_path / "plain" / "store.db", tmp_path / "plain") as api:
        assert refusals(api) == [401] * 4 + [429] * 2
    with _limited(tmp_path / "proxied" / "store.db", tmp_path / "proxied", proxies=1) as api:
        assert refusals(api) == [401] * 6
        forged = [{"X-Forwarded-For": f"198.51.100.{n}, 203.0.113.9"} for n in range(6)]
        answers = [api.ask("GET", "/api/v1/auth/me", token=None, headers=each).status_code for each in forged]
        assert answers == [401] * 4 + [429] * 2
        assert '"address": "203.0.113.9"' in api.log[-1]


def test_what_stands_behind_a_body_says_nothing_of_where_it_comes_from(tmp_path: Path) -> None:
    """A proxy adds to the head of a request, and may hand on the trailers of its body as they are."""
    with _limited(tmp_path / "store.db", tmp_path, proxies=1) as api:
        host, _, port = api.url.removeprefix("http://").partition(":")
        head = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 203.0.113.9\r\n"
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            connection.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX-Forwarded-For: 127.0.0.1\r\n\r\n")
            assert connection.recv(65536).startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"])
def test_metrics_are_not_for_those_behind_a_proxy_that_was_not_named(tmp_path: Path, header: str) -> None:
    with _limited(tmp_path / "store.db", tmp_path) as api:
        assert api.ask("GET", "/metrics", token=None).status_code == 200
        assert api.ask("GET", "/metrics", token=None, headers={header: "127.0.0.1"}).status_code == 401


def test_metrics_are_not_for_a_page_whose_name_leads_here(tmp_path: Path) -> None:
    with _limited(tmp_path / "store.db", tmp_path) as api:
        for host, status in {
            "rebound.example:80": 401,
            "localhost": 200,
            "LOCALHOST:1": 200,
            "[::1]:1": 200,
        }.items():
            assert api.ask("GET", "/metrics", token=None, headers={"Host": host}).status_code == status


def test_metrics_are_for_this_machine_or_a_token(tmp_path: Path) -> None:
    with _limited(tmp_path / "store.db", tmp_path, proxies=1) as api:
        token = new_token(api.store)
        assert api.ask("GET", "/metrics", token=None).status_code == 200
        away = {"X-Forwarded-For": "203.0.113.9"}
        assert api.ask("GET", "/metrics", token=None, headers=away).status_code == 401
        answer = api.ask("GET", "/metrics", token=token, headers=away)
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        api.ask("GET", "/no/such/path")
        api.ask("POST", "/oauth/introspect", token=None, data={"token": "x"})
        lines = api.ask("GET", "/metrics", token=None).text.splitlines()
        assert 'tokenguard_requests_total{method="GET",route="unmatched",status="404"} 1.0' in lines
        assert 'tokenguard_requests_total{method="POST",route="/oauth/introspect",status="401"} 1.0' in lines
        assert 'tokenguard_requests_total{method="GET",route="/metrics",status="200"} 2.0' in lines
        assert "tokenguard_credentials_refused_total 2.0" in lines
        assert any(line.startswith('tokenguard_request_seconds_bucket{le="+Inf",route="/metrics"} ') for line in lines)
        assert token not in "".join(lines)
