"""The `leak_intake` of a server's configuration: whose alerts are taken, where keys and secrets stand.

    leak_intake:
      github: {keys_url: https://…, token_env: NAME}
      gitlab: {keys_file: keys.json, revocation_key_file: key}

`off` instead of a mapping: nothing of that forge is taken.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from tokenguard.config.file import read_bounded
from tokenguard.config.keys import nearest
from tokenguard.config.strict_yaml import MappingNode, Node, ScalarNode, fault, shown, text_of
from tokenguard.config.web_address import web_address
from tokenguard.errors import ConfigError
from tokenguard.model.leak_intake import AlertSource, LeakIntake, SecretPlace
from tokenguard.model.secret import Secret

_FORGES = ("github", "gitlab")
_GITHUB = ("keys_url", "keys_file", "token_env", "token_file")
_GITLAB = (*_GITHUB, "revocation_key_env", "revocation_key_file")
_OFF = "off"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_LONGEST_SECRET = 1 << 12
_LEAST_KEY = 20
"""Characters of a pre-shared key: it cannot be drawn by trying."""


def leak_intake(node: Node, folder: Path, before: LeakIntake) -> LeakIntake:
    """What the value of `leak_intake` says, put over `before`, forge by forge; relative paths start at `folder`.

    Raises:
        ConfigError: anything that is not understood, with file and line.
    """
    found = before
    for forge, value in _entries(node, "leak_intake", _FORGES):
        if forge.text == "github":
            found = replace(found, github=_github(value, folder, before))
        else:
            found = _gitlab(value, folder, found)
    return found


def read_secret(place: SecretPlace, environ: Mapping[str, str]) -> Secret | None:
    """The secret that stands there; None where none is named, or its variable is not set.

    Raises:
        ConfigError: the file is not there, or what stands there is no secret that could be sent in a header.
    """
    text, where = (environ.get(place.variable, "") if place.variable else ""), place.variable
    if place.file is not None:
        where = str(place.file)
        data = read_bounded(place.file, _LONGEST_SECRET, name=where, follow=True)
        if data is None:
            raise ConfigError(f"{where}: no such file", remedy="make it, readable to the server alone")
        text = data.decode("utf-8", "replace").strip()
    elif not text:
        return None
    if len(text) < _LEAST_KEY or not text.isascii() or not text.isprintable() or " " in text:
        raise ConfigError(f"{where}: not a key of at least {_LEAST_KEY} characters on one line")
    return Secret(text.encode())


def _github(node: Node, folder: Path, before: LeakIntake) -> AlertSource:
    if _is_off(node):
        return AlertSource()
    return _source(_said(node, "github", _GITHUB), folder, before.github)


def _gitlab(node: Node, folder: Path, before: LeakIntake) -> LeakIntake:
    if _is_off(node):
        return replace(before, gitlab=AlertSource(), revocation_key=SecretPlace())
    said = _said(node, "gitlab", _GITLAB)
    key = _place(said, "revocation_key", folder, before.revocation_key)
    return replace(before, gitlab=_source(said, folder, before.gitlab), revocation_key=key)


def _source(said: Mapping[str, Node], folder: Path, before: AlertSource) -> AlertSource:
    if "keys_url" in said and "keys_file" in said:
        raise fault(said["keys_file"], "keys_url and keys_file", "say one of the two")
    source = replace(before, token=_place(said, "token", folder, before.token))
    if "keys_url" in said:
        return replace(source, keys_url=_url(said["keys_url"]), keys_file=None)
    if "keys_file" in said:
        return replace(source, keys_url=None, keys_file=_path(said["keys_file"], "keys_file", folder))
    return source


def _place(said: Mapping[str, Node], name: str, folder: Path, before: SecretPlace) -> SecretPlace:
    variable, file = said.get(f"{name}_env"), said.get(f"{name}_file")
    if variable is not None and file is not None:
        raise fault(file, f"{name}_env and {name}_file", "say one of the two")
    if file is not None:
        return SecretPlace(file=_path(file, f"{name}_file", folder))
    return before if variable is None else SecretPlace(variable=_variable(variable, f"{name}_env"))


def _said(node: Node, forge: str, keys: tuple[str, ...]) -> dict[str, Node]:
    return {key.text: value for key, value in _entries(node, forge, keys)}


def _entries(node: Node, name: str, keys: tuple[str, ...]) -> tuple[tuple[ScalarNode, Node], ...]:
    if not isinstance(node, MappingNode):
        raise fault(node, f"{name}: expected keys with values")
    for key, _ in node.entries:
        if key.text not in keys:
            raise fault(key, f"{name}: unknown key {shown(key.text)}", nearest(key.text, keys))
    return node.entries


def _is_off(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.text == _OFF


def _url(node: Node) -> str:
    try:
        return str(web_address(text_of(node, "keys_url")))
    except ValueError as error:
        raise fault(node, f"keys_url: {error}") from None


def _path(node: Node, key: str, folder: Path) -> Path:
    return folder / Path(text_of(node, key)).expanduser()


def _variable(node: Node, key: str) -> str:
    text = text_of(node, key)
    if not _VARIABLE.fullmatch(text):
        # Not repeated: whoever mistakes the key puts the secret itself here.
        raise fault(node, f"{key}: not the name of a variable", "the secret itself does not belong here")
    return text
