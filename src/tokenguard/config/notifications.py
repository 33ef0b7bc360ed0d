"""The `notifications` of a server's configuration: over which channels who is told of what (docs/notifications.md).

Bytes of YAML into values, strictly: whatever is not understood is one line that names file and line. Secrets are not in
the file but in a variable of the environment or in a file of their own, which `secret_at` reads.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_network
from pathlib import Path

from tokenguard.config.file import read_bounded
from tokenguard.config.keys import nearest
from tokenguard.config.strict_yaml import MappingNode, Node, SequenceNode, fault, shown, text_of
from tokenguard.config.web_address import is_loopback_name, web_address
from tokenguard.errors import ConfigError
from tokenguard.model.leak_intake import SecretPlace
from tokenguard.model.notification import (
    OWNERS,
    OWNERS_KINDS,
    SECURITY_KINDS,
    Channel,
    Encryption,
    Kind,
    MailChannel,
    MailServer,
    Network,
    Notifications,
    SlackChannel,
    WebhookChannel,
)
from tokenguard.model.secret import Secret

_KEYS = ("link", "smtp", "channels")
_SMTP = ("host", "port", "encryption", "from", "user", "password_env", "password_file")
_WEB = ("kinds", "allow_addresses")
_WAYS: Mapping[str, tuple[str, ...]] = {
    "mail": ("mail", "kinds"),
    "webhook": ("webhook", "secret_env", "secret_file", *_WEB),
    "slack": ("slack_url_env", "slack_url_file", *_WEB),
}
_CLEAR = frozenset({"password", "secret", "slack_url", "slack"})
"""Keys that somebody might put a secret under."""
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]")
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")
"""What HTML calls a valid e-mail address, about: no quotes, no comments, no second address."""
_LONGEST_ADDRESS = 150
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_MOST_CHANNELS = 20
"""Each has a thread of its own in a server."""
_LONGEST_SECRET = 1 << 12


def notifications(node: Node, folder: Path) -> Notifications:
    """What the value of `notifications` says; relative paths start at `folder`.

    Raises:
        ConfigError: anything that is not understood, with file and line.
    """
    said = _said(node, "notifications", _KEYS)
    smtp = _smtp(said["smtp"], folder) if "smtp" in said else None
    channels = tuple(_channels(said["channels"], folder)) if "channels" in said else ()
    if smtp is None and any(isinstance(each, MailChannel) for each in channels):
        raise fault(said["channels"], "mails need `smtp`", "name the mail server")
    if len(channels) > _MOST_CHANNELS:
        raise fault(said["channels"], f"channels: more than {_MOST_CHANNELS} receivers")
    return Notifications(channels, smtp, _url(said["link"], "link") if "link" in said else "")


def secret_at(place: SecretPlace, environ: Mapping[str, str]) -> Secret | None:
    """The secret that stands there, on one line; None: no place is named.

    Raises:
        ConfigError: the variable is not set, the file is not there, or what stands there is no line of text.
    """
    if place.file is not None:
        where = str(place.file)
        data = read_bounded(place.file, _LONGEST_SECRET, name=where, follow=True)
        if data is None:
            raise ConfigError(f"{where}: no such file", remedy="make it, readable to the server alone")
        text = data.decode("utf-8", "replace").strip("\r\n")
    elif place.variable is not None:
        where, text = place.variable, environ.get(place.variable, "")
    else:
        return None
    if not text.strip() or not text.isprintable():
        raise ConfigError(f"{where}: holds no secret", remedy="set it to one line of text")
    return Secret(text.encode())


def _smtp(node: Node, folder: Path) -> MailServer:
    said = _said(node, "smtp", _SMTP)
    for needed in ("host", "from"):
        if needed not in said:
            raise fault(node, f"smtp: without {needed}")
    host = text_of(said["host"], "host")
    if not _HOST.fullmatch(host):
        raise fault(said["host"], f"host: {shown(host)} is not the name or address of a host")
    encryption = _encryption(said["encryption"], host) if "encryption" in said else Encryption.STARTTLS
    user = text_of(said["user"], "user") if "user" in said else ""
    password = _place(said, "password", folder)
    if bool(user) != (password is not None):
        raise fault(node, "smtp: a login is a user and a password", "give both user and password_env, or neither")
    return MailServer(
        host=host.strip("[]"),
        sender=_address(said["from"], "from"),
        port=_port(said["port"]) if "port" in said else (465 if encryption is Encryption.TLS else 587),
        encryption=encryption,
        user=user,
        password=password or SecretPlace(),
    )


def _encryption(node: Node, host: str) -> Encryption:
    text, known = text_of(node, "encryption"), [each.value for each in Encryption]
    if text not in known:
        raise fault(node, f"encryption: {shown(text)} is none of {', '.join(known)}", nearest(text, known))
    if text == Encryption.NONE and not is_loopback_name(host):
        raise fault(node, "encryption: none shows mails and password to the network", "use starttls or tls")
    return Encryption(text)


def _port(node: Node) -> int:
    text = text_of(node, "port")
    if not re.fullmatch(r"[1-9][0-9]{0,4}", text) or int(text) >= 1 << 16:
        raise fault(node, f"port: {shown(text)} is not a port")
    return int(text)


def _channels(node: Node, folder: Path) -> Iterator[Channel]:
    if not isinstance(node, MappingNode):
        raise fault(node, "channels: expected names, each with where it leads")
    for name, value in node.entries:
        if not _NAME.fullmatch(name.text):
            raise fault(name, f"channels: {shown(name.text)} is not a name such as security-team")
        yield from _channel(name.text, value, folder)


def _channel(name: str, node: Node, folder: Path) -> Iterator[Channel]:
    said = _said(node, name, tuple(dict.fromkeys(key for keys in _WAYS.values() for key in keys)))
    ways = {way for way in _WAYS if any(key.startswith(way) for key in said)}
    if len(ways) != 1:
        raise fault(node, f"{name}: expected one of mail, webhook, slack_url_env and slack_url_file")
    (way,) = ways
    _said(node, name, _WAYS[way])
    if way == "mail":
        yield from _mail(name, said)
    elif way == "webhook":
        secret = _place(said, "secret", folder)
        if secret is None:
            raise fault(node, f"{name}: a webhook is signed", "name secret_env or secret_file")
        yield WebhookChannel(name, _url(said["webhook"], "webhook"), secret, _kinds(said), _networks(said))
    else:
        url = _place(said, "slack_url", folder) or SecretPlace()
        yield SlackChannel(name, url, _kinds(said), _networks(said))


def _mail(name: str, said: Mapping[str, Node]) -> Iterator[MailChannel]:
    """One channel an address: each is retried by itself, and none sees the other."""
    node = said["mail"]
    if not isinstance(node, SequenceNode) and text_of(node, "mail") == OWNERS:
        yield MailChannel(name, OWNERS, _kinds(said, OWNERS_KINDS))
        return
    addresses = dict.fromkeys(_address(item, "mail") for item in _items(node))
    for each in addresses:
        yield MailChannel(name if len(addresses) == 1 else f"{name} ({each})", each, _kinds(said))


def _kinds(said: Mapping[str, Node], otherwise: frozenset[Kind] = SECURITY_KINDS) -> frozenset[Kind]:
    if "kinds" not in said:
        return otherwise
    known, found = [each.value for each in Kind], set()
    for item in _items(said["kinds"]):
        text = text_of(item, "kinds")
        if text not in known:
            raise fault(item, f"kinds: {shown(text)} is none of {', '.join(known)}", nearest(text, known))
        found.add(Kind(text))
    return frozenset(found)


def _networks(said: Mapping[str, Node]) -> tuple[Network, ...]:
    found = []
    for item in _items(said["allow_addresses"]) if "allow_addresses" in said else ():
        text = text_of(item, "allow_addresses")
        try:
            found.append(ip_network(text))
        except ValueError:
            raise fault(item, f"allow_addresses: {shown(text)} is not a network such as 10.1.0.0/16") from None
    return tuple(found)


def _said(node: Node, name: str, keys: tuple[str, ...]) -> dict[str, Node]:
    if not isinstance(node, MappingNode):
        raise fault(node, f"{name}: expected keys with values")
    for key, _ in node.entries:
        if key.text in _CLEAR:
            raise fault(key, f"{name}: a secret does not belong here", f"name {_places(key.text)} instead")
        if key.text not in keys:
            raise fault(key, f"{name}: unknown key {shown(key.text)}", nearest(key.text, keys))
    return {key.text: value for key, value in node.entries}


def _places(key: str) -> str:
    stem = "slack_url" if key == "slack" else key
    return f"{stem}_env or {stem}_file"


def _items(node: Node) -> tuple[Node, ...]:
    return node.items if isinstance(node, SequenceNode) else (node,)


def _address(node: Node, key: str) -> str:
    text = text_of(node, key)
    if len(text) > _LONGEST_ADDRESS or not _ADDRESS.fullmatch(text):
        raise fault(node, f"{key}: {shown(text)} is not an address such as security@example.org")
    return text


def _url(node: Node, key: str) -> str:
    try:
        return str(web_address(text_of(node, key)))
    except ValueError as error:
        raise fault(node, f"{key}: {error}") from None


def _place(said: Mapping[str, Node], name: str, folder: Path) -> SecretPlace | None:
    variable, file = said.get(f"{name}_env"), said.get(f"{name}_file")
    if variable is not None and file is not None:
        raise fault(file, f"{name}_env and {name}_file", "say one of the two")
    if file is not None:
        return SecretPlace(file=folder / Path(text_of(file, f"{name}_file")).expanduser())
    if variable is None:
        return None
    text = text_of(variable, f"{name}_env")
    if not _VARIABLE.fullmatch(text):
        # Not repeated: whoever mistakes the key puts the secret itself here.
        raise fault(variable, f"{name}_env: not the name of a variable", "the secret itself does not belong here")
    return SecretPlace(variable=text)
