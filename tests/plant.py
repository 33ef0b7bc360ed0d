"""Fresh tokens to plant, drawn at run time.

No file of this repository holds a whole token (the repository scans its own history), so whoever needs one
draws it here. The shapes are written down a second time on purpose: planting from `rules/*.yaml` would
test the rules against themselves. Standard library only: the demo and the packaging check plant with it too.
"""

from __future__ import annotations

import secrets

BINBOI_ACCESS = "binboi-access-token"
BINBOI_LIVE = "binboi-live-token"
KEEBAI = "keebai-api-key"
RULES = (BINBOI_ACCESS, BINBOI_LIVE, KEEBAI)
"""The built-in rules, one a family."""


def token(rule_id: str) -> str:
    """A token of the family of `rule_id` that nobody ever issued; KeyError for an unknown rule."""
    prefix, sizes = {
        BINBOI_ACCESS: ("binboi_pat_", (4, 18)),
        BINBOI_LIVE: ("binboi_live_", (16,)),
        KEEBAI: ("kbai_pk_", (32,)),
    }[rule_id]
    return prefix + "_".join(secrets.token_hex(size) for size in sizes)


def visible_prefix(value: str) -> str:
    """As much of a planted token as may be shown: what a report must say instead of the token."""
    for prefix, shown in (("binboi_pat_", 19), ("binboi_live_", 16), ("kbai_pk_", 12)):
        if value.startswith(prefix):
            return value[:shown]
    raise ValueError("not a planted token")
