"""Structured logs, one JSON object a line, that no token gets into.

What is taken out: every token of the families, wherever it stands in a record, plain or percent-encoded, and the
messages of exceptions as a whole, since nobody can say what is in them. Their kind and place are kept.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any, TextIO

from tokenguard.model.rule import RuleSet
from tokenguard.store.texts import TokenSieve, families, spelled_out

LOGGER = "tokenguard.server"

_log = logging.getLogger(LOGGER)

_LONGEST = 4096
_FRAMES = 12
_PLAIN = re.compile(r"[\w/.~:@-]*", re.ASCII)


class Scrubber:
    """Takes tokens out of texts."""

    def __init__(self, ruleset: RuleSet) -> None:
        self._sieve = TokenSieve(ruleset)
        self._begins = re.compile("|".join(re.escape(rule.literal_prefix) for rule in families(ruleset)) or "(?!)")

    def clean(self, text: str) -> str:
        """`text` on one line; of a token, and of what begins like one, only the visible prefix."""
        text = text[: 2 * _LONGEST]
        if "%" in text and self._begins.search(plain := spelled_out(text)):
            text = plain
        # Most texts hold none, and looking for how one begins is all that they cost.
        return self._sieve.kept(text, _LONGEST) if self._begins.search(text) else text


class TokenFilter(logging.Filter):
    """Rewrites each record before anything can write it: the message put together and cleaned, the exception's gone."""

    def __init__(self, scrubber: Scrubber) -> None:
        super().__init__()
        self._clean = scrubber.clean

    def filter(self, record: logging.LogRecord) -> bool:
        """Never drops a record."""
        try:
            message = record.getMessage()
        except Exception:  # noqa: BLE001 - else it would be raised in whoever logs
            # A broken format is a fault of whoever logs, and its arguments are not to be shown for it.
            message = str(record.msg)
        record.msg, record.args = self._clean(message), None
        if record.exc_info and record.exc_info[1]:
            record.exc_text = "\n".join(_places(record.exc_info[1]))
        record.exc_info = None
        record.stack_info = None
        return True


def _places(error: BaseException) -> Iterator[str]:
    """Kind and places of an exception and of what caused it; never a message, which may hold data."""
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        yield type(following).__qualname__
        yield from _frames(following.__traceback__)
        following = following.__cause__ or following.__context__


def _frames(trace: TracebackType | None) -> Iterator[str]:
    for frame in traceback.extract_tb(trace)[-_FRAMES:]:
        yield f"  {frame.filename.replace(chr(92), '/').rpartition('/')[2]}:{frame.lineno} {frame.name}"


class JsonFormatter(logging.Formatter):
    """One object a line: time (RFC 3339, UTC), level, logger, event, whatever `extra={"fields": …}` says, error."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line: dict[str, Any] = {
            "time": _moment(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_text:
            line["error"] = record.exc_text.split("\n")
        return json.dumps(line, default=lambda value: type(value).__name__)


def _moment(seconds: float) -> str:
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{int(seconds % 1 * 1000):03}Z"


@contextmanager
def logging_to(stream: TextIO, scrubber: Scrubber) -> Iterator[None]:
    """All logging of the process, that of every library too, goes to `stream` as long as this lasts.

    So does what ends a thread, which Python would write to standard error with all that the exception says.
    """
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    handler.addFilter(TokenFilter(scrubber))
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    # What a library says about its own workings may quote what passes through it.
    quiet = [logging.getLogger(name) for name in ("sqlalchemy", "asyncio", "alembic")]
    levels = [logger.level for logger in quiet]
    for logger in quiet:
        logger.setLevel(logging.WARNING)
    hook, threading.excepthook = threading.excepthook, _thread_ended
    try:
        yield
    finally:
        threading.excepthook = hook
        root.handlers[:] = before
        root.setLevel(level)
        for logger, was in zip(quiet, levels, strict=True):
            logger.setLevel(was)


def _thread_ended(ended: threading.ExceptHookArgs) -> None:
    name = ended.thread.name if ended.thread else "unknown"
    _log.error("a fault of ours ended the thread %s", name, exc_info=ended.exc_value)


class AccessLog:
    """A line for each request. Written past `logging`, which would take as long as a look-up.

    No query string and no header is ever in it; a path is cleaned. What one turn of the event loop answers is written
    at its end, in one piece.
    """

    def __init__(self, write: Callable[[str], object], scrubber: Scrubber) -> None:
        self._write = write
        self._clean = scrubber.clean
        self._lines: list[str] = []
        self._second = (0, "")

    def note(  # noqa: PLR0913 - what a line says
        self, method: str, path: str, status: int, seconds: float, *, address: str, request_id: str
    ) -> None:
        """Note a request; `path` is as it was asked for."""
        if not self._lines:
            asyncio.get_running_loop().call_soon(self.flush)
        shown = self._clean(path[:_LONGEST])
        quoted = f'"{shown}"' if _PLAIN.fullmatch(shown) else json.dumps(shown)
        self._lines.append(
            f'{{"time": "{self._time()}", "level": "info", "logger": "tokenguard.access", "event": "request", '
            f'"method": "{method}", "path": {quoted}, "status": {status}, "ms": {seconds * 1000:.1f}, '
            f'"address": "{address}", "request_id": "{request_id}"}}\n'
        )

    def flush(self) -> None:
        """Write what was noted."""
        lines, self._lines = self._lines, []
        # A log that cannot be written (a full disk, a reader that went away) is no reason to refuse a request.
        with suppress(OSError, ValueError):
            self._write("".join(lines))

    def _time(self) -> str:
        now = time.time()
        second = int(now)
        if second != self._second[0]:
            self._second = (second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)))
        return f"{self._second[1]}.{int(now % 1 * 1000):03}Z"
