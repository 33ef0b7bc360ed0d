"""What finds a wrapped token the way the pipeline does: stage 1 by plain search, then unwrap, then again."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from tokenguard.decode.budget import Budget
from tokenguard.decode.registry import CONTAINERS, prefix_triggers
from tokenguard.decode.wrapping import BrokenWrapping, TextWrapping, Trigger, place
from tokenguard.model import Blob, Origin, Skipped


@dataclass(frozen=True, slots=True)
class Sight:
    """A token that was seen: how it was wrapped, outermost first, and its span in the outermost data."""

    via: tuple[str, ...]
    start: int
    end: int


def _hits(data: bytes, triggers: dict[Trigger, TextWrapping]) -> Iterator[tuple[TextWrapping, int, int]]:
    folded = data.lower()
    for trigger, wrapping in triggers.items():
        literal, text = (trigger.literal.lower(), folded) if trigger.caseless else (trigger.literal, data)
        start = text.find(literal)
        while start >= 0:
            yield wrapping, start, start + len(literal)
            start = text.find(literal, start + 1)


def sights(data: bytes, prefix: bytes, token: bytes, depth: int = 3) -> set[Sight]:
    """Every way in which `token` is seen in `data`, that of lying there as it is included.

    Where a letter or digit follows the token directly it is not seen, just as the rules see none.
    """
    found: set[Sight] = set()
    start = data.find(token)
    while start >= 0:
        end = start + len(token)
        if not data[end : end + 1].isalnum():
            found.add(Sight((), start, end))
        start = data.find(token, start + 1)
    if not depth:
        return found
    for wrapping, first, last in _hits(data, prefix_triggers(prefix)):
        for stretch in wrapping.unwrap(data, first, last):
            assert len(stretch.outer) == len(stretch.inner) + 1
            assert list(stretch.outer) == sorted(stretch.outer)
            assert 0 <= stretch.outer[0] <= stretch.outer[-1] <= len(data)
            for inner in sights(stretch.inner, prefix, token, depth - 1):
                start, end = stretch.outer[inner.start], stretch.outer[inner.end]
                found.add(Sight((stretch.via, *inner.via), start, end))
    return found


@pytest.fixture(scope="session")
def sighted() -> Callable[..., set[Sight]]:
    """`sighted(data, prefix, token)`: the set of all sights of the token."""
    return sights


@dataclass(slots=True)
class Unpacked:
    """All that came out of a blob: the bytes of every layer by its `via`, and what was not read."""

    texts: dict[tuple[str, ...], bytes] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)

    def holds(self, token: bytes) -> list[tuple[str, ...]]:
        """Where `token` came to light, the blob's own raw bytes not counted."""
        return [via for via, text in self.texts.items() if via and token in text]


def _text(blob: Blob, unpacked: Unpacked, size: int = 10_000) -> bytes:
    """All that a blob gives, read in pieces of `size` bytes; what breaks is noted."""
    data = bytearray()
    buffer = memoryview(bytearray(size))
    try:
        reader = blob.open()
        try:
            while count := reader.readinto(buffer):
                data += buffer[:count]
        finally:
            reader.close()
    except BrokenWrapping as broken:
        unpacked.skipped.append(Skipped(place(blob.origin), str(broken)))
    return bytes(data)


def unpack(blob: Blob, budget: Budget | None = None) -> Unpacked:
    """Read a blob and everything in it, as the pipeline does: the blob itself first, then its members."""
    budget = budget or Budget()
    unpacked = Unpacked()
    text = unpacked.texts[blob.origin.via] = _text(blob, unpacked)
    for container in CONTAINERS:
        hits = [hit.end() for each in container.triggers for hit in re.finditer(re.escape(each.literal), text)]
        if not hits or not container.recognises(text[:512], hits):
            continue
        for member in container.members(blob, budget):
            if isinstance(member, Skipped):
                unpacked.skipped.append(member)
                continue
            inside = unpack(member, budget)
            unpacked.texts |= inside.texts
            unpacked.skipped += inside.skipped
    return unpacked


class Stream:
    """A reader that cannot be sought in, and gives as little at a time as it likes."""

    def __init__(self, data: bytes, most: int = 5000) -> None:
        self._file = io.BytesIO(data)
        self._most = most

    def readinto(self, buffer: memoryview, /) -> int:
        return self._file.readinto(buffer[: self._most])

    def close(self) -> None:
        self._file.close()


def blob(data: bytes, *, stream: bool = False) -> Blob:
    """A blob of these bytes in a file called `it`."""
    origin = Origin("files", "it")
    return Blob(origin, lambda: Stream(data)) if stream else Blob.of(origin, data)


@pytest.fixture(scope="session", params=["file", "stream"])
def unpacked(request: pytest.FixtureRequest) -> Callable[..., Unpacked]:
    """`unpacked(data, budget)`: all that comes out of `data`, as a file that can be sought in and as a stream."""
    return lambda data, budget=None: unpack(blob(data, stream=request.param == "stream"), budget)


@pytest.fixture(scope="session")
def unpack_all() -> Callable[..., Unpacked]:
    """`unpack_all(blob, budget)`: all that comes out of a blob."""
    return unpack


@pytest.fixture(scope="session")
def blob_of() -> Callable[..., Blob]:
    """`blob_of(data, stream=True)`: a blob of these bytes, in a stream or as a file that can be sought in."""
    return blob


@pytest.fixture
def token(fresh_token: Callable[[str], str]) -> bytes:
    """A new Binboi access token."""
    return fresh_token("binboi-access-token").encode()
