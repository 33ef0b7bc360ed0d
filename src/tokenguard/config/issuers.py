"""The `issuers` of the user's configuration: who verifies and revokes which family. Parsing only.

Whether a family exists, and what its API looks like, is for those who have the rules. A token is never in here: only
the name of the variable or file that holds it.
"""

from __future__ import annotations

import re
from enum import Enum
from pathlib import Path

from tokenguard.config.keys import nearest
from tokenguard.config.strict_yaml import MappingNode, Node, ScalarNode, fault, shown, text_of
from tokenguard.config.web_address import web_address
from tokenguard.model.lazy_dataclass import dataclass

_KEYS = ("api", "url", "token_env", "token_file")
_FAMILY = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LONGEST = 64


class IssuerKind(Enum):
    """Whoever issued a family's tokens."""

    STORE = "store"
    """A tokenguard store: this machine's own, or behind a server."""
    PROVIDER = "provider"
    """The API that the rule's `verify` and `revoke` sections describe."""


@dataclass(frozen=True, slots=True)
class IssuerSetting:
    """One entry of `issuers`."""

    family: str
    """The id of a rule."""
    kind: IssuerKind
    where: str
    """`file:line`."""
    url: str | None = None
    """None: the store that everything else uses, or the provider's documented address."""
    token_env: str | None = None
    """The variable that holds the operator's token."""
    token_file: Path | None = None


def issuers(node: Node, folder: Path) -> tuple[IssuerSetting, ...]:
    """What the value of `issuers` says; relative paths start at `folder`.

    Raises:
        ConfigError: anything that is not understood, with file and line.
    """
    if not isinstance(node, MappingNode):
        raise fault(node, "issuers: expected keys with values, such as `keebai-api-key: provider`")
    return tuple(_issuer(key, value, folder) for key, value in node.entries)


def _issuer(key: ScalarNode, node: Node, folder: Path) -> IssuerSetting:
    if len(key.text) > _LONGEST or not _FAMILY.fullmatch(key.text):
        raise fault(key, f"issuers: {shown(key.text)} is no id of a rule", "`tokenguard rules list` has them")
    if not isinstance(node, MappingNode):
        return IssuerSetting(key.text, _kind(node), key.where)
    said = dict(_checked(entry, value) for entry, value in node.entries)
    if "api" not in said:
        raise fault(node, f"{key.text}: without 'api'", "it is store or provider")
    if "token_env" in said and "token_file" in said:
        raise fault(said["token_file"], "token_env and token_file", "say one of the two")
    return IssuerSetting(
        key.text,
        _kind(said["api"]),
        key.where,
        _url(said["url"]) if "url" in said else None,
        _variable(said["token_env"]) if "token_env" in said else None,
        folder / Path(text_of(said["token_file"], "token_file")).expanduser() if "token_file" in said else None,
    )


def _checked(key: ScalarNode, value: Node) -> tuple[str, Node]:
    if key.text in {"token", "key", "password", "secret"}:
        raise fault(key, "a token does not belong in a configuration", "name its variable (token_env) or its file")
    if key.text not in _KEYS:
        raise fault(key, f"an issuer has no key {shown(key.text)}", nearest(key.text, _KEYS))
    return key.text, value


def _kind(node: Node) -> IssuerKind:
    text, known = text_of(node, "api"), [kind.value for kind in IssuerKind]
    if text not in known:
        raise fault(node, f"no issuer is called {shown(text)}", nearest(text, known))
    return IssuerKind(text)


def _url(node: Node) -> str:
    try:
        return str(web_address(text_of(node, "url")))
    except ValueError as error:
        raise fault(node, f"url: {error}") from None


def _variable(node: Node) -> str:
    text = text_of(node, "token_env")
    if not _VARIABLE.fullmatch(text) or len(text) > _LONGEST:
        # Not repeated: whoever mistakes the key puts the token itself here.
        raise fault(node, "token_env: not the name of a variable", "the token itself does not belong here")
    return text
