"""The address of an API: where a token may be sent to at all.

Strict on purpose: an address that two parsers could read differently could send a token to the wrong host.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_ADDRESS = re.compile(
    r"(?P<scheme>https?)://"
    r"(?P<host>[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])"
    r"(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>(?:/[A-Za-z0-9._~!$&'()*+,;=:@%-]*)*)"
)
# 127.999.1.1 is a name that a resolver looks up, and 127.0.0.010 is octal to some: neither is sure to be this machine.
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_LOOPBACK = re.compile(rf"127(?:\.{_OCTET}){{3}}|\[::1\]|localhost")


@dataclass(frozen=True, slots=True)
class WebAddress:
    """Scheme, host and port, and the path below which an API stands."""

    origin: str
    """`https://host` or `https://host:port`, in lower case."""
    path: str = ""
    """Empty, or with a slash at its start and none at its end."""

    def __str__(self) -> str:
        return self.origin + self.path

    @property
    def name(self) -> str:
        """Host and port, for people."""
        return self.origin.partition("://")[2]

    @property
    def encrypted(self) -> bool:
        """Whether it is https."""
        return self.origin.startswith("https://")


def is_loopback_name(host: str) -> bool:
    """Whether a host, as it is written in an address, can be no other than this machine."""
    return _LOOPBACK.fullmatch(host.lower()) is not None


def web_address(text: str) -> WebAddress:
    """The address that `text` is: https, or http to this machine itself; no login, query or fragment.

    ValueError says what is wrong; it never repeats the text, which may hold a password.
    """
    found = _ADDRESS.fullmatch(text)
    if found is None:
        if "@" in text:
            raise ValueError("a URL with a login in it; name the token's variable or file instead")
        raise ValueError("not a URL such as https://api.example.org (host names in ASCII, no query, no fragment)")
    scheme, host, port, path = found["scheme"], found["host"].lower(), found["port"], found["path"].rstrip("/")
    if port and not 0 < int(port) < 1 << 16:
        raise ValueError("a URL whose port is none")
    if scheme == "http" and not _LOOPBACK.fullmatch(host):
        raise ValueError("plain http would show the token to the network; only https, or http to this machine itself")
    if any(part in {".", ".."} for part in path.split("/")):
        raise ValueError("a URL whose path has . or .. in it")
    return WebAddress(f"{scheme}://{host}{f':{port}' if port else ''}", path)
