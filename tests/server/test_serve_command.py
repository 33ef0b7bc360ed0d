"""`tokenguard serve` as a process: what it refuses, what it prints, how it ends, what its log holds."""

from __future__ import annotations

import contextlib
import json
import shlex
import shutil
import signal
import socket
import sqlite3
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import requests

import plant
from mounted import mounted
from server.process import Served, make_store, run, served

REFUSED = 2
NO_STORE = 3


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], str, Path]:
    folder = tmp_path_factory.mktemp("served")
    environ, admin = make_store(folder)
    return environ, admin, folder


def _mint(server: Served, admin: str, **more: Any) -> tuple[str, str]:
    answer = server.ask("POST", "/api/v1/tokens", admin, json={"name": "a token", **more})
    assert answer.status_code == 201, answer.text
    return answer.json()["id"], answer.json()["token"]


def test_one_line_says_where_it_listens(made: tuple[dict[str, str], str, Path], tmp_path: Path) -> None:
    environ, admin, _ = made
    with served(environ, tmp_path) as server:
        assert server.url.startswith("http://127.0.0.1:")
        assert server.ask("GET", "/api/v1/auth/me", admin).json()["email"] == "admin@localhost"
        assert server.stop() == 0
        assert server.process.stdout is not None
        assert server.process.stdout.read() == b""


def test_a_pepper_that_is_a_mounted_secret(made: tuple[dict[str, str], str, Path], tmp_path: Path) -> None:
    environ, admin, folder = made
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    before = mounted(folder / "pepper", secrets)
    elsewhere = environ | {"TOKENGUARD_PEPPER_FILE": str(secrets / "pepper")}
    with served(elsewhere, tmp_path, before=before) as server:
        assert server.ask("GET", "/api/v1/auth/me", admin).status_code == 200


def test_a_pepper_that_is_added_counts_in_a_running_server(tmp_path: Path) -> None:
    environ, admin = make_store(tmp_path)
    with served(environ, tmp_path) as server:
        _, before = _mint(server, admin)
        assert run("store", "rotate-pepper", environ=environ).returncode == 0
        minted = run("token", "create", "of the new pepper", environ=environ).stdout.strip()
        for token in (before, minted, admin):
            assert server.ask("GET", "/api/v1/auth/me", token).status_code == 200
        _, after = _mint(server, admin)
    peppers = {line.split()[0] for line in (tmp_path / "pepper").read_text().splitlines() if line[0] != "#"}
    with contextlib.closing(sqlite3.connect(tmp_path / "store.db")) as database:
        kept = database.execute("SELECT prefix, pepper_id FROM tokens").fetchall()
    by_prefix = dict(kept)
    assert set(by_prefix.values()) == peppers
    assert by_prefix[before[:12]] != by_prefix[after[:12]] == by_prefix[minted[:12]]


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_running_requests_finish_and_last_uses_are_written(
    made: tuple[dict[str, str], str, Path], tmp_path: Path, sent: signal.Signals
) -> None:
    environ, admin, folder = made
    answers: list[requests.Response] = []
    with served(environ, tmp_path) as server:
        token_id, token = _mint(server, admin)
        assert server.ask("GET", "/api/v1/auth/me", token).status_code == 200
        with contextlib.closing(sqlite3.connect(folder / "store.db", isolation_level=None)) as database:
            database.execute("BEGIN IMMEDIATE")
            asked = threading.Thread(
                target=lambda: answers.append(server.ask("POST", "/api/v1/tokens", admin, json={"name": "late"}))
            )
            asked.start()
            time.sleep(0.5)  # the request waits for the lock by now
            server.process.send_signal(sent)
            time.sleep(0.5)  # it would have ended if it did not wait
            assert server.process.poll() is None
            with pytest.raises(requests.ConnectionError):
                server.ask("GET", "/healthz")
            database.execute("ROLLBACK")
        asked.join(20)
        assert server.process.wait(20) == 0
    assert answers[0].status_code == 201
    with contextlib.closing(sqlite3.connect(folder / "store.db")) as database:
        (last_used,) = database.execute("SELECT last_used_at FROM tokens WHERE id = ?", (token_id,)).fetchone()
    assert last_used is not None


def _write_until_it_dies(server: Served, admin: str, created: list[str], revoked: list[str]) -> None:
    """Mint and revoke; what was acknowledged is in the lists."""
    with contextlib.suppress(requests.RequestException, ValueError):
        while True:
            token_id, token = _mint(server, admin)
            created.append(token_id)
            body = {"targets": [{"token": token}], "reason": "test"}
            answer = server.ask("POST", "/api/v1/revocations", admin, json=body)
            assert answer.json()["results"][0]["outcome"] == "revoked"
            revoked.append(token_id)


