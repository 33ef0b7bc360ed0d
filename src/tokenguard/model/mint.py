"""Draw a new token of a format.

Minting and finding read the same TokenFormat, so that they cannot disagree. Kept out of the package's
`__init__`: only the store and the checks of examples mint, and `secrets` takes its time to import.
"""

from __future__ import annotations

import secrets

from tokenguard.model.checksum import checksum_of
from tokenguard.model.rule import Part, TokenFormat


def draw_token(token_format: TokenFormat) -> str:
    """A fresh token of that format, from the operating system's cryptographic random source."""
    token = token_format.prefix
    for part in token_format.parts:
        token += checksum_of(token.encode()).decode() if part.checksum else _draw_part(part)
    return token


def _draw_part(part: Part) -> str:
    return part.literal or "".join(secrets.choice(part.alphabet) for _ in range(part.length))
