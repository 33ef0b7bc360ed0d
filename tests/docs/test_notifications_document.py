"""docs/notifications.md: its configuration is read, and its verification verifies what is sent."""

from __future__ import annotations

import re
from base64 import b64encode
from pathlib import Path
from secrets import token_bytes
from typing import Any

import pytest

from respond.test_webhook import WIRE, notice
from respond.web import Reply, serving
from tokenguard.config.server_file import parse_server_file
from tokenguard.model.notification import OWNERS_KINDS, SECURITY_KINDS, Kind
from tokenguard.model.secret import Secret
from tokenguard.respond.webhook import Webhook

TEXT = (Path(__file__).parents[2] / "docs" / "notifications.md").read_text()


def block(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


def test_its_configuration_is_one() -> None:
    found = parse_server_file(block("yaml").encode(), "tokenguard.server.yaml").notifications
    assert [each.name for each in found.channels] == ["owners", "security", "team", "siem"]


def test_its_verification_takes_ours_and_nothing_else() -> None:
    known: dict[str, Any] = {}
    exec(block("python"), known)  # noqa: S102 - what the document shows is what is tried
    secret = "whsec_" + b64encode(token_bytes(32)).decode()
    with serving(lambda _: Reply(200)) as web:
        Webhook("siem", web.url, Secret(secret.encode()), wire=WIRE).send(notice())
        Webhook("siem", web.url, Secret(secret.encode()), wire=WIRE, clock=lambda: 0).send(notice())
    fresh, old = web.asked
    assert known["verify"](secret, fresh.headers, fresh.body) == "out_1"
    for headers, body in ((fresh.headers, fresh.body + b" "), (old.headers, old.body)):
        with pytest.raises(ValueError, match=r"signed|old"):
            known["verify"](secret, headers, body)


def test_its_table_says_who_is_told_of_what() -> None:
    rows = re.findall(r"^\| `([a-z.]+)` \|[^|]*\|([^|]*)\|([^|]*)\|$", TEXT, re.MULTILINE)
    told = {Kind(kind): (owners.strip() == "yes", security.strip() == "yes") for kind, owners, security in rows}
    assert told == {kind: (kind in OWNERS_KINDS, kind in SECURITY_KINDS) for kind in Kind}