def test_kill_keeps_every_acknowledged_write(made: tuple[dict[str, str], str, Path], tmp_path: Path) -> None:
    environ, admin, _ = made
    created: list[str] = []
    revoked: list[str] = []
    unlimited = tmp_path / "unlimited.yaml"
    unlimited.write_text("families: {tokenguard-access-token: {rate_limits: []}}\nservice_rate_limits: []\n")
    for seconds in (0.4, 0.6, 0.9):
        with served(environ, tmp_path, "--no-access-log", "--config", unlimited) as server:
            workers = [
                threading.Thread(target=_write_until_it_dies, args=(server, admin, created, revoked)) for _ in range(3)
            ]
            for worker in workers:
                worker.start()
            time.sleep(seconds)
            server.process.kill()
            for worker in workers:
                worker.join(40)
    assert len(revoked) > 3
    with served(environ, tmp_path, "--config", unlimited) as server:
        status = {
            token_id: server.ask("GET", f"/api/v1/tokens/{token_id}", admin).json()["status"] for token_id in created
        }
    assert {status[token_id] for token_id in revoked} == {"revoked"}
    checked = run("store", "check", environ=environ)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_no_log_holds_a_token(made: tuple[dict[str, str], str, Path], tmp_path: Path) -> None:
    environ, admin, _ = made
    strangers = [plant.token(rule) for rule in plant.RULES]
    with served(environ, tmp_path) as server:
        tokens = [admin, *strangers, *(_mint(server, admin)[1] for _ in range(3))]
        for token in tokens:
            server.ask("GET", f"/api/v1/tokens/{token}?access_token={token}&x={token}", token)
            server.ask("GET", f"/{token.replace('_', '%5F')}", admin)
            server.ask("POST", "/oauth/introspect", admin, data={"token": token, "token_sha256": token})
            server.ask("POST", "/api/v1/revocations", token, json={"targets": [{"prefix": token}], "reason": token})
            server.ask("POST", "/api/v1/tokens", admin, json={"name": token, token: token})
            server.ask("POST", "/api/v1/leaks", admin, json={"finding": {"rule_id": token, "prefix": token}})
            server.ask("PATCH", f"/api/v1/users/{token}", admin, json={"name": token})
            _send(server, f"GET /{token} HTTP/1.1\r\nHost: {token}\r\n{token}\r\n\r\n".encode())
            _send(server, f"{token} / HTTP/1.1\r\n\r\n".encode())
        assert server.stop() == 0
        log = server.log_file.read_bytes()
        lines = server.log()
    assert len(lines) > 40
    for token in tokens:
        hidden = token[20:].encode()
        assert hidden not in log
        assert hidden.replace(b"_", b"%5F") not in log


def _send(server: Served, data: bytes) -> None:
    host, _, port = server.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(data)
        connection.recv(65536)


def test_a_database_that_is_held_is_503_and_heals(made: tuple[dict[str, str], str, Path], tmp_path: Path) -> None:
    environ, admin, folder = made
    with served(environ, tmp_path) as server:
        _, token = _mint(server, admin)
        with contextlib.closing(sqlite3.connect(folder / "store.db", isolation_level=None)) as database:
            database.execute("BEGIN IMMEDIATE")
            began = time.monotonic()
            answer = server.ask("POST", "/api/v1/tokens", admin, json={"name": "n"})
            assert time.monotonic() - began < 15
            _unavailable(answer)
            # Whoever only reads does not wait for who writes.
            assert server.ask("POST", "/oauth/introspect", admin, data={"token": token}).json()["active"] is True
            assert server.ask("POST", "/oauth/revoke", data={"token": token}).status_code == 503
            database.execute("ROLLBACK")
        assert server.ask("POST", "/oauth/revoke", data={"token": token}).status_code == 200
        assert server.ask("POST", "/oauth/introspect", admin, data={"token": token}).json() == {"active": False}
        assert server.stop() == 0


def test_a_database_that_is_gone_is_503_and_heals(tmp_path: Path) -> None:
    environ, admin = make_store(tmp_path)
    with served(environ, tmp_path) as server:
        _, token = _mint(server, admin)
        (tmp_path / "away").mkdir()
        files = sorted(tmp_path.glob("store.db*"))
        for file in files:
            file.rename(tmp_path / "away" / file.name)
        _unavailable(server.ask("GET", "/api/v1/auth/me", admin))
        _unavailable(server.ask("POST", "/oauth/introspect", admin, data={"token": token}))
        _unavailable(server.ask("GET", "/readyz"))
        assert server.ask("GET", "/healthz").status_code == 200
        for file in files:
            (tmp_path / "away" / file.name).rename(file)
        assert server.ask("GET", "/readyz").status_code == 200
        assert server.ask("GET", "/api/v1/auth/me", token).status_code == 200
        assert server.ask("POST", "/oauth/introspect", admin, data={"token": token}).json()["active"] is True
        assert server.stop() == 0


def _unavailable(answer: requests.Response) -> None:
    assert answer.status_code == 503, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "UNAVAILABLE"
    assert int(answer.headers["Retry-After"]) > 0
    assert "store.db" not in answer.text


