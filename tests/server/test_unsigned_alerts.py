"""Large messages that name a forge's key and are never signed: what they may cost is bounded."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from server.forge import GITHUB, SigningKey, alerts_of, encoded, entry, key_service, labels, send
from server.serving import UNLIMITED, Api, serving

_LARGE = 2 << 20


@pytest.fixture
def key() -> SigningKey:
    return SigningKey()


@pytest.fixture
def api(tmp_path: Path, key: SigningKey) -> Iterator[Api]:
    settings = replace(UNLIMITED, report_limit=_LARGE, shutdown_seconds=1)
    with key_service(key) as keys, serving(tmp_path / "store.db", tmp_path, settings, alerts_of(keys)) as running:
        yield running


def _unfinished(api: Api, key: SigningKey) -> socket.socket:
    """A connection with all of a large message but its last byte."""
    host, _, port = api.url.removeprefix("http://").partition(":")
    connection = socket.create_connection((host, int(port)), timeout=20)
    head = f"POST {GITHUB} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {_LARGE}\r\n"
    named = "".join(f"{name}: {value}\r\n" for name, value in key.headers(b"other bytes").items())
    connection.sendall(f"{head}{named}\r\n".encode() + b"[" * (_LARGE - 1))
    return connection


def test_large_messages_that_nobody_vouches_for_share_their_room(api: Api, key: SigningKey) -> None:
    _, token = api.mint()
    large = encoded(*(entry("x" * 1000) for _ in range(1500)))
    assert len(large) > 1 << 20
    # The forge's keys are at hand from then on.
    assert labels(send(api, key, encoded(entry("x")))) == ["false_positive"]
    with ExitStack() as stack:
        # Four of the largest size may be held beyond the first MiB of each: eight of these, of twelve.
        held = [stack.enter_context(_unfinished(api, key)) for _ in range(12)]
        refused: set[socket.socket] = set()
        while len(refused) < 4:
            ready, _, _ = select.select([each for each in held if each not in refused], [], [], 20)
            assert ready
            for each in ready:
                assert each.recv(65536).startswith(b"HTTP/1.1 503 ")
                refused.add(each)
        assert labels(send(api, key, encoded(entry(token)))) == ["true_positive"]
        assert api.dead(token)
    assert labels(send(api, key, large)) == ["false_positive"] * 1500


def test_what_was_refused_holds_no_room(api: Api, key: SigningKey) -> None:
    large = encoded(*(entry("x" * 1000) for _ in range(1500)))
    for _ in range(20):
        assert send(api, key, large, Github_Public_Key_Signature=key.sign(b"other bytes")).status_code == 401
    assert labels(send(api, key, large)) == ["false_positive"] * 1500
