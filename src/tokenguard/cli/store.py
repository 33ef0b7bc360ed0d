"""`tokenguard store …`: the care of a token store. Which one: TOKENGUARD_STORE_URL, else the one of this user."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tokenguard.app import store_care
from tokenguard.app.conceal import Concealer
from tokenguard.cli.group import Commands, examples
from tokenguard.cli.main import complain, tell
from tokenguard.cli.service import way_of
from tokenguard.cli.show import Screen
from tokenguard.errors import OutputError
from tokenguard.model.wire import to_json
from tokenguard.report.summary import counted
from tokenguard.ruleset.assemble import load_builtin

if TYPE_CHECKING:
    from tokenguard.store.check import StoreCheck

UNSOUND = 3

_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_config_option = click.option(
    "--config", type=click.Path(path_type=Path), metavar="FILE", help="The server's configuration."
)
_rules_option = click.option(
    "--rules",
    "more",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Rule file or folder with further families; repeatable.",
)


@click.group(cls=Commands)
def store() -> None:
    """The care of a token store. It is the SQLite file or the PostgreSQL database of TOKENGUARD_STORE_URL, else a file
    of this user. Its pepper is TOKENGUARD_PEPPER, the file of TOKENGUARD_PEPPER_FILE, else a file of this user.
    """  # noqa: D205 - click shows the first paragraph whole


@store.command(
    epilog=examples(
        "tokenguard store init --admin ada@example.org | vault kv put secret/tokenguard admin=-",
        "tokenguard store init --config tokenguard.server.yaml --json",
    )
)
@click.option("--admin", default="admin@localhost", show_default=True, metavar="ADDRESS", help="The first admin.")
@click.option("--name", default="Admin", show_default=True, help="The admin's name, as lists and the audit show it.")
@click.option(
    "--config", type=click.Path(path_type=Path), metavar="FILE", help="The server's configuration: what it permits."
)
@_rules_option
@_json_option
def init(
    admin: str,
    name: str,
    config: Path | None,
    more: tuple[Path, ...],
    as_json: bool,  # noqa: FBT001
) -> int:
    """Make a store, its pepper and a first admin. The admin's token is printed this once, alone on standard output."""
    way = way_of(None, None, more)
    ruleset = way.ruleset
    made = store_care.initialise(os.environ, ruleset, email=admin, name=name, config=config or way.policies)
    record = made.admin.record
    raw = made.admin.token.reveal().decode("ascii") if made.admin.token else ""
    try:
        if as_json:
            document = {"store": made.name, "pepper": made.pepper, "record": to_json(record)}
            Screen(Concealer(ruleset)).json(document, revealed={"token": raw})
        else:
            _out(raw)
        sys.stdout.flush()
    except (OSError, AttributeError):
        raise OutputError(
            f"{made.name} was made, but its admin's token {record.prefix} could not be written",
            remedy="get another one: tokenguard token create",
        ) from None
    tell(f"store: {made.name}")
    tell(f"pepper: {made.pepper}; without it the store is of no use: keep a copy of it, apart from the store's backups")
    tell(f"the token of {record.owner.email}, {record.prefix}…, is shown this once")
    return 0


@store.command(epilog=examples("tokenguard store migrate"))
@_json_option
def migrate(as_json: bool) -> None:  # noqa: FBT001 - click's way
    """Bring the tables of an older store to what this program works with, whole or not at all. Back it up before."""
    name, versions = store_care.migrate(os.environ)
    if as_json:
        _screen().json({"store": name, "applied": list(versions)})
    else:
        _screen().line(f"{name}: {'brought to ' + versions[-1] if versions else 'up to date'}")


@store.command(epilog=examples("tokenguard store check", "tokenguard store check --json"))
@_json_option
def check(as_json: bool) -> int:  # noqa: FBT001 - click's way
    """Look whether the store holds what it promises, and change nothing.

    The database's own check, rows that point to nothing, the triggers that make a revocation final, an event in the
    audit for each revocation, hashes that are unique and of a known pepper. Exit 0: sound; 3: not.
    """
    name, found = store_care.check(os.environ)
    if as_json:
        _screen().json({"store": name, "sound": found.sound, "faults": list(found.faults), **_numbers(found)})
    else:
        _screen().line(f"{name}: {_summary(found)}: {'sound' if found.sound else 'NOT SOUND'}")
        for fault in found.faults:
            complain(fault)
        if found.dead_messages:
            tell(f"{counted(found.dead_messages, 'message')} did not arrive: tokenguard doctor")
        if found.untold_messages:
            tell(f"{counted(found.untold_messages, 'message')} had waited for a channel too long, and nobody was told")
    return 0 if found.sound else UNSOUND


