"""The values of `tokenguard.model.token` as the JSON of the store's API (version 1), and back.

Server, client and `--json` share it, so that they cannot disagree. Reading is tolerant of unknown keys, since a newer
server may say more, and strict about what it needs.
"""

from __future__ import annotations

import types
import typing
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from typing import TypeVar

from tokenguard.model.token import Created, Identity, Sighting, TokenRecord

T = TypeVar("T")

Json = typing.Any
"""None, bool, int, float, str, list or dict, as `json` reads them."""


class WireError(ValueError):
    """JSON that is not what the API says. The message names the key, never the value."""


def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC, to the microsecond where there is one."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def to_json(value: object) -> Json:
    """JSON of a value of `tokenguard.model.token`; the raw token is in it only for a Created."""
    if isinstance(value, Created):
        return _created(value)
    if is_dataclass(value) and not isinstance(value, type):
        plain = {field.name: to_json(getattr(value, field.name)) for field in fields(value)}
        return _with_synonyms(value, plain)
    if isinstance(value, (tuple, list)):
        return [to_json(each) for each in value]
    if isinstance(value, dict):
        return {key: to_json(each) for key, each in value.items()}
    return _scalar(value)


def _scalar(value: object) -> Json:
    if isinstance(value, datetime):
        return timestamp(value)
    return value.value if isinstance(value, Enum) else value


def _with_synonyms(value: object, plain: dict[str, Json]) -> dict[str, Json]:
    """The names that a client of the documented provider's API looks for."""
    if isinstance(value, TokenRecord):
        return plain | {
            "label": plain["name"],
            "createdAt": plain["created_at"],
            "lastUsedAt": plain["last_used_at"],
            "revokedAt": plain["revoked_at"],
        }
    if isinstance(value, Identity):
        return plain | {"user": {key: plain[key] for key in ("id", "name", "email", "plan")}}
    if isinstance(value, Sighting):
        return plain["place"] | {"reported_by": plain["reported_by"], "reported_at": plain["reported_at"]}
    return plain


def _created(value: Created) -> dict[str, Json]:
    record = to_json(value.record)
    named = {
        "id": record["id"],
        "label": record["name"],
        "prefix": record["prefix"],
        "created_at": record["created_at"],
    }
    token = {} if value.token is None else {"token": value.token.reveal().decode("ascii")}
    return named | token | {"created_at": record["created_at"], "record": record}


def from_json(kind: type[T], data: Json) -> T:
    """A value of that class.

    Raises:
        WireError: a key that the class needs is missing, or is of another type.
    """
    return typing.cast("T", _read(kind, data, ""))


def _read(kind: Json, data: Json, where: str) -> Json:
    if kind is Sighting and isinstance(data, dict):
        data = {"place": data, "reported_by": data.get("reported_by"), "reported_at": data.get("reported_at")}
    if isinstance(kind, type) and is_dataclass(kind):
        return _dataclass(kind, data, where)
    origin = typing.get_origin(kind)
    if origin in {types.UnionType, typing.Union}:
        return _optional(kind, data, where)
    if origin is tuple:
        return tuple(_read(typing.get_args(kind)[0], each, where) for each in _checked(list, data, where))
    if origin is dict:
        inner = typing.get_args(kind)[1]
        return {str(key): _read(inner, each, where) for key, each in _checked(dict, data, where).items()}
    return _plain(kind, data, where)


def _optional(kind: Json, data: Json, where: str) -> Json:
    if data is None:
        return None
    return _read(next(each for each in typing.get_args(kind) if each is not type(None)), data, where)


def _plain(kind: Json, data: Json, where: str) -> Json:
    if kind is object:
        return data
    if kind is datetime:
        return moment(_checked(str, data, where), where)
    if isinstance(kind, type) and issubclass(kind, Enum):
        try:
            return kind(data)
        except ValueError:
            raise WireError(f"{where}: unknown value") from None
    return _checked(kind, data, where)


def moment(text: str, where: str = "time") -> datetime:
    """A time of RFC 3339, aware.

    Raises:
        WireError: not such a time, or one without an offset.
    """
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise WireError(f"{where}: not a time of RFC 3339") from None
    if read.tzinfo is None:
        raise WireError(f"{where}: a time without an offset")
    try:
        return read.astimezone(UTC)
    except OverflowError:
        raise WireError(f"{where}: a time out of range") from None


def _checked(kind: type, data: Json, where: str) -> Json:
    # bool is an int in Python, not in JSON.
    if not isinstance(data, kind) or (kind is int and isinstance(data, bool)):
        raise WireError(f"{where}: {kind.__name__} expected")
    return data


def _dataclass(kind: type, data: Json, where: str) -> Json:
    _checked(dict, data, where or kind.__name__)
    values = {}
    for name, hint, needed in _shape(kind):
        if name in data:
            values[name] = _read(hint, data[name], f"{where}/{name}")
        elif needed:
            raise WireError(f"{where}/{name}: missing")
    return kind(**values)


@cache
def _shape(kind: type) -> tuple[tuple[str, Json, bool], ...]:
    hints = typing.get_type_hints(kind, localns={"Secret": object})
    return tuple(
        (field.name, hints[field.name], field.default is MISSING and field.default_factory is MISSING)
        for field in fields(typing.cast("Json", kind))
    )


def created_from_json(data: Json) -> Created:
    """A Created as its API answers it; every shape that is documented for such an answer.

    Raises:
        WireError: no record in it.
    """
    from tokenguard.model.secret import Secret

    answer = _checked(dict, data, "answer")
    token = answer.get("token")
    record = from_json(TokenRecord, answer.get("record"))
    return Created(record, None if token is None else Secret(_checked(str, token, "token").encode()))
