"""`tokenguard role …`: named sets of permissions."""

from __future__ import annotations

from typing import Any

import click

from tokenguard.cli.group import Commands, examples
from tokenguard.cli.record import role_table
from tokenguard.cli.service import connected, service_options

_role_argument = click.argument("role_id", metavar="NAME|ID")


@click.group(cls=Commands)
def role() -> None:
    """Named sets of permissions. A token may do what is in its scopes and in its owner's role."""


@role.command("list", epilog=examples("tokenguard role list", "tokenguard role list --json"))
@service_options
def list_roles(**options: Any) -> None:
    """List all roles with their permissions."""
    from tokenguard.model.wire import to_json

    with connected(**options) as store:
        roles = store.service.roles()
        store.show({"roles": to_json(roles)}, lambda: role_table(roles))


@role.command(
    epilog=examples(
        "tokenguard role create auditor --permission audit.read",
        "tokenguard role create sender --permission developer.manage_tokens --permission messages:send",
    )
)
@click.argument("name")
@click.option("--permission", "permissions", multiple=True, metavar="PERMISSION", help="What it grants; repeatable.")
@service_options
def create(name: str, permissions: tuple[str, ...], **options: Any) -> None:
    """Add a role."""
    with connected(**options, make=True) as store:
        made = store.service.create_role(name=name, permissions=permissions)
        store.show(made, lambda: role_table([made]))


@role.command(
    epilog=examples(
        "tokenguard role change auditor --name examiner",
        "tokenguard role change auditor --permission audit.read --permission security.respond",
    )
)
@_role_argument
@click.option("--name", help="A new name.")
@click.option(
    "--permission",
    "permissions",
    multiple=True,
    metavar="PERMISSION",
    help="All that it grants from now on; repeatable.",
)
@click.option("--no-permissions", is_flag=True, help="Grant nothing any more.")
@service_options
def change(
    role_id: str,
    name: str | None,
    permissions: tuple[str, ...],
    no_permissions: bool,  # noqa: FBT001 - click's way
    **options: Any,
) -> None:
    """Change what is given of a role. What is taken away counts at once; the last admin stays."""
    if no_permissions and permissions:
        raise click.UsageError("give --permission or --no-permissions, not both")
    if not (name or permissions or no_permissions):
        raise click.UsageError("nothing to change; give --name, --permission or --no-permissions")
    wanted = permissions if permissions or no_permissions else None
    with connected(**options) as store:
        changed = store.service.change_role(role_id, name=name, permissions=wanted)
        store.show(changed, lambda: role_table([changed]))


@role.command(epilog=examples("tokenguard role delete auditor"))
@_role_argument
@service_options
def delete(role_id: str, **options: Any) -> None:
    """Delete a role that no user has."""
    with connected(**options) as store:
        store.service.delete_role(role_id)
        store.show({"deleted": role_id}, lambda: [("deleted", role_id)])