@store.command("rotate-pepper", epilog=examples("tokenguard store rotate-pepper"))
@_json_option
def rotate_pepper(as_json: bool) -> None:  # noqa: FBT001 - click's way
    """Add a pepper, under which tokens are kept from now on. The earlier ones stay: older tokens are told by them.

    The store's servers on this file take it by themselves; others need the new file. Keep a new copy of it, apart from
    the store's backups.
    """
    path, pepper_id = store_care.rotate_pepper(os.environ)
    if as_json:
        _screen().json({"pepper": path, "id": pepper_id})
    else:
        _screen().line(f"{path}: {pepper_id} keys new tokens; keep a copy of it, apart from the store's backups")


@store.command(epilog=examples("tokenguard store backup /mnt/backup/tokens-$(date +%F).db"))
@click.argument("target", metavar="FILE", type=click.Path(path_type=Path))
@_json_option
def backup(target: Path, as_json: bool) -> None:  # noqa: FBT001 - click's way
    """Copy the store to a new file, while it is used; the copy is checked, and its owner alone can read it.

    The pepper is not in it, and has to be kept apart from it: who has both can tell which leaked token lives.
    """
    name, found = store_care.back_up(os.environ, target)
    if as_json:
        _screen().json({"store": name, "backup": str(target), **_numbers(found)})
    else:
        _screen().line(f"{target}: {_summary(found)}: sound")
    where = store_care.pepper_place(os.environ)
    tell(
        f"the pepper is not in it, and without the pepper it is of no use: keep a copy of {where}, apart from this file"
    )


@store.command(
    epilog=examples("tokenguard store sweep", "tokenguard store sweep --config tokenguard.server.yaml --json")
)
@_config_option
@_rules_option
@_json_option
def sweep(config: Path | None, more: tuple[Path, ...], as_json: bool) -> None:  # noqa: FBT001 - click's way
    """Do what is due by time; a server does the same once a day.

    Owners are reminded 14 and 3 days before a token expires, and warned of idle ones; those that stay idle are revoked,
    and expiries shortened, as far as the policies of FILE say so: each is in the audit. Then what is over is forgotten:
    answered requests, counts of rates, messages that arrived, uses and alerts of long ago. Tokens, leaks and the audit
    stay.
    """
    way = way_of(None, None, more)
    name, tended, forgotten = store_care.sweep(os.environ, way.ruleset, config or way.policies)
    if as_json:
        _screen().json({"store": name, "tokens": tended, "forgotten": forgotten})
        return
    said = (f"{counted(tended['expiring'], 'token')} about to expire", f"{tended['idle']} idle")
    done = (f"{tended['revoked']} revoked", f"{tended['shortened']} shortened")
    _screen().line(f"{name}: {', '.join((*said, *done))}")
    _screen().line(f"{name}: {', '.join(f'{number} {kind}' for kind, number in forgotten.items())} forgotten")


@store.command(
    epilog=examples(
        "tokenguard store relay --once --config tokenguard.server.yaml",
        "tokenguard store relay --once --retry-dead --config tokenguard.server.yaml",
    )
)
@_config_option
@click.option("--once", is_flag=True, required=True, help="Send what is due now, and end: for cron.")
@click.option("--retry-dead", is_flag=True, help="Also what was given up, for another day.")
@_rules_option
@_json_option
def relay(
    config: Path | None,
    once: bool,  # noqa: FBT001 - click's way
    retry_dead: bool,  # noqa: FBT001
    more: tuple[Path, ...],
    as_json: bool,  # noqa: FBT001
) -> int:
    """Send what is to be told over the channels of FILE (docs/notifications.md), as a server does all the time.

    Exit 0: nothing failed; 3: something did, and is tried again for a day.
    """
    del once
    way = way_of(None, None, more)
    name, tally = store_care.relay(os.environ, way.ruleset, config or way.policies, retry_dead=retry_dead)
    numbers = {"taken": tally.taken, "delivered": tally.delivered, "failed": tally.failed, "dead": tally.dead}
    if as_json:
        _screen().json({"store": name, **numbers})
    else:
        _screen().line(f"{name}: {', '.join(f'{number} {kind}' for kind, number in numbers.items())}")
    return UNSOUND if tally.failed or tally.dead else 0


def _out(raw: str) -> None:
    if sys.stdout is None:
        raise OSError
    click.echo(raw)


def _screen() -> Screen:
    return Screen(Concealer(load_builtin()))


def _numbers(found: StoreCheck) -> dict[str, object]:
    return {
        "version": found.version,
        "users": found.users,
        "tokens": found.tokens,
        "revoked": found.revoked,
        "leaks": found.leaks,
        "events": found.events,
        "dead_messages": found.dead_messages,
        "untold_messages": found.untold_messages,
    }


def _summary(found: StoreCheck) -> str:
    return (
        f"{counted(found.tokens, 'token')}, {found.revoked} of them revoked, {counted(found.leaks, 'leak')}, "
        f"{counted(found.users, 'user')}, {counted(found.events, 'event')}"
    )
