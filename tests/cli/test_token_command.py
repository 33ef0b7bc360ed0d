"""`tokenguard token …` on the embedded store, from end to end: nothing is set up before."""

from __future__ import annotations

import hashlib
import json
import os
import pty
import re
import secrets
import sqlite3
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import plant
from cli.program import CLEAN, COMMAND, FOUND, INCOMPLETE, USAGE, Ended, run
from tokenguard.app.token_service import approach, open_service
from tokenguard.model.token import NewToken

OWN_FAMILY = """\
rules:
  - id: acme-deploy-token
    title: Acme deploy token
    severity: critical
    token:
      prefix: acmedt_
      parts:
        - {alphabet: base62, length: 8}
        - {literal: _}
        - {alphabet: base62, length: 32}
        - {checksum: crc32, length: 6}
      visible_prefix: 15
"""


def create(folder: Path, name: str = "laptop of Ada", *options: str | Path) -> str:
    """A token that was made by the command."""
    ended = run("token", "create", name, *options, cwd=folder)
    assert ended.code == CLEAN, ended.err
    assert ended.out.count("\n") == 1
    return ended.out.strip()


def listed(folder: Path, *options: str | Path) -> list[dict[str, Any]]:
    tokens: list[dict[str, Any]] = run("token", "list", "--json", *options, cwd=folder).report["tokens"]
    return tokens


def names(folder: Path, *options: str) -> list[str]:
    return [each["name"] for each in listed(folder, *options)]


def record(folder: Path, prefix: str) -> dict[str, Any]:
    return run("token", "show", prefix, "--json", cwd=folder).report


def alive(*tokens: str) -> list[bool]:
    """What the store says of tokens, asked without a command: that is quicker."""
    with open_service(approach(os.environ), os.environ) as service:
        return [service.introspect(token_sha256=sha256(token)).active for token in tokens]


