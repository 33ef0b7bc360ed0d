"""Whose address a request has, with proxies and without."""

from __future__ import annotations

import pytest

from tokenguard.server.address import client_address, is_loopback, rate_bucket


@pytest.mark.parametrize(
    ("proxies", "forwarded", "expected"),
    [
        (0, ["198.51.100.7"], "192.0.2.1"),
        (1, ["198.51.100.7"], "198.51.100.7"),
        (1, ["203.0.113.9, 198.51.100.7"], "198.51.100.7"),
        (1, ["203.0.113.9", "198.51.100.7"], "198.51.100.7"),
        (2, ["6.6.6.6, 203.0.113.9, 198.51.100.7"], "203.0.113.9"),
        (3, ["198.51.100.7"], "198.51.100.7"),
        (1, [], "192.0.2.1"),
        (1, [" , "], "192.0.2.1"),
        (1, ["x\r\ny"], "192.0.2.1"),
        (1, ["198.51.100.7:4711"], "198.51.100.7"),
        (1, ["[2001:db8::1]:4711"], "2001:db8::1"),
        (1, ["2001:DB8::1"], "2001:db8::1"),
        (1, ['fe80::1%"}\x1b[31m'], "192.0.2.1"),
    ],
)
def test_only_what_the_proxies_added_is_believed(proxies: int, forwarded: list[str], expected: str) -> None:
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    assert client_address({"client": ("192.0.2.1", 5), "headers": headers}, proxies) == expected


def test_a_connection_without_an_address_has_none() -> None:
    assert client_address({"client": None, "headers": []}, 0) == ""


@pytest.mark.parametrize(
    ("address", "bucket"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("", ""),
    ],
)
def test_one_asker_is_one_bucket(address: str, bucket: str) -> None:
    assert rate_bucket(address) == bucket


def test_what_never_leaves_this_machine() -> None:
    assert [is_loopback(each) for each in ("127.0.0.1", "::1", "192.0.2.1", "", "localhost")] == [
        True,
        True,
        False,
        False,
        False,
    ]
