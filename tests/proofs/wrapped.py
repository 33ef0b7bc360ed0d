"""Every way in which a token is written, as bytes of a file: by name, each a function of the token."""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import lzma
import tarfile
import textwrap
import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

LONG_LINE = 60 << 20
"""Bytes; the line of 500 MB is for the long runs."""


def _text(token: bytes) -> bytes:
    return b"# settings\nurl = https://example.org\nkey = " + token + b"\nend = 1\n"


def _utf16(encoding: str, mark: bytes = b"", before: bytes = b"") -> Callable[[bytes], bytes]:
    return lambda token: before + mark + _text(token).decode().encode(encoding)


def _base64(before: int) -> Callable[[bytes], bytes]:
    return lambda token: b"data: " + base64.b64encode(b"x" * before + token + b" and more") + b"\n"


def _wide(form: Callable[[bytes], bytes], encoding: str) -> Callable[[bytes], bytes]:
    return lambda token: form(token).decode().encode(encoding)


def _wrapped(token: bytes) -> bytes:
    digits = base64.b64encode(b'{"server": "example.org", "key": "' + token + b'"}').decode()
    return "".join(f"        {line}\r\n" for line in textwrap.wrap(digits, 24)).encode()


def _percent(token: bytes) -> bytes:
    return b"".join(b"%%%02X" % byte for byte in token)


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip of these members."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def tarred(members: dict[str, bytes], mode: str = "w") -> bytes:
    """A tar of these members; `w:gz` compresses it."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]  # a mode of tarfile's
        for name, data in members.items():
            header = tarfile.TarInfo(name)
            header.size = len(data)
            archive.addfile(header, io.BytesIO(data))
    return out.getvalue()


def _document(token: bytes) -> bytes:
    content = b"<w:document><w:t>" + token + b"</w:t></w:document>"
    return zipped({"[Content_Types].xml": b"<Types/>", "word/document.xml": content})


def _jar(token: bytes) -> bytes:
    return zipped({"META-INF/MANIFEST.MF": b"Manifest-Version: 1.0\r\n", "app.properties": b"key=" + token + b"\r\n"})


def _members(token: bytes) -> bytes:
    return gzip.compress(b"first\n" * 100) + gzip.compress(_text(token)) + gzip.compress(b"last\n")


def _nested(token: bytes) -> bytes:
    inner = tarred({"conf/a.env": _text(token)}, "w:gz")
    return gzip.compress(zipped({"release/conf.dat": inner}, zipfile.ZIP_STORED))


def _long_line(token: bytes) -> bytes:
    return b"x" * (LONG_LINE // 2) + b"=" + token + b"," + b"y" * (LONG_LINE // 2)


FORMS: dict[str, Callable[[bytes], bytes]] = {
    "plain": _text,
    "alone, without a line feed": lambda token: token,
    "UTF-16 LE": _utf16("utf-16-le"),
    "UTF-16 LE with a mark": _utf16("utf-16-le", b"\xff\xfe"),
    "UTF-16 LE at an odd offset": _utf16("utf-16-le", before=b"\x07"),
    "UTF-16 BE": _utf16("utf-16-be"),
    "UTF-16 BE with a mark": _utf16("utf-16-be", b"\xfe\xff"),
    "UTF-16 BE at an odd offset": _utf16("utf-16-be", before=b"\x07"),
    "NUL bytes around it": lambda token: b"\0\0\0" + token + b"\0\0\0",
    "NUL bytes far before it": lambda token: b"\0" * 70_000 + token,
    "CR only": lambda token: _text(token).replace(b"\n", b"\r"),
    "CR LF": lambda token: _text(token).replace(b"\n", b"\r\n"),
    "not UTF-8": lambda token: b"\xff\xfe\xfa caf\xe9 " + token + b" \xe9\n",
    "in a program": lambda token: b"\x7fELF\x02\x01\x01\0\x90\x90" + token + b"\0\x90\xcc",
    "one long line": _long_line,
    # What stands before never hides it.
    "after a literal \\n": lambda token: b'printf "\\n' + token + b'"\n',
    "after %0A": lambda token: b"?next=x%0A" + token + b"\n",
    "after =3D": lambda token: b"token=3D" + token + b"\n",
    "after a letter": lambda token: b"x" + token + b"\n",
    "after a digit": lambda token: b"7" + token + b"\n",
    "after hexadecimal digits": lambda token: b"deadbeef" + token + b"\n",
    "before an underscore": lambda token: token + b"_old\n",
    "before a hyphen": lambda token: token + b"-old\n",
    # Base64.
    "base64, first alignment": _base64(0),
    "base64, second alignment": _base64(1),
    "base64, third alignment": _base64(2),
    "base64 twice": lambda token: base64.b64encode(base64.b64encode(b"key: " + token + b"\n")) + b"\n",
    "base64 without padding": lambda token: b"a=" + base64.b64encode(b"k=" + token).rstrip(b"=") + b"\n",
    "base64, URL-safe": lambda token: base64.urlsafe_b64encode(b"\xff\xfe?" + token + b"\xff\xfe"),
    "base64, wrapped and indented, CR LF": _wrapped,
    "base64, MIME": lambda token: base64.encodebytes(b"Subject: a token\r\n\r\nIt is " + token + b"\r\n"),
    **{
        f"base64 at {before} in UTF-16 {order}": _wide(_base64(before), f"utf-16-{order.lower()}")
        for before in range(3)
        for order in ("LE", "BE")
    },
    "wrapped base64 in UTF-16 with a mark": lambda token: b"\xff\xfe" + _wrapped(token).decode().encode("utf-16-le"),
    "base64 of UTF-16": lambda token: base64.b64encode(("$t = '" + token.decode() + "'").encode("utf-16-le")),
    # Escapes.
    "percent, all": lambda token: b"q=" + _percent(token) + b"&r=1\n",
    "percent, only the underscores": lambda token: b"q=" + token.replace(b"_", b"%5F") + b"&r=1\n",
    "hexadecimal": lambda token: b"dump: " + token.hex().encode() + b"\n",
    "hexadecimal, upper case": lambda token: b"dump: " + token.hex().upper().encode() + b"\n",
    "\\x": lambda token: b'"' + b"".join(b"\\x%02x" % byte for byte in token) + b'"\n',
    "\\u": lambda token: b'"' + b"".join(b"\\u%04x" % byte for byte in token) + b'"\n',
    "\\u, only the underscores": lambda token: b'{"k": "' + token.replace(b"_", b"\\u005f") + b'"}\n',
    # Containers, whatever they are called.
    "gzip": lambda token: gzip.compress(_text(token)),
    "gzip, several members": _members,
    "bzip2": lambda token: bz2.compress(_text(token)),
    "xz": lambda token: lzma.compress(_text(token)),
    "zip": lambda token: zipped({"a/b.env": _text(token)}),
    "zip, not compressed": lambda token: zipped({"a/b.env": _text(token)}, zipfile.ZIP_STORED),
    "zip behind a program": lambda token: b"#!/bin/sh\nexit 0\n" + zipped({"a.env": _text(token)}),
    "zip, a member's name": lambda token: zipped({token.decode(): b"nothing"}),
    "docx": _document,
    "jar": _jar,
    "tar": lambda token: tarred({"a/b.env": _text(token)}),
    "tar, a member's name": lambda token: tarred({token.decode(): b"nothing"}),
    "tar in gzip": lambda token: tarred({"a/b.env": _text(token)}, "w:gz"),
    "tar in gzip in zip": lambda token: zipped({"x": tarred({"a/b.env": _text(token)}, "w:gz")}),
    "tar in gzip in zip in gzip": _nested,
    "zip in tar": lambda token: tarred({"x.bin": zipped({"a.env": _text(token)})}),
    "base64 in gzip": lambda token: gzip.compress(_base64(1)(token)),
    "UTF-16 in zip": lambda token: zipped({"a.reg": _utf16("utf-16-le", b"\xff\xfe")(token)}),
}

NO_TOKEN: dict[str, Callable[[bytes], bytes]] = {
    "a letter directly after": lambda token: token + b"a\n",
    "a letter that is no digit directly after": lambda token: token + b"z\n",
    "a capital directly after": lambda token: token + b"A\n",
    "a digit directly after": lambda token: token + b"0\n",
    "cut short": lambda token: token[:-1] + b"\n",
    "upper case": lambda token: token.upper() + b"\n",
    "a capital in the body": lambda token: token[:-1] + b"F\n",
    "broken by a space": lambda token: token[:-4] + b" " + token[-4:] + b"\n",
}
"""What is close to a token and is none; the token is a fresh one, so that nobody else planted it."""
