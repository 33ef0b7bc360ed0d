"""Nothing that is logged holds a token, whoever logs it and however it got in."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

import plant
from tokenguard.model.secret import Secret
from tokenguard.ruleset.assemble import load_builtin
from tokenguard.server.logs import AccessLog, Scrubber, logging_to

_SCRUBBER = Scrubber(load_builtin())


def _logged(log: Callable[[logging.Logger], None], name: str = "somebody") -> list[dict[str, Any]]:
    stream = io.StringIO()
    with logging_to(stream, _SCRUBBER):
        log(logging.getLogger(name))
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize("rule", plant.RULES)
def test_no_token_in_messages_arguments_and_exceptions(rule: str) -> None:
    token = plant.token(rule)

    def log(logger: logging.Logger) -> None:
        logger.warning(token)
        logger.warning("given %s and %r", token, {"deep": [token]})
        logger.warning("encoded %s", "".join(f"%{ord(each):02x}" for each in token))
        logger.warning("twice %s", quote(quote(token.replace("_", "%5F"))))
        logger.warning("a secret %s", Secret(token.encode()))
        logger.warning("a broken format %s", token, token)  # noqa: PLE1205 - as libraries have it
        try:
            try:
                raise KeyError(token)  # noqa: TRY301
            except KeyError as error:
                raise ValueError(f"not {token}") from error
        except ValueError:
            logger.exception("while %s", token)

    lines = _logged(log)
    said = json.dumps(lines)
    assert token not in said
    assert token[plant_shown(token) : plant_shown(token) + 8] not in said
    assert lines[0]["event"] == plant.visible_prefix(token) + "…"
    assert lines[-1]["error"][0] == "ValueError"
    assert "KeyError" in lines[-1]["error"]
    assert any("test_log_secrecy.py" in place for place in lines[-1]["error"])


def test_what_ends_a_thread_is_logged_like_everything_else(capfd: pytest.CaptureFixture[str]) -> None:
    token = plant.token(plant.BINBOI_ACCESS)

    def fail() -> None:
        raise LookupError(token)

    def log(_: logging.Logger) -> None:
        thread = threading.Thread(target=fail, name="relay")
        thread.start()
        thread.join()

    (line,) = _logged(log)
    assert line["event"] == "a fault of ours ended the thread relay"
    assert line["error"][0] == "LookupError"
    assert token not in json.dumps(line)
    assert capfd.readouterr().err == ""


def test_whoever_logs_wrongly_is_not_stopped_by_it() -> None:
    lines = _logged(lambda logger: logger.warning("given %(name)s", {"another": "a value"}))
    assert [line["event"] for line in lines] == ["given %(name)s"]


def plant_shown(token: str) -> int:
    """How many characters of it may be shown."""
    return len(plant.visible_prefix(token))


def test_a_token_that_was_cut_is_cut_further() -> None:
    token = plant.token(plant.KEEBAI)
    (line,) = _logged(lambda logger: logger.warning("near %s", token[:-3]))
    assert line["event"] == f"near {plant.visible_prefix(token)}…"


def test_uvicorns_own_access_log_says_no_token_of_a_query(monkeypatch: pytest.MonkeyPatch) -> None:
    token = plant.token(plant.BINBOI_ACCESS)
    # Our servers switch it off, in this process too.
    monkeypatch.setattr(logging.getLogger("uvicorn.access"), "propagate", True)

    def log(logger: logging.Logger) -> None:
        logger.info('%s - "%s %s HTTP/%s" %d', "127.0.0.1:5", "GET", f"/x?access_token={token}&b=%5F", "1.1", 200)

    (line,) = _logged(log, "uvicorn.access")
    assert token not in json.dumps(line)
    assert "/x?access_token=" in line["event"]


def test_the_access_log_says_where_but_no_token() -> None:
    token = plant.token(plant.KEEBAI)
    written: list[str] = []
    paths = (
        "/api/v1/tokens",
        f"/api/v1/tokens/{token}",
        '/"quotes"\n/lines',
        f"/{quote(token.replace('k', '%6B'))}",
    )

    async def ask() -> None:
        log = AccessLog(written.append, _SCRUBBER)
        for path in paths:
            log.note("GET", path, 404, 0.0015, address="192.0.2.1", request_id="r-1")
        await asyncio.sleep(0)

    asyncio.run(ask())
    (text,) = written
    assert text.endswith("\n")
    lines = text.splitlines()
    read = [json.loads(line) for line in lines]
    assert [line["path"] for line in read] == [
        "/api/v1/tokens",
        f"/api/v1/tokens/{plant.visible_prefix(token)}…",
        '/"quotes"\n/lines',
        f"/{plant.visible_prefix(token)}…",
    ]
    assert {**read[0], "time": ""} == {
        "time": "",
        "level": "info",
        "logger": "tokenguard.access",
        "event": "request",
        "method": "GET",
        "path": "/api/v1/tokens",
        "status": 404,
        "ms": 1.5,
        "address": "192.0.2.1",
        "request_id": "r-1",
    }


def test_a_log_that_cannot_be_written_fails_no_request() -> None:
    def full(_: str) -> None:
        raise OSError

    async def ask() -> None:
        log = AccessLog(full, _SCRUBBER)
        for _ in range(2):
            log.note("GET", "/", 200, 0.1, address="192.0.2.1", request_id="r-1")
            await asyncio.sleep(0)

    asyncio.run(ask())


def test_logging_is_as_it_was_afterwards() -> None:
    before = logging.getLogger().handlers[:]
    _logged(lambda logger: logger.warning("once"))
    assert logging.getLogger().handlers == before
