"""A step of a described API, filled in for one token; and what its answer means."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from tokenguard.model.issuer import PLACEHOLDER, WHOLE, Find, Meaning, Step

if TYPE_CHECKING:
    from tokenguard.model.secret import Secret
    from tokenguard.respond.http import HttpAnswer

_ID = re.compile(r"[A-Za-z0-9_~:@+=,.-]{1,200}")
_MISSING = object()


@dataclass(frozen=True, slots=True)
class Call:
    """One request, ready to be sent."""

    method: str
    path: str
    headers: Mapping[str, bytes]
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer, read."""

    status: int
    data: Any
    """Its JSON; None where it has none."""
    attempts: int


@dataclass(frozen=True, slots=True)
class Filling:
    """What stands for the placeholders; a Secret stays one until the request is built."""

    texts: Mapping[str, str]
    secrets: Mapping[str, Secret]

    def with_id(self, found: str) -> Filling:
        """And with what the first step found."""
        return Filling({**self.texts, "id": found}, self.secrets)

    def lacks(self, step: Step) -> frozenset[str]:
        """The placeholders of a step that nothing stands for."""
        return step.placeholders() - self.texts.keys() - self.secrets.keys()

    def call(self, step: Step, page: str = "") -> Call:
        """The request of a step that lacks nothing; `page` is added to its URL."""
        headers = {name: self._bytes(text) for name, text in step.headers}
        body = None
        if step.form:
            headers["Content-Type"] = b"application/x-www-form-urlencoded"
            body = urlencode([(name, self._bytes(text)) for name, text in step.form]).encode()
        elif step.json:
            headers["Content-Type"] = b"application/json"
            body = json.dumps(self._json(json.loads(step.json))).encode()
        # No secret has a place in a URL, whatever a template says: `texts` alone.
        path = PLACEHOLDER.sub(lambda found: quote(self.texts[found[1]], safe=""), step.path)
        return Call(step.method, path + (f"{'&' if '?' in path else '?'}{page}" if page else ""), headers, body)

    def values(self) -> list[bytes]:
        """The secrets, for finding out where they are."""
        return [secret.reveal() for secret in self.secrets.values()]

    def text(self, template: str) -> str:
        """A template without secrets, filled in."""
        return PLACEHOLDER.sub(lambda found: self.texts[found[1]], template)

    def _bytes(self, template: str) -> bytes:
        return re.sub(PLACEHOLDER.pattern.encode(), lambda found: self._value(found[1].decode()), template.encode())

    def _value(self, name: str) -> bytes:
        return self.secrets[name].reveal() if name in self.secrets else self.texts[name].encode()

    def _json(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._json(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self._json(each) for each in value]
        return self._bytes(value).decode("utf-8", "replace") if isinstance(value, str) else value


def answered(answer: HttpAnswer) -> Answered:
    """An answer with its JSON."""
    try:
        data = json.loads(answer.body) if answer.body else None
    except (ValueError, RecursionError):
        data = None
    return Answered(answer.status, data, answer.attempts)


def meaning(meanings: Sequence[Meaning], status: int | None, data: Any) -> str | None:
    """What the first meaning that holds says; None where none does. `status` None: of a record."""
    for each in meanings:
        if (status is None or status in each.statuses) and _holds(each, data):
            return each.means
    return None


def records(find: Find, data: Any, wanted: str) -> list[Any] | None:
    """The records of the answered list that are named so; None where there is no such list."""
    found = _first(data, find.lists)
    if not isinstance(found, list):
        return None
    return [record for record in found if _first(record, find.fields) == wanted]


def next_page(find: Find, data: Any) -> str:
    """What the next page is asked for with, as a part of its URL; empty where this is the last."""
    value = _at(data, find.next) if find.next else None
    text = str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
    return urlencode({find.parameter: text}) if text else ""


def record_id(find: Find, record: Any) -> str | None:
    """The id of a record; None where it is none that can stand in a URL."""
    found = _first(record, find.take)
    text = str(found) if isinstance(found, (str, int)) else ""
    # Dots alone would make another path of it: the whole collection's, where DELETE means something else.
    return text if _ID.fullmatch(text) and text.strip(".") else None


def _holds(each: Meaning, data: Any) -> bool:
    return all(_at(data, path) not in (_MISSING, None, "") for path in each.has) and all(
        _text(_at(data, path)) in texts for path, texts in each.equals
    )


def _first(data: Any, paths: Sequence[str]) -> Any:
    found = (_at(data, path) for path in paths)
    return next((value for value in found if value is not _MISSING and value is not None), None)


def _at(data: Any, path: str) -> Any:
    """The value under a path; `_MISSING` where there is none."""
    if path == WHOLE:
        return data
    for key in path.split("."):
        if not isinstance(data, dict) or key not in data:
            return _MISSING
        data = data[key]
    return data


def _text(value: Any) -> str | None:
    """A value as the texts of a description say it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (str, int)) else None