def test_a_public_address_needs_tls_or_a_proxy(made: tuple[dict[str, str], str, Path], tmp_path: Path) -> None:
    environ, _, _ = made
    for host in ("0.0.0.0", "::", "192.0.2.1", "example.org"):  # noqa: S104 - that is what is refused
        refused = run("serve", "--host", host, environ=environ)
        assert refused.returncode == REFUSED
        assert refused.stderr.count("\n") == 1
        assert "--tls-cert" in refused.stderr
        assert "--behind-proxy" in refused.stderr
    with served(environ, tmp_path, "--host", "0.0.0.0", "--behind-proxy", "1") as server:  # noqa: S104
        assert requests.get(server.url.replace("0.0.0.0", "127.0.0.1") + "/healthz", timeout=20).status_code == 200  # noqa: S104


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_tls_is_spoken_and_ends_soon(made: tuple[dict[str, str], str, Path], tmp_path: Path) -> None:
    environ, admin, _ = made
    certificate, key = tmp_path / "server.pem", tmp_path / "server.key"
    command = shlex.split(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=localhost"
    )
    name = ["-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*command, *name, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    with (
        served(environ, tmp_path, "--tls-cert", certificate, "--tls-key", key) as server,
        requests.Session() as session,
    ):
        assert server.url.startswith("https://")
        bearer = {"Authorization": f"Bearer {admin}"}
        answer = session.get(f"{server.url}/api/v1/auth/me", headers=bearer, verify=str(certificate), timeout=20)
        assert answer.status_code == 200
        began = time.monotonic()
        assert server.stop() == 0
        # The session still holds its connection, and says no farewell.
        assert time.monotonic() - began < 15
    key.write_text("no key")
    for options in (("--tls-cert", certificate, "--tls-key", key), ("--tls-cert", certificate)):
        refused = run("serve", *options, environ=environ)
        assert (refused.returncode, refused.stderr.count("\n")) == (REFUSED, 1), refused.stderr


def test_a_missing_store_says_what_makes_one(tmp_path: Path) -> None:
    refused = run("serve", environ={"TOKENGUARD_STORE_URL": str(tmp_path / "none.db")})
    assert refused.returncode == NO_STORE
    assert refused.stderr.count("\n") == 1
    assert "tokenguard store init" in refused.stderr
    assert not (tmp_path / "none.db").exists()


@pytest.mark.parametrize("library", ["fastapi", "uvicorn", "prometheus_client", "sqlalchemy"])
def test_a_missing_extra_is_named(tmp_path: Path, library: str) -> None:
    (tmp_path / f"{library}.py").write_text(f"raise ModuleNotFoundError({library!r}, name={library!r})\n")
    refused = run("serve", environ={"PYTHONPATH": str(tmp_path)})
    assert refused.returncode == REFUSED
    assert refused.stderr.count("\n") == 1
    assert f"extra `{'store' if library == 'sqlalchemy' else 'server'}`" in refused.stderr


def test_an_address_that_is_taken_is_named(made: tuple[dict[str, str], str, Path], tmp_path: Path) -> None:
    environ, _, _ = made
    with served(environ, tmp_path) as server:
        port = server.url.rpartition(":")[2]
        refused = run("serve", "--port", port, environ=environ)
    assert refused.returncode == 3
    assert refused.stderr.count("\n") == 1
    assert port in refused.stderr


def test_a_wrong_configuration_is_named(made: tuple[dict[str, str], str, Path], tmp_path: Path) -> None:
    environ, admin, _ = made
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("stranger_limits: 5/hour\n")
    refused = run("serve", "--config", wrong, environ=environ)
    assert (refused.returncode, refused.stderr.count("\n")) == (REFUSED, 1)
    assert "wrong.yaml:1" in refused.stderr
    right = tmp_path / "right.yaml"
    right.write_text("stranger_rate_limits: [2/hour]\ndefault_family: keebai-api-key\n")
    with served(environ, tmp_path, "--config", right) as server:
        answers = [server.ask("POST", "/oauth/revoke", data={"token": "x"}).status_code for _ in range(3)]
        assert answers == [200, 200, 429]
        assert _mint(server, admin)[1].startswith("kbai_pk_")


def test_the_log_is_json_and_can_be_left_out(made: tuple[dict[str, str], str, Path], tmp_path: Path) -> None:
    environ, admin, _ = made
    for number, option in enumerate(("--access-log", "--no-access-log")):
        folder = tmp_path / str(number)
        folder.mkdir()
        with served(environ, folder, option) as server:
            server.ask("GET", "/api/v1/auth/me", admin)
            server.stop()
            requests_logged = [line for line in server.log() if line["event"] == "request"]
        assert len(requests_logged) == 1 - number
        assert json.dumps(requests_logged).count("/api/v1/auth/me") == 1 - number
