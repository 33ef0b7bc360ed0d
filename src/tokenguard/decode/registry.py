"""Every wrapping there is, and the literals that give a wrapped prefix away. A new wrapping is added here."""

from __future__ import annotations

from collections.abc import Iterable

from tokenguard.decode.base64 import Base64
from tokenguard.decode.bzip2 import BZIP2
from tokenguard.decode.escape import Escape
from tokenguard.decode.gzip import GZIP
from tokenguard.decode.hex import Hex
from tokenguard.decode.percent import Percent
from tokenguard.decode.tar import Tar
from tokenguard.decode.utf16 import Utf16
from tokenguard.decode.wrapping import Container, TextWrapping, Trigger
from tokenguard.decode.xz import XZ
from tokenguard.decode.zip import Zip

_BASE64, _UTF16 = Base64(), Utf16()
TEXT: tuple[TextWrapping, ...] = (_BASE64, Hex(), Percent(), Escape(), _UTF16)
CONTAINERS: tuple[Container, ...] = (GZIP, BZIP2, XZ, Zip(), Tar())


def prefix_triggers(prefix: bytes) -> dict[Trigger, TextWrapping]:
    """What to search for so that `prefix` is found however it is wrapped, and who unwraps a hit of it.

    Besides each wrapping by itself: base64 of base64, base64 of UTF-16 (what PowerShell takes as -EncodedCommand), and
    UTF-16 of base64 (what it writes into files). Other wrappings in each other are found only layer by layer, where the
    outer one happens to be unwrapped. Nothing for a prefix that is shorter than four bytes or not ASCII.
    """
    if not prefix.isascii():
        return {}
    found = {trigger: wrapping for wrapping in TEXT for trigger in wrapping.triggers(prefix)}
    twofold: Iterable[bytes] = (
        *(trigger.literal for trigger in _BASE64.triggers(prefix)),
        *((prefix.decode().encode("utf-16-le"),) if found else ()),
    )
    for literal in twofold:
        for trigger in _BASE64.triggers(literal):
            found.setdefault(trigger, _BASE64)
    for trigger in _BASE64.triggers(prefix):
        for wide in _UTF16.triggers(trigger.literal):
            found.setdefault(wide, _UTF16)
    return found


def text_wrapping(name: str) -> TextWrapping:
    """The text wrapping of that name."""
    return next(wrapping for wrapping in TEXT if wrapping.name == name)


def container(name: str) -> Container:
    """The container format of that name."""
    return next(each for each in CONTAINERS if each.name == name)
