"""`tokenguard user …`: whoever owns tokens."""

from __future__ import annotations

from typing import Any

import click

from tokenguard.cli.group import Commands, examples
from tokenguard.cli.record import user_table
from tokenguard.cli.service import connected, service_options


@click.group(cls=Commands)
def user() -> None:
    """Whoever owns tokens. A user has one role; what the role does not grant, no token of theirs may."""


@user.command("list", epilog=examples("tokenguard user list", "tokenguard user list --json"))
@service_options
def list_users(**options: Any) -> None:
    """List all users, deactivated ones too."""
    from tokenguard.model.wire import to_json

    with connected(**options) as store:
        users = store.service.users()
        store.show({"users": to_json(users)}, lambda: user_table(users))


@user.command(
    epilog=examples(
        'tokenguard user create ada@example.org --name "Ada Lovelace" --role developer',
        "tokenguard user create ci@example.org --name CI --role developer --plan PRO",
    )
)
@click.argument("email", metavar="ADDRESS")
@click.option("--name", required=True, help="As lists and the audit show them.")
@click.option("--role", required=True, metavar="ROLE", help="A role's name or id: tokenguard role list.")
@click.option(
    "--plan", default="FREE", show_default=True, metavar="PLAN", help="Decides how many tokens they may have."
)
@service_options
def create(email: str, name: str, role: str, plan: str, **options: Any) -> None:
    """Add a user."""
    with connected(**options, make=True) as store:
        made = store.service.create_user(email=email, name=name, role=role, plan=plan)
        store.show(made, lambda: user_table([made]))


@user.command(
    epilog=examples(
        "tokenguard user change ada@example.org --role responder",
        "tokenguard user change ada@example.org --deactivate",
    )
)
@click.argument("user_id", metavar="ADDRESS|ID")
@click.option("--name", help="A new name.")
@click.option("--role", metavar="ROLE", help="Another role, by name or id. What it takes away counts at once.")
@click.option("--plan", metavar="PLAN", help="Another plan.")
@click.option("--deactivate/--activate", "deactivate", default=None, help="Whether their tokens are refused, at once.")
@service_options
def change(user_id: str, deactivate: bool | None, **options: Any) -> None:  # noqa: FBT001 - click's way
    """Change what is given of a user. The last admin stays."""
    given = {key: options.pop(key) for key in ("name", "role", "plan")}
    if deactivate is None and not any(given.values()):
        raise click.UsageError("nothing to change; give --name, --role, --plan, --deactivate or --activate")
    active = None if deactivate is None else not deactivate
    with connected(**options) as store:
        changed = store.service.change_user(user_id, **given, active=active)
        store.show(changed, lambda: user_table([changed]))
