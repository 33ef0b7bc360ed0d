"""Which addresses a webhook may reach, however they are written, and whatever a name means a moment later."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respond.web import reply, serving
from tokenguard.errors import UnavailableError
from tokenguard.respond.post import Wire, post
from tokenguard.respond.public_address import is_permitted, is_public, permitted
from tokenguard.respond.sender import NotDeliveredError

LOOPBACK = (ip_network("127.0.0.0/8"),)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.255.255.254", "0.0.0.1", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1"),
        *("169.254.169.254", "169.254.170.2", "100.64.0.1", "100.100.100.200", "192.0.0.192", "198.18.0.1"),
        *("224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "192.0.2.1", "203.0.113.9"),
        *("::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "2001:db8::1"),
        *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:10.0.0.1", "::127.0.0.1", "::10.0.0.1"),
        *("64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2002:a9fe:a9fe::1"),
        *("2001::1", "100::1", "4000::1"),
    ],
)
def test_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:1.1.1.1", "2002:101:101::"])
def test_public(address: str) -> None:
    assert is_public(ip_address(address))


@given(st.ip_addresses(v=4))
def test_an_address_is_judged_alike_in_every_dress(address: IPv4Address) -> None:
    number = int(address)
    dresses = [0xFFFF << 32 | number, 0x64FF9B << 96 | number, 0x2002 << 112 | number << 80]
    for dress in dresses:
        assert is_public(IPv6Address(dress)) == is_public(address)


def test_what_is_allowed() -> None:
    allowed = (ip_network("10.1.0.0/16"), ip_network("fd00::/8"))
    good = ("10.1.2.3", "::ffff:10.1.2.3", "fd12::1", "1.1.1.1")
    assert all(is_permitted(ip_address(each), allowed) for each in good)
    assert not any(is_permitted(ip_address(each), allowed) for each in ("10.2.0.1", "127.0.0.1", "169.254.169.254"))


def test_of_several_addresses_only_the_permitted_ones_are_used() -> None:
    found = permitted("x.example", 443, (), lambda *_: ("10.0.0.1", "1.1.1.1", "nonsense"))
    assert list(map(str, found)) == ["1.1.1.1"]
    with pytest.raises(UnavailableError, match="not a public address"):
        permitted("x.example", 443, (), lambda *_: ("10.0.0.1", "::1"))
    with pytest.raises(UnavailableError, match="no such host"):
        permitted("nowhere.invalid", 443, ())


def test_a_name_is_looked_up_once_and_the_answer_is_what_is_connected_to() -> None:
    """DNS rebinding: allowed at first, another address the next time."""
    with serving(lambda _: reply({})) as web:
        answers = iter([("127.0.0.1",), ("127.6.6.6",)])
        wire = Wire((ip_network("127.0.0.1"),), lambda *_: next(answers))
        url = f"http://receiver.example:{web.port}/hook"
        post(url, b"{}", {}, wire)
        (asked,) = web.asked
        assert asked.headers["host"] == f"receiver.example:{web.port}", "the name is told, not resolved again"
        with pytest.raises(NotDeliveredError, match="not a public address"):
            post(url, b"{}", {}, wire)
        assert len(web.asked) == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "0"])
def test_this_machine_is_not_reached_under_any_of_its_names(host: str) -> None:
    with serving(lambda _: reply({})) as web:
        with pytest.raises(NotDeliveredError):
            post(f"http://{host}:{web.port}/", b"{}", {}, Wire())
        assert web.asked == []


def test_mapped_addresses_are_allowed_as_what_they_are() -> None:
    with serving(lambda _: reply({})) as web:
        post(f"http://x.example:{web.port}/", b"{}", {}, Wire(LOOPBACK, lambda *_: ("::ffff:127.0.0.1",)))
        assert len(web.asked) == 1
