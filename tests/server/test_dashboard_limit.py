"""Where a plan permits no more keys, the page says whom to ask for more."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from server.serving import serving
from server.visitor import visitor, words
from tokenguard.config.server_file import default_policies

if TYPE_CHECKING:
    from pathlib import Path

MANAGE = "developer.manage_tokens"
FAMILY = "binboi-access-token"


@pytest.mark.parametrize(
    ("contact", "shown"),
    [
        ("https://help.example.org/keys?more", 'href="https://help.example.org/keys?more"'),
        ("platform@example.org", "platform@example.org"),
        ("javascript:alert(1)//<b>", "javascript:alert(1)//&lt;b&gt;"),
    ],
)
def test_at_the_limit_the_configured_contact_is_named(tmp_path: Path, contact: str, shown: str) -> None:
    policies = replace(default_policies(), contact=contact)
    with serving(tmp_path / "store.db", tmp_path, policies=policies) as api:
        owner = api.user("lim", MANAGE)
        somebody = visitor(api, api.mint(owner, MANAGE)[1])
        assert contact not in words(somebody.page(f"/tokens/new?family={FAMILY}"))
        for _ in range(3):
            api.mint(owner, family=FAMILY)
        page = somebody.page(f"/tokens/new?family={FAMILY}")
        assert f"for more, ask {contact}" in words(page).replace(" .", ".")
        assert shown in page
        assert 'href="javascript' not in page
