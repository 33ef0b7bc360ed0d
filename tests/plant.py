"""Fresh tokens to plant, drawn at run time.

No file of this repository holds a whole token (the repository scans its own history), so whoever needs one
draws it here. The shapes are written down a second time on purpose: planting from `rules/*.yaml` would
test the rules against themselves. Standard library only: the demo and the packaging check plant with it too.
"""

from __future__ import annotations

import secrets
import string
from binascii import crc32

BINBOI_ACCESS = "binboi-access-token"
BINBOI_LIVE = "binboi-live-token"
KEEBAI = "keebai-api-key"
TOKENGUARD = "tokenguard-access-token"
RULES = (BINBOI_ACCESS, BINBOI_LIVE, KEEBAI, TOKENGUARD)
"""The built-in rules, one a family."""


def token(rule_id: str) -> str:
    """A token of the family of `rule_id` that nobody ever issued; KeyError for an unknown rule."""
    if rule_id == TOKENGUARD:
        text = "_".join(("tgd", _word(8), _word(32)))
        return text + checksum(text)
    prefix, sizes = {
        BINBOI_ACCESS: ("binboi_pat_", (4, 18)),
        BINBOI_LIVE: ("binboi_live_", (16,)),
        KEEBAI: ("kbai_pk_", (32,)),
    }[rule_id]
    return prefix + "_".join(secrets.token_hex(size) for size in sizes)


_BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase


def _word(length: int) -> str:
    return "".join(secrets.choice(_BASE62) for _ in range(length))


def checksum(text: str) -> str:
    """CRC-32 of a text, as six digits of base62."""
    value = crc32(text.encode())
    return "".join(_BASE62[value // 62**place % 62] for place in reversed(range(6)))


def visible_prefix(value: str) -> str:
    """As much of a planted token as may be shown: what a report must say instead of the token."""
    for prefix, shown in (("binboi_pat_", 19), ("binboi_live_", 16), ("kbai_pk_", 12), ("tgd_", 12)):
        if value.startswith(prefix):
            return value[:shown]
    raise ValueError("not a planted token")
