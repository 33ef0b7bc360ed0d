"""Which addresses a webhook may speak to: public ones, and those that the operator allows.

A URL names a host, and whoever owns the name decides what it means from one moment to the next. So it is resolved once,
what comes out is looked at, and exactly that is connected to: no second look-up can answer otherwise (DNS rebinding).
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TypeAlias

from tokenguard.errors import UnavailableError
from tokenguard.model.notification import Network

Address: TypeAlias = IPv4Address | IPv6Address
Resolve: TypeAlias = Callable[[str, int], Sequence[str]]
"""Host and port into addresses, in the order of preference; OSError where there are none."""

_UNICAST = IPv6Network("2000::/3")
"""All that is given out of IPv6 for use in public."""
# Set aside for protocols, documentation and relays; not every Python knows that of all of them.
_SPECIAL: tuple[Network, ...] = (
    IPv4Network("192.0.0.0/24"),
    IPv4Network("192.88.99.0/24"),
    IPv6Network("2001::/23"),
    IPv6Network("2001:db8::/32"),
    IPv6Network("3fff::/20"),
)
# IPv6 addresses that carry one of IPv4, and where in them it stands: RFC 4291, 6052, 3056, 5214.
_CARRIERS: tuple[tuple[IPv6Network, int], ...] = (
    (IPv6Network("::ffff:0:0/96"), 0),
    (IPv6Network("::/96"), 0),
    (IPv6Network("64:ff9b::/96"), 0),
    (IPv6Network("2002::/16"), 80),
)


def resolve(host: str, port: int) -> tuple[str, ...]:
    """The addresses of a host, as the system knows them."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


def permitted(host: str, port: int, allowed: Sequence[Network], resolver: Resolve = resolve) -> tuple[Address, ...]:
    """The addresses of `host` that may be connected to; connect to these, never to the name.

    Raises:
        UnavailableError: it has none, or none that is permitted.
    """
    try:
        texts = resolver(host, port)
    except (OSError, UnicodeError):
        raise UnavailableError(f"{host}: no such host") from None
    found = [address for address in map(_address, texts) if address is not None]
    good = tuple(address for address in found if is_permitted(address, allowed))
    if not good:
        raise UnavailableError(
            f"{host}: not a public address", remedy="allow it with allow_addresses if it is one of yours"
        )
    return good


def is_permitted(address: Address, allowed: Sequence[Network]) -> bool:
    """Whether it is public, or in one of the networks."""
    real = carried(address)
    return is_public(address) or any(each.version == real.version and real in each for each in allowed)


def is_public(address: Address) -> bool:
    """Whether it is one of the Internet at large: not of this machine, a private network, a link, or a group."""
    real = carried(address)
    if isinstance(real, IPv6Address) and real not in _UNICAST:
        return False
    if any(real.version == each.version and real in each for each in _SPECIAL):
        return False
    return real.is_global and not (real.is_multicast or real.is_reserved or real.is_unspecified or real.is_loopback)


def carried(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for, or is led to; else the address itself."""
    if isinstance(address, IPv6Address):
        for network, shift in _CARRIERS:
            if address in network and int(address) > 1:
                return IPv4Address(int(address) >> shift & 0xFFFFFFFF)
    return address


def _address(text: str) -> Address | None:
    try:
        # A zone (fe80::1%eth0) is kept in the address, which is of a link and so never public.
        address = ip_address(text)
    except ValueError:
        return None
    # The system takes ::ffff:1.2.3.4 for 1.2.3.4, and so do we.
    return getattr(address, "ipv4_mapped", None) or address
