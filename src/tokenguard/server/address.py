"""Where a request comes from, seen through the proxies that the operator vouches for."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import Scope

_IPV6_SITE = 64
"""Bits that name a site: whoever has one address of it has 2^64 of them."""


def client_address(scope: Scope, proxies: int) -> str:
    """The address of whoever asks; "" where the connection has none.

    Each of `proxies` proxies adds the address that it sees at the end of X-Forwarded-For: the one that counts is so
    many from the end. What stands before it anybody can write.
    """
    client = scope.get("client")
    peer = str(client[0]) if client else ""
    if not proxies:
        return peer
    lists = (value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for")
    seen = [part.strip() for part in ",".join(lists).split(",") if part.strip()]
    return (_parsed(seen[-min(proxies, len(seen))]) or peer) if seen else peer


def is_loopback(address: str) -> bool:
    """Whether it never leaves this machine."""
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


def rate_bucket(address: str) -> str:
    """What of an address counts as one asker."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return f"{IPv6Address(int(parsed) >> (128 - _IPV6_SITE) << (128 - _IPV6_SITE))}/{_IPV6_SITE}"
    return str(parsed)


def _parsed(text: str) -> str | None:
    """An address with or without brackets and port; None: none."""
    bare = text.removeprefix("[").partition("]")[0] if text.startswith("[") else text
    if bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        # Behind a percent sign an IPv6 address may hold anything, and means something only to its own machine.
        return None if "%" in bare else str(ip_address(bare))
    except ValueError:
        return None
