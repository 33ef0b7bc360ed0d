"""`tokenguard serve` and `tokenguard store relay` tell whoever is to know, as an operator configures them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from respond.post_office import PostOffice, post_office
from respond.web import Reply, Web, serving
from server.process import Served, make_store, run, served

SECRET = {"HOOK": "a secret that is only for tests, and long enough"}


@pytest.fixture
def office() -> Iterator[PostOffice]:
    with post_office() as running:
        yield running


@pytest.fixture
def hook() -> Iterator[Web]:
    with serving(lambda _: Reply(200)) as running:
        yield running


def configuration(folder: Path, office: PostOffice, hook: Web) -> Path:
    file = folder / "tokenguard.server.yaml"
    file.write_text(
        f"""
notifications:
  smtp: {{host: 127.0.0.1, port: {office.port}, encryption: none, from: tokenguard@example.org}}
  channels:
    owners: {{mail: owner}}
    siem: {{webhook: "{hook.url}/siem", secret_env: HOOK, allow_addresses: 127.0.0.1}}
"""
    )
    return file


def until(condition: Any, seconds: float = 20) -> float:
    started = time.monotonic()
    while not condition():
        assert time.monotonic() < started + seconds
        time.sleep(0.01)  # the server is a process of its own; there is a deadline
    return time.monotonic() - started


def mint(server: Served, admin: str, **more: Any) -> tuple[str, str]:
    answer = server.ask("POST", "/api/v1/tokens", admin, json={"name": "a token", **more})
    assert answer.status_code == 201, answer.text
    return answer.json()["id"], answer.json()["token"]


def test_a_server_tells_of_revocations_and_baits(tmp_path: Path, office: PostOffice, hook: Web) -> None:
    environ, admin = make_store(tmp_path)
    config = configuration(tmp_path, office, hook)
    with served(environ | SECRET, tmp_path, "--config", config) as server:
        token_id, token = mint(server, admin)
        assert server.ask("DELETE", f"/api/v1/tokens/{token_id}", admin).status_code == 204
        until(lambda: office.mails and hook.asked)
        assert "a token" in office.mails[0].get_content()
        assert hook.asked[0].json()["data"]["tokens"][0]["id"] == token_id

        bait_id, bait = mint(server, admin, honeytoken=True)
        time.sleep(0.5)  # the relay sleeps by now: the alarm has to wake it
        refused = server.ask("GET", "/api/v1/auth/me", bait)
        waited = until(lambda: len(hook.asked) == 2)
        assert refused.status_code == 401
        assert waited < 1
        alarm = hook.asked[1].json()
        assert alarm["type"] == "honeytoken.used"
        assert (alarm["data"]["address"], alarm["data"]["tokens"][0]["id"]) == ("127.0.0.1", bait_id)
        assert "python-requests" in alarm["data"]["agent"]
        assert len(office.mails) == 1, "an alarm is for the security channels"
        sent = 'tokenguard_deliveries_total{channel="siem",result="delivered"} 2.0'
        until(lambda: sent in server.ask("GET", "/metrics").text.splitlines())
        assert "tokenguard_deliveries_waiting 0.0" in server.ask("GET", "/metrics").text.splitlines()
        assert server.stop() == 0
    told = b"".join([*(each.body for each in hook.asked), *(bytes(each) for each in office.mails)])
    log = (tmp_path / "server.log").read_bytes()
    for secret in (token, bait, admin, SECRET["HOOK"]):
        assert secret.encode() not in told
        assert secret.encode() not in log


def test_without_its_secret_no_server_starts(tmp_path: Path, office: PostOffice, hook: Web) -> None:
    environ, _ = make_store(tmp_path)
    ended = run("serve", "--port", "0", "--config", configuration(tmp_path, office, hook), environ=environ)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "HOOK" in ended.stderr


def test_cron_relays_without_a_server_and_dead_ones_are_shown(tmp_path: Path, office: PostOffice, hook: Web) -> None:
    environ, admin = make_store(tmp_path)
    config = configuration(tmp_path, office, hook)
    everything = environ | SECRET
    relay = ("store", "relay", "--once", "--json", "--config", config)

    made = run("token", "create", "of ci", "--json", environ=environ)
    assert made.returncode == 0, made.stderr
    revoked = run("token", "revoke", json.loads(made.stdout)["record"]["id"], "--yes", environ=environ)
    assert revoked.returncode == 0, revoked.stderr
    hook.answer = lambda _: Reply(500)
    first = run(*relay, environ=everything)
    assert first.returncode == 3
    assert json.loads(first.stdout) | {"store": ""} == {
        "store": "",
        "taken": 1,
        "delivered": 1,
        "failed": 1,
        "dead": 0,
    }, "the local user has no address: nothing to deliver is delivered"
    assert office.mails == []
    assert "1 message did not reach siem yet: answered with status 500" in run("doctor", environ=environ).stdout
    give_up(tmp_path / "store.db")
    assert run("store", "check", environ=environ).returncode == 0
    assert "did not arrive" in run("store", "check", environ=environ).stderr
    shown = run("doctor", environ=environ).stdout
    assert "did not reach siem" in shown
    assert "status 500" in shown
    hook.answer = lambda _: Reply(200)
    again = run(*relay, "--retry-dead", environ=everything)
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["delivered"] == 1
    assert admin not in shown


def test_what_nobody_was_told_of_is_counted_and_shown(tmp_path: Path, office: PostOffice, hook: Web) -> None:
    environ, admin = make_store(tmp_path)
    made = run("token", "create", "of ci", "--json", environ=environ)
    run("token", "revoke", json.loads(made.stdout)["record"]["id"], "--yes", environ=environ)
    change(tmp_path / "store.db", "UPDATE outbox SET at = at - 8 * 86400 * 1000000")
    with served(environ | SECRET, tmp_path, "--config", configuration(tmp_path, office, hook)) as server:
        until(lambda: "tokenguard_messages_untold 1.0" in server.ask("GET", "/metrics").text.splitlines())
    assert hook.asked == []
    assert "1 message had waited for a channel" in run("doctor", environ=environ).stdout
    assert "nobody was told" in run("store", "check", environ=environ).stderr
    assert admin not in run("doctor", environ=environ).stdout


def give_up(store: Path) -> None:
    """Have a day go by."""
    change(store, "UPDATE deliveries SET dead_at = next_at WHERE delivered_at IS NULL")


def change(store: Path, statement: str) -> None:
    import sqlite3

    with sqlite3.connect(store) as database:
        database.execute(statement)
    database.close()


def test_without_a_channel_there_is_nothing_to_relay(tmp_path: Path) -> None:
    environ, _ = make_store(tmp_path)
    ended = run("store", "relay", "--once", environ=environ)
    assert ended.returncode == 2
    assert "no channel is configured" in ended.stderr
