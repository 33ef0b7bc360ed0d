"""The values that stores answer as the JSON of the store's API (version 1), and back.

Server, client and `--json` share it, so that they cannot disagree. Reading is tolerant of unknown keys, since a newer
server may say more, and strict about what it needs.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from typing import TypeVar

from tokenguard.model.leak import Sighting
from tokenguard.model.people import Identity
from tokenguard.model.token import Created, TokenRecord

T = TypeVar("T")

Json = typing.Any
"""None, bool, int, float, str, list or dict, as `json` reads them."""

_Convert = Callable[[Json], Json]
"""From a value to its JSON, or back. Made once for each type: ten thousand records come in one answer."""


_once: Callable[[Callable[[Json], _Convert]], Callable[[Json], _Convert]] = cache


class WireError(ValueError):
    """JSON that is not what the API says. The message names the key, never the value."""


def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC, to the microsecond where there is one."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def to_json(value: object) -> Json:
    """JSON of such a value; the raw token is in it only for a Created."""
    return _writer(type(value))(value)


@_once
def _writer(kind: type) -> _Convert:
    if issubclass(kind, Created):
        return _created
    if is_dataclass(kind):
        return _record_writer(kind)
    if issubclass(kind, (tuple, list)):
        return lambda values: [_writer(type(each))(each) for each in values]
    if issubclass(kind, dict):
        return lambda values: {key: _writer(type(each))(each) for key, each in values.items()}
    if issubclass(kind, datetime):
        return timestamp
    return _value_of if issubclass(kind, Enum) else _same


def _record_writer(kind: type) -> _Convert:
    names = tuple(field.name for field in fields(typing.cast("Json", kind)))

    def write(value: Json) -> Json:
        pairs = ((name, getattr(value, name)) for name in names)
        return {name: _writer(type(each))(each) for name, each in pairs}

    synonyms = _SYNONYMS.get(kind)
    return write if synonyms is None else lambda value: synonyms(write(value))


def _value_of(value: Json) -> Json:
    return value.value


def _same(value: Json) -> Json:
    return value


def _token_record(plain: dict[str, Json]) -> dict[str, Json]:
    plain["label"] = plain["name"]
    plain["createdAt"] = plain["created_at"]
    plain["lastUsedAt"] = plain["last_used_at"]
    plain["revokedAt"] = plain["revoked_at"]
    return plain


def _identity(plain: dict[str, Json]) -> dict[str, Json]:
    return plain | {"user": {key: plain[key] for key in ("id", "name", "email", "plan")}}


def _sighting(plain: dict[str, Json]) -> dict[str, Json]:
    place: dict[str, Json] = plain["place"]
    return place | {key: plain[key] for key in _REPORTED}


_REPORTED = ("reported_by", "reported_at", "reported_by_email")

_SYNONYMS: dict[type, Callable[[dict[str, Json]], dict[str, Json]]] = {
    TokenRecord: _token_record,
    Identity: _identity,
    Sighting: _sighting,
}
"""What is said beside a value's own fields: the names that a client of the documented provider's API looks for."""


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


class _MisreadError(Exception):
    """What is wrong, and the keys that lead there, innermost first."""

    def __init__(self, what: str, *path: str) -> None:
        super().__init__()
        self.what = what
        self.path = list(path)


def from_json(kind: type[T], data: Json) -> T:
    """A value of that class.

    Raises:
        WireError: a key that the class needs is missing, or is of another type.
    """
    try:
        return typing.cast("T", _reader(kind)(data))
    except _MisreadError as error:
        where = "".join(f"/{key}" for key in reversed(error.path)) or kind.__name__
        wrong = WireError(f"{where}: {error.what}")
    # Outside of the handler: no frame that holds the data hangs on to the exception.
    raise wrong


@_once
def _reader(kind: Json) -> _Convert:
    if isinstance(kind, type) and is_dataclass(kind):
        return _sighting_reader() if kind is Sighting else _record_reader(kind)
    if typing.get_args(kind):
        return _generic_reader(kind)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _enum_reader(kind)
    return {object: _same, datetime: _read_moment}.get(kind, lambda data: _checked(kind, data))


def _generic_reader(kind: Json) -> _Convert:
    """Of a union with None, a tuple of any length, or a dict with texts for keys: there are no others."""
    origin: Json = typing.get_origin(kind)
    arguments = typing.get_args(kind)
    if origin is tuple:
        return _tuple_reader(arguments[0])
    if origin is dict:
        return _dict_reader(arguments[1])
    return _optional_reader(next(each for each in arguments if each is not type(None)))


def _record_reader(kind: type) -> _Convert:
    hints = typing.get_type_hints(kind, localns={"Secret": object})
    shape = tuple(
        (field.name, _reader(hints[field.name]), field.default is MISSING and field.default_factory is MISSING)
        for field in fields(typing.cast("Json", kind))
    )

    def read(data: Json) -> Json:
        _checked(dict, data)
        values = {}
        for name, read_value, needed in shape:
            if name in data:
                try:
                    values[name] = read_value(data[name])
                except _MisreadError as error:
                    error.path.append(name)
                    raise
            elif needed:
                raise _MisreadError("missing", name)
        return kind(**values)

    return read


def _sighting_reader() -> _Convert:
    read = _record_reader(Sighting)

    def read_sighting(data: Json) -> Json:
        _checked(dict, data)
        return read({"place": data} | {key: data[key] for key in _REPORTED if key in data})

    return read_sighting


def _optional_reader(kind: Json) -> _Convert:
    read = _reader(kind)
    return lambda data: None if data is None else read(data)


def _tuple_reader(kind: Json) -> _Convert:
    read = _reader(kind)
    return lambda data: tuple(map(read, _checked(list, data)))


def _dict_reader(kind: Json) -> _Convert:
    read = _reader(kind)
    return lambda data: {str(key): read(each) for key, each in _checked(dict, data).items()}


def _enum_reader(kind: type[Enum]) -> _Convert:
    members = {member.value: member for member in kind}

    def read(data: Json) -> Json:
        found = members.get(data) if isinstance(data, str) else None
        if found is None:
            raise _MisreadError("unknown value")
        return found

    return read


def _read_moment(data: Json) -> datetime:
    try:
        return moment(_checked(str, data))
    except WireError as error:
        raise _MisreadError(str(error).partition(": ")[2]) from None


def _checked(kind: type, data: Json) -> Json:
    # Exactly: bool is an int in Python, not in JSON.
    if type(data) is not kind:
        raise _MisreadError(f"{kind.__name__} expected")
    return data


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


def created_from_json(data: Json) -> Created:
    """A Created as its API answers it; every shape that is documented for such an answer.

    Raises:
        WireError: no record in it.
    """
    from tokenguard.model.secret import Secret

    if not isinstance(data, dict):
        raise WireError("answer: dict expected")
    token = data.get("token")
    if not isinstance(token, (str, types.NoneType)):
        raise WireError("token: str expected")
    record = from_json(TokenRecord, data.get("record"))
    return Created(record, None if token is None else Secret(token.encode()))