def sha256(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def verify(folder: Path, token: str, *options: str) -> Ended:
    return run("token", "verify", *options, cwd=folder, stdin=token.encode() + b"\n")


def store_bytes(home: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted((home / ".local").rglob("*")) if file.is_file())


def test_the_first_minute_needs_no_setting_up(tmp_path: Path, home: Path) -> None:
    ended = run("token", "create", "ci of acme/app", "--scope", "messages:send", cwd=tmp_path)
    assert ended.code == CLEAN
    token = ended.out.removesuffix("\n")
    assert re.fullmatch(r"tgd_[0-9A-Za-z]{8}_[0-9A-Za-z]{38}", token)
    assert token.endswith(plant.checksum(token[:-6]))
    # Nothing but the visible prefix is on standard error, nor anywhere in the store.
    assert token[:12] in ended.err
    assert token[13:] not in ended.err
    assert token.encode() not in store_bytes(home)
    assert sha256(token).encode() not in store_bytes(home)
    folder = home / ".local" / "share" / "tokenguard"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
    assert "shown this once" not in ended.err


def test_the_first_two_at_once_agree_on_one_store(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        tokens = list(pool.map(lambda number: create(tmp_path, f"number {number}"), range(4)))
    assert {each["prefix"] for each in listed(tmp_path)} == {token[:12] for token in tokens}
    assert all(alive(*tokens))


def test_at_a_terminal_it_is_said_to_be_shown_once(tmp_path: Path) -> None:
    parent, child = pty.openpty()
    with os.fdopen(parent, "rb", buffering=0) as terminal:
        done = subprocess.run(
            [*COMMAND, "token", "create", "laptop"], cwd=tmp_path, stdout=child, stderr=subprocess.PIPE, check=True
        )
        os.close(child)
        assert re.fullmatch(rb"tgd_\w{47}\r\n", terminal.read(200))
    assert b"shown this once" in done.stderr


@pytest.mark.parametrize("rule_id", plant.RULES)
def test_every_family_is_minted_and_found(rule_id: str, tmp_path: Path) -> None:
    token = create(tmp_path, "a", "--family", rule_id)
    (tmp_path / "leak").write_text(f"key = {token}\n")
    (finding,) = run("scan", "files", "leak", "--format", "json", cwd=tmp_path).report["findings"]
    assert finding["rule_id"] == rule_id
    assert finding["token_sha256"] == sha256(token)
    assert [each["prefix"] for each in listed(tmp_path)] == [finding["prefix"]] == [plant.visible_prefix(token)]


def test_a_family_of_ones_own_needs_no_code(tmp_path: Path) -> None:
    rules = tmp_path / "acme.yaml"
    rules.write_text(OWN_FAMILY)
    token = create(tmp_path, "deployments", "--family", "acme-deploy-token", "--rules", rules)
    assert token.startswith("acmedt_")
    assert token.endswith(plant.checksum(token[:-6]))
    (tmp_path / "leak").write_text(token)
    assert run("scan", "files", "leak", "--rules", rules, "--format", "json", cwd=tmp_path).report["findings"]
    ended = run("token", "revoke", token[:15], "--yes", "--rules", rules, cwd=tmp_path)
    assert ended.code == CLEAN
    assert verify(tmp_path, token, "--rules", str(rules)).code == FOUND
    refused = run("token", "show", token, "--rules", rules, cwd=tmp_path)
    assert (refused.code, refused.out) == (USAGE, "")
    assert token[16:] not in refused.err


def test_ninety_days_unless_said_otherwise(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    for options, days in (
        ((), 90),
        (("--expires-in", "30d"), 30),
        (("--expires-in", "2w"), 14),
        (("--expires-in", "12h"), 0.5),
    ):
        made = run("token", "create", "a", *options, "--json", cwd=tmp_path).report["record"]
        lives = datetime.fromisoformat(made["expires_at"]) - now
        assert timedelta(days=days) - timedelta(minutes=1) < lives < timedelta(days=days, minutes=5)
    assert (
        run("token", "create", "a", "--expires-in", "never", "--json", cwd=tmp_path).report["record"]["expires_at"]
        is None
    )
    for wrong in ("30", "0d", "-1d", "soon", "999999999d"):
        assert run("token", "create", "a", "--expires-in", wrong, cwd=tmp_path).code == USAGE


def test_json_has_the_token_once_and_the_record_never(tmp_path: Path) -> None:
    ended = run("token", "create", "a", "--json", cwd=tmp_path)
    made = ended.report
    assert re.fullmatch(r"tgd_\w{47}", made["token"])
    assert ended.out.count(made["token"][13:]) == 1
    assert made["prefix"] == made["record"]["prefix"] == made["token"][:12]
    assert listed(tmp_path) == [made["record"]]


def test_scopes_are_those_that_were_asked_for(tmp_path: Path) -> None:
    create(tmp_path, "a", "--scope", "messages:send", "--scope", "templates:read")
    (made,) = listed(tmp_path)
    assert made["scopes"] == ["messages:send", "templates:read"]
    assert "messages:send" in run("token", "list", cwd=tmp_path).out
    ended = run("token", "create", "b", "--scope", "no:such", cwd=tmp_path)
    assert (ended.code, ended.out) == (USAGE, "")


def test_a_limit_is_kept_and_told(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: run("token", "create", "a", "--family", plant.KEEBAI, cwd=tmp_path), range(12)))
    assert sorted(ended.code for ended in done) == [CLEAN] * 10 + [USAGE] * 2
    assert "keebai-api-key: 10 of 10 active" in run("token", "list", cwd=tmp_path).err


def test_verify(tmp_path: Path) -> None:
    token = create(tmp_path)
    prefix, name = token[:12], sha256(token)
    for arguments in ((), ("--hash", name.upper()), (prefix,), (record(tmp_path, prefix)["id"],)):
        assert verify(tmp_path, token, *arguments).code == CLEAN
    answer = verify(tmp_path, token, "--json").report
    assert (answer["active"], answer["client_id"]) == (True, record(tmp_path, prefix)["id"])
    # Being looked at is no use.
    assert record(tmp_path, prefix)["last_used_at"] is None
    assert verify(tmp_path, plant.token(plant.TOKENGUARD)).code == FOUND
    assert run("token", "revoke", prefix, "--yes", cwd=tmp_path).code == CLEAN
    for arguments in ((), ("--hash", name), (prefix,), ("tgd_00000000",), ("tok_nothing",)):
        assert verify(tmp_path, token, *arguments).code == FOUND, arguments
    assert verify(tmp_path, "").code == USAGE
    assert verify(tmp_path, "two words").code == USAGE
    assert verify(tmp_path, token, "--hash", "123").code == USAGE
    assert verify(tmp_path, token, prefix, "--hash", name).code == USAGE


def test_revoke_is_a_dry_run_until_yes(tmp_path: Path) -> None:
    token, other = create(tmp_path, "a"), create(tmp_path, "b")
    dry = run("token", "revoke", token[:12], cwd=tmp_path)
    assert dry.code == FOUND
    assert "would be revoked" in dry.out
    assert "--yes" in dry.err
    assert alive(token) == [True]
    done = run("token", "revoke", token[:12], "--yes", "--reason", "laptop lost", cwd=tmp_path)
    assert done.code == CLEAN
    revoked = record(tmp_path, token[:12])
    assert (revoked["status"], revoked["revoke_reason"]) == ("revoked", "laptop lost")
    assert alive(token, other) == [False, True]
    # Again: it is dead, and nothing changes.
    again = run("token", "revoke", token[:12], "--yes", "--reason", "other", cwd=tmp_path)
    assert (again.code, "already revoked" in again.out) == (CLEAN, True)
    assert record(tmp_path, token[:12]) == revoked
    mixed = run("token", "revoke", other[:12], "tgd_00000000", "--yes", "--json", cwd=tmp_path)
    assert mixed.code == FOUND
    assert [each["outcome"] for each in mixed.report["results"]] == ["revoked", "not_found"]


def share_a_prefix(home: Path, *tokens: str) -> None:
    """Give tokens one visible prefix, as 16 random bits do by chance sooner or later."""
    with sqlite3.connect(home / ".local" / "share" / "tokenguard" / "store.db") as store:
        triggers = store.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            store.execute(f"DROP TRIGGER {name}")
        store.execute("UPDATE tokens SET prefix = ? WHERE prefix = ?", (tokens[0][:12], tokens[1][:12]))
        for _, sql in triggers:
            store.execute(sql)
    store.close()


def test_of_several_with_one_prefix_none_is_taken(tmp_path: Path, home: Path) -> None:
    tokens = [create(tmp_path, f"number {number}", "--family", plant.KEEBAI) for number in range(2)]
    share_a_prefix(home, *tokens)
    prefix = tokens[0][:12]
    refused = run("token", "revoke", prefix, "--yes", cwd=tmp_path)
    assert refused.code == FOUND
    assert all(text in refused.out for text in ("ambiguous", "number 0", "number 1"))
    assert all(alive(*tokens))
    rotated = run("token", "rotate", prefix, cwd=tmp_path)
    assert rotated.code == USAGE
    assert "name one by its id" in rotated.err
    assert len(run("token", "show", prefix, "--json", cwd=tmp_path).report["tokens"]) == 2
    first = next(each["id"] for each in listed(tmp_path) if each["name"] == "number 0")
    assert run("token", "revoke", first, "--yes", cwd=tmp_path).code == CLEAN
    assert alive(*tokens) == [False, True]


def test_rotate(tmp_path: Path) -> None:
    token = create(tmp_path, "a", "--scope", "messages:send")
    ended = run("token", "rotate", token[:12], "--grace", "1h", cwd=tmp_path)
    assert ended.code == CLEAN
    successor = ended.out.strip()
    assert successor != token
    old, new = record(tmp_path, token[:12]), record(tmp_path, successor[:12])
    assert (new["name"], new["scopes"], new["rotated_from"], old["rotated_to"]) == (
        old["name"],
        ["messages:send"],
        old["id"],
        new["id"],
    )
    assert alive(token, successor) == [True, True]
    # Who rotates an old one again has stolen it, or was robbed.
    again = run("token", "rotate", token[:12], cwd=tmp_path)
    assert (again.code, again.out) == (USAGE, "")
    assert alive(token, successor) == [False, False]


def test_rotate_without_grace_ends_the_old_one_at_once(tmp_path: Path) -> None:
    token = create(tmp_path)
    successor = run("token", "rotate", token[:12], cwd=tmp_path).out.strip()
    assert alive(token, successor) == [False, True]


def test_filters(tmp_path: Path, home: Path) -> None:
    create(tmp_path, "long", "--expires-in", "never")
    create(tmp_path, "short", "--expires-in", "3d")
    dead = create(tmp_path, "dead")
    create(tmp_path, "keebai", "--family", plant.KEEBAI)
    run("token", "revoke", dead[:12], "--yes", cwd=tmp_path)
    assert names(tmp_path) == ["keebai", "dead", "short", "long"]
    assert names(tmp_path, "--status", "revoked") == ["dead"]
    assert names(tmp_path, "--family", plant.KEEBAI) == ["keebai"]
    assert names(tmp_path, "--expiring", "14d") == ["short"]
    assert names(tmp_path, "--stale", "90d") == []
    assert names(tmp_path, "--overscoped") == names(tmp_path, "--shared") == names(tmp_path, "--odd-hours") == []
    with sqlite3.connect(home / ".local" / "share" / "tokenguard" / "store.db") as store:
        token_id = store.execute("SELECT id FROM tokens WHERE name = 'long'").fetchone()[0]
        now = int(datetime.now(UTC).timestamp())
        uses = [(token_id, now // 3600, f"192.0.2.{number}", 1, now * 10**6) for number in range(2)]
        store.executemany("INSERT INTO token_uses VALUES (?, ?, ?, ?, ?)", uses)
    store.close()
    assert names(tmp_path, "--shared") == ["long"]
    assert run("token", "list", "--stale", "12h", cwd=tmp_path).code == USAGE
    assert run("token", "list", "--stale", "0d", cwd=tmp_path).code == USAGE


def test_all_pages_are_listed(tmp_path: Path) -> None:
    create(tmp_path)
    with open_service(approach(os.environ), os.environ) as service:
        for number in range(230):
            service.create_token(NewToken(f"number {number}"))
    assert len({each["id"] for each in listed(tmp_path)}) == 231


@pytest.mark.parametrize("command", ["show", "rotate", "revoke", "verify"])
@pytest.mark.parametrize("cut", [0, 1, 20])
def test_a_token_where_its_name_belongs_is_refused(command: str, cut: int, tmp_path: Path) -> None:
    token = plant.token(plant.TOKENGUARD)
    given = token[: len(token) - cut]
    ended = run("token", command, given, cwd=tmp_path)
    assert (ended.code, ended.out) == (USAGE, "")
    assert token[12:24] not in ended.err
    # Once: the warning of any token in an argument would say the same again, with another remedy.
    assert "a whole token was given where its visible prefix or id belongs" in ended.message
    assert token[:12] in ended.err


@pytest.mark.parametrize("name", ["tgd_2e9c", "", "x" * 60, "a b", "tok_", "\x1b[2J"])
def test_what_names_no_token(name: str, tmp_path: Path) -> None:
    create(tmp_path)
    ended = run("token", "show", name, cwd=tmp_path)
    assert (ended.code, ended.out) == (USAGE, "")
    assert "\x1b" not in ended.message


def test_names_cannot_drive_the_terminal(tmp_path: Path, home: Path) -> None:
    create(tmp_path, "plain")
    hidden = plant.token(plant.KEEBAI)
    with sqlite3.connect(home / ".local" / "share" / "tokenguard" / "store.db") as store:
        store.execute("UPDATE tokens SET name = ?", (f"a\x1b[2J\u202e\n{hidden}",))
    store.close()
    for arguments in (("list",), ("list", "--json"), ("show", listed(tmp_path)[0]["id"])):
        ended = run("token", *arguments, cwd=tmp_path)
        assert ended.code == CLEAN
        assert not {"\x1b", "\u202e"} & set(ended.out)
        assert hidden[13:] not in ended.out


def test_without_a_store_nothing_is_made(tmp_path: Path, home: Path) -> None:
    for arguments in (("list",), ("show", "tgd_00000000"), ("revoke", "tgd_00000000", "--yes"), ("rotate", "tok_1")):
        ended = run("token", *arguments, cwd=tmp_path)
        assert ended.code == INCOMPLETE
        assert "there is no token store yet" in ended.message
    for command in ("check", "migrate", "sweep"):
        assert run("store", command, cwd=tmp_path).code == INCOMPLETE
    assert not (home / ".local").exists()


@pytest.mark.parametrize("said", ["postgresql:ada:{}@host/tokens", "ada:{}@host/tokens"])
def test_a_store_that_is_neither_path_nor_url_is_not_repeated(said: str, tmp_path: Path) -> None:
    password = secrets.token_hex(8)
    for command in (("token", "list"), ("token", "create", "a"), ("store", "check")):
        ended = run(*command, cwd=tmp_path, environ={"TOKENGUARD_STORE_URL": said.format(password)})
        assert ended.code == USAGE
        assert "TOKENGUARD_STORE_URL is neither a path nor a URL" in ended.out + ended.err
        assert password not in ended.out + ended.err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--expires-in", "0d"), "'0d' is no time to live; give a span such as 12h, 30d or 2w, or never"),
        (("--expires-in", "0s"), "'0s' is no time to live"),
        (("--expires-in", "99999d"), "--expires-in: is a number of days from 1 to 36500"),
        (("--scope", "foo:bar"), "--scope: unknown; known are admin.manage_roles, "),
        (("--owner", "nobody@example.org"), "--owner: names no user"),
    ],
)
def test_what_is_refused_is_called_as_it_was_typed(options: tuple[str, ...], said: str, tmp_path: Path) -> None:
    create(tmp_path)
    ended = run("token", "create", "b", *options, cwd=tmp_path)
    assert (ended.code, ended.out) == (USAGE, "")
    assert said in ended.message


def test_tokens_of_nobody_are_no_empty_list(tmp_path: Path) -> None:
    create(tmp_path)
    ended = run("token", "list", "--owner", "nobody@example.org", cwd=tmp_path)
    assert (ended.code, ended.out, ended.message) == (USAGE, "", "--owner: names no user")


def test_a_deactivated_owner_is_said_with_the_way_back(tmp_path: Path) -> None:
    create(tmp_path)
    run("user", "create", "ada@example.org", "--name", "Ada", "--role", "admin", cwd=tmp_path)
    assert run("user", "change", "local@localhost", "--deactivate", cwd=tmp_path).code == CLEAN
    ended = run("token", "create", "b", cwd=tmp_path)
    assert ended.code == USAGE
    command = ended.message.partition("tokenguard ")[2]
    assert command == "user change local@localhost --activate"
    assert run(*command.split(), cwd=tmp_path).code == CLEAN
    create(tmp_path, "c")


def test_a_token_that_cannot_be_written_is_not_lost_in_silence(tmp_path: Path) -> None:
    create(tmp_path)
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*COMMAND, "token", "create", "lost"], cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert done.returncode == INCOMPLETE
    message = done.stderr.decode()
    (lost,) = (each for each in listed(tmp_path) if each["name"] == "lost")
    assert f"({lost['id']}) was made, but could not be written" in message
    assert f"tokenguard token rotate {lost['id']}" in message


def test_a_pepper_that_is_gone_is_said(tmp_path: Path, home: Path) -> None:
    create(tmp_path)
    pepper = home / ".local" / "share" / "tokenguard" / "pepper"
    pepper.unlink()
    ended = run("token", "list", cwd=tmp_path)
    assert ended.code == INCOMPLETE
    assert "no pepper file; restore it, or name it in TOKENGUARD_PEPPER_FILE" in ended.message
    # What is advised works, and asking for a store where one is makes no pepper that none of its tokens is under.
    assert "there is a store already" in run("store", "init", cwd=tmp_path).message
    assert not pepper.exists()
    (home / ".local" / "share" / "tokenguard" / "store.db").rename(tmp_path / "lost.db")
    assert run("store", "init", cwd=tmp_path).code == CLEAN


def test_the_store_can_be_elsewhere(tmp_path: Path, home: Path) -> None:
    environ = {"TOKENGUARD_STORE_URL": str(tmp_path / "elsewhere.db"), "TOKENGUARD_PEPPER_FILE": str(tmp_path / "p")}
    ended = run("token", "create", "a", cwd=tmp_path, environ=environ)
    assert (ended.code, ended.err.count("\n")) == (CLEAN, 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["elsewhere.db", "p"]
    assert not (home / ".local").exists()
    assert run("token", "list", cwd=tmp_path, environ=environ).code == CLEAN


def test_the_missing_extra_is_named(tmp_path: Path) -> None:
    (tmp_path / "sqlalchemy.py").write_text("raise ModuleNotFoundError('no', name='sqlalchemy')\n")
    ended = run("token", "create", "a", cwd=tmp_path, environ={"PYTHONPATH": str(tmp_path)})
    assert (ended.code, ended.out) == (USAGE, "")
    assert ended.message == "the token store needs SQLAlchemy; install tokenguard's extra `store`"


def test_the_audit_knows_who(tmp_path: Path, home: Path) -> None:
    create(tmp_path)
    with sqlite3.connect(home / ".local" / "share" / "tokenguard" / "store.db") as store:
        actors = {actor for (actor,) in store.execute("SELECT actor FROM audit")}
    store.close()
    assert len(actors) == 1
    assert next(iter(actors)).startswith("local:")
    assert json.dumps(sorted(actors)) != '["local:unknown"]'


def test_a_token_has_expected_hours_of_its_own(tmp_path: Path) -> None:
    token = create(tmp_path, "nightly", "--expected-hours", "Mon-Fri 22-6 +2")
    assert record(tmp_path, token[:12])["expected_hours"] == "mon-fri 22-06 UTC+2"
    shown = run("token", "show", token[:12], cwd=tmp_path).out
    assert re.search(r"^expected use +mon-fri 22-06 UTC\+2$", shown, re.MULTILINE)
    wrong = run("token", "create", "ci", "--expected-hours", "office hours", cwd=tmp_path)
    assert wrong.code == USAGE
    assert "mon-fri 8-18" in wrong.message


def test_a_message_hides_tokens_of_the_users_own_rules(tmp_path: Path, home: Path) -> None:
    """Click repeats what it does not understand."""
    folder = home / ".config" / "tokenguard"
    folder.mkdir(parents=True)
    (folder / "own.yaml").write_text(OWN_FAMILY)
    (folder / "config.yaml").write_text("rules: own.yaml\n")
    hidden = secrets.token_hex(16)
    body = f"acmedt_{secrets.token_hex(4)}_{hidden}"
    token = body + plant.checksum(body)
    ended = run("token", "list", "--stale", token, cwd=tmp_path)
    assert ended.code == USAGE
    assert "is not a span of time" in ended.err
    assert body[:15] in ended.err
    assert hidden not in ended.err
    (folder / "own.yaml").write_text("rules: nonsense\n")
    assert "own.yaml" in run("token", "list", cwd=tmp_path).message


def test_the_embedded_store_goes_by_the_policies_that_are_named(tmp_path: Path, home: Path) -> None:
    folder = home / ".config" / "tokenguard"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text("policies: store.yaml\n")
    missing = run("token", "create", "a", cwd=tmp_path)
    assert (missing.code, missing.message.partition(";")[0]) == (USAGE, f"{folder / 'store.yaml'}: no such file")
    (folder / "store.yaml").write_text(
        f"families:\n  {plant.TOKENGUARD}: {{max_active: 1, default_lifetime: 5d}}\nproduct_scopes: [orders:read]\n"
    )
    token = create(tmp_path, "a", "--scope", "orders:read")
    expires = datetime.fromisoformat(record(tmp_path, token[:12])["expires_at"])
    assert timedelta(days=4) < expires - datetime.now(UTC) <= timedelta(days=5)
    full = run("token", "create", "b", cwd=tmp_path)
    assert (full.code, full.out) == (USAGE, "")
    assert "1" in full.message
