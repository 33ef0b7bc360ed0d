"""Histories written by libedit (macOS, BSD, Debian's mariadb): strvis(3) with VIS_WHITE, after a header line.

Only what libedit's encoder can have written is undone: GNU readline appends plain text to the same
files, and a lone backslash there must not eat the letters behind it.
"""

from __future__ import annotations

import re

HEADER = b"_HiStOrY_V2_\n"

_ESCAPE = re.compile(
    rb"\\(?:(?P<escaped>\\)|(?P<octal>[0-3][0-7]{2})|(?P<meta>M)?(?:\^(?P<control>[@-_?])|(?<=M)-(?P<plain>[!-~]))"
    rb"|(?P<partial>(?:[0-3][0-7]?|\^|M[-^]?)?\Z))"
)


class Unvis:
    """Decoder of libedit's history lines. Line breaks inside an entry become spaces."""

    __slots__ = ("_carry",)

    def __init__(self) -> None:
        self._carry = b""

    def decode(self, data: bytes, *, final: bool) -> bytes:
        """See `Decoder.decode`."""
        data, self._carry = self._carry + data, b""
        if b"\\" not in data:
            return data
        return _ESCAPE.sub(self._unkept if final else self._decoded, data)

    def _decoded(self, match: re.Match[bytes]) -> bytes:
        if match["partial"] is not None:
            self._carry = match[0]
            return b""
        return self._unkept(match)

    @staticmethod
    def _unkept(match: re.Match[bytes]) -> bytes:
        if match["partial"] is not None:
            return match[0]
        if match["escaped"]:
            return b"\\"
        byte = _value(match)
        return b" " if byte in b"\r\n" else byte


def _value(match: re.Match[bytes]) -> bytes:
    if match["octal"]:
        return bytes((int(match["octal"], 8),))
    code = match["control"][0] ^ 0x40 if match["control"] else match["plain"][0]
    return bytes((code | 0x80 if match["meta"] else code,))
