"""`tokenguard token history`: the evidence of what happened to a token."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import plant
from cli.program import CLEAN, USAGE, run
from cli.served import ADMIN, served, text_of
from tokenguard.app.token_service import approach, open_service
from tokenguard.model.audit import AuditFilter
from tokenguard.model.leak import LeakPlace
from tokenguard.model.revocation import Target
from tokenguard.model.token import NewToken

if TYPE_CHECKING:
    from pathlib import Path


def test_who_when_why_and_where(tmp_path: Path) -> None:
    value = run("token", "create", "ci of acme/app", cwd=tmp_path).out.strip()
    prefix = plant.visible_prefix(value)
    assert run("token", "history", prefix, cwd=tmp_path).out.count("\n") == 2
    with open_service(approach(os.environ), os.environ) as service:
        for path in ("conf/app.env", "notes\x1b[31m.txt"):
            place = LeakPlace(source="git", path=path, commit="ab" * 20)
            service.revoke((Target(prefix=prefix),), reason="found in a push", leak=place)
    ended = run("token", "history", prefix, cwd=tmp_path)
    header, *rows = ended.out.splitlines()
    assert (ended.code, header.split()) == (CLEAN, ["WHEN", "WHAT", "WHO", "WHY,", "OR", "WHERE"])
    assert [row.split()[2:4] for row in rows if "leak seen" not in row] == [
        ["token.created", rows[0].split()[3]], ["token.revoked", rows[0].split()[3]],
    ]  # fmt: skip
    assert "found in a push" in ended.out
    assert f"git, conf/app.env, commit {'ab' * 6}" in ended.out
    assert "\x1b" not in ended.out
    assert value[12:20] not in ended.out
    document = run("token", "history", prefix, "--json", cwd=tmp_path).report
    assert document["events"][0]["action"] == "token.created"
    assert {seen["path"] for leak in document["leaks"] for seen in leak["sightings"]} == {
        "conf/app.env", "notes [31m.txt",
    }  # fmt: skip


def test_a_place_that_comes_to_light_after_the_end_is_shown_too(tmp_path: Path) -> None:
    prefix = plant.visible_prefix(run("token", "create", "ci of acme/app", cwd=tmp_path).out.strip())
    run("token", "revoke", prefix, "--yes", "--reason", "in a screenshot", cwd=tmp_path)
    with open_service(approach(os.environ), os.environ) as service:
        service.revoke((Target(prefix=prefix),), leak=LeakPlace(source="git", path="conf/app.env"))
    rows = run("token", "history", prefix, cwd=tmp_path).out.splitlines()
    assert "in a screenshot" in rows[-2]
    assert rows[-1].endswith("git, conf/app.env")


def test_of_nothing(tmp_path: Path) -> None:
    run("token", "create", "x", cwd=tmp_path)
    ended = run("token", "history", "tok_0123", cwd=tmp_path)
    assert (ended.code, ended.out) == (USAGE, "")


def test_from_where_a_bait_was_touched(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        made = server.service.create_token(NewToken("bait", honeytoken=True))
        assert made.token is not None
        of_thief = {"TOKENGUARD_SERVER": server.url, "TOKENGUARD_TOKEN": text_of(made.token)}
        assert run("whoami", cwd=tmp_path, environ=of_thief).code == USAGE
        environ = of_thief | {"TOKENGUARD_TOKEN": server.admin}
        assert "active, bait" in run("token", "list", "--all", cwd=tmp_path, environ=environ).out
        until = time.monotonic() + 30
        while len(server.service.audit(AuditFilter(token=made.record.id)).events) < 2:
            assert time.monotonic() < until
            time.sleep(0.01)  # the alarm is written beside the answer; there is a deadline
        rows = run("token", "history", made.record.id, cwd=tmp_path, environ=environ).out.splitlines()
    assert "from 127.0.0.1, tokenguard/" in rows[-1]


def test_on_a_server_people_have_addresses(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        environ = {"TOKENGUARD_SERVER": server.url, "TOKENGUARD_TOKEN": server.admin}
        record = server.service.create_token(NewToken("ci", owner=ADMIN)).record
        with open_service(approach(os.environ | environ), os.environ) as service:
            place = LeakPlace(source="git", path="conf/app.env")
            service.revoke((Target(id=record.id),), reason="leaked", leak=place)
            by = f"{ADMIN} ({service.whoami().id})"
        rows = run("token", "history", record.id, cwd=tmp_path, environ=environ).out.splitlines()
        assert all(by in row for row in rows[2:])
        assert len(rows) == 4
        shown = run("token", "show", record.id, cwd=tmp_path, environ=environ).out
        assert f"Z by {by}\n" in shown
