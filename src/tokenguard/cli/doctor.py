"""`tokenguard doctor`: everything that a command depends on, with a remedy for what is not as it should be."""

from __future__ import annotations

import os
from pathlib import Path

import click

from tokenguard.app.conceal import Concealer
from tokenguard.app.diagnosis import Diagnosis, diagnose
from tokenguard.app.health import Health
from tokenguard.cli.group import examples
from tokenguard.cli.run import cache_folder
from tokenguard.cli.show import Screen
from tokenguard.ruleset.assemble import load_builtin

BROKEN = 2


@click.command(epilog=examples("tokenguard doctor", "tokenguard doctor --json"))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(as_json: bool) -> int:  # noqa: FBT001 - click's way
    """Show what tokenguard sees here: git, configuration and its origins, rules, cache, hooks, token store.

    Exit 0: all is well; 2: something is broken. Each line that is not ok says what helps. Logins in URLs are not shown.
    """
    found = diagnose(os.environ, Path.cwd(), cache_folder())
    screen = Screen(Concealer(load_builtin()))
    if as_json:
        screen.json(_document(found))
    else:
        _print(found, screen)
    return BROKEN if found.broken else 0


def _print(found: Diagnosis, screen: Screen) -> None:
    screen.table(
        [
            (check.health.value, check.name, f"{check.value}; {check.remedy}" if check.remedy else check.value)
            for check in found.checks
        ]
    )
    if found.settings:
        screen.line()
        screen.table([("SETTING", "VALUE", "FROM"), *((each.key, each.value, each.where) for each in found.settings)])
    screen.line()
    broken = sum(check.health is Health.BROKEN for check in found.checks)
    screen.line(f"{broken} broken" if broken else "all is well")


def _document(found: Diagnosis) -> dict[str, object]:
    return {
        "ok": not found.broken,
        "checks": [
            {"name": each.name, "health": each.health.value, "value": each.value, "remedy": each.remedy or None}
            for each in found.checks
        ],
        "settings": [{"key": each.key, "value": each.value, "from": each.where} for each in found.settings],
    }
