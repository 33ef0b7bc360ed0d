"""Settings as text, for people: each value with where it came from, and no password of any URL."""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING

from tokenguard.config.ignore import Ignore
from tokenguard.config.issuers import IssuerSetting
from tokenguard.config.keys import KEYS
from tokenguard.model.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from tokenguard.config.settings import Setting, Settings

# A user name alone can be a token too, and so can anything after the path. Up to the last @, since a password
# that was not encoded can hold one.
_LOGIN = re.compile(r"(?<=://)\S*@")
_QUERY = re.compile(r"(://[^\s?#]*)[?#]\S*")


@dataclass(frozen=True, slots=True)
class Shown:
    """One line: key, value and where it came from."""

    key: str
    value: str
    where: str


def described(settings: Settings) -> tuple[Shown, ...]:
    """Every key with its value, in the order of the table of keys; keys that nobody set stand as `not set`."""
    lines: list[Shown] = []
    for key in KEYS:
        mine = [setting for setting in settings.origins if setting.key == key.name]
        lines += [_line(setting) for setting in mine] or [Shown(key.name, "not set", "default")]
    return tuple(lines)


def _line(setting: Setting) -> Shown:
    provenance = setting.provenance
    where = f"{provenance.layer.value}: {provenance.where}" if provenance.where else provenance.layer.value
    return Shown(setting.key, _text(setting.value), where)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, tuple):
        return ", ".join(_item(each) for each in value)
    return without_login(str(value))


def _item(value: object) -> str:
    if isinstance(value, Ignore):
        return value.where
    if isinstance(value, IssuerSetting):
        return f"{value.family}: {value.kind.value}"
    return str(value)


def without_login(text: str) -> str:
    """`text` with the login and the query of each URL in it left out."""
    return _QUERY.sub(r"\1?…", _LOGIN.sub("…@", text))
