"""The root command: names of all commands, each imported when it is called."""

from __future__ import annotations

from importlib import import_module

import click

from tokenguard import __version__
from tokenguard.cli.group import examples

COMMANDS = {
    "scan": "Find leaked tokens: files, git, staged changes, commits, shell histories, standard input.",
    "rules": "List, show, check and export rules.",
    "baseline": "Record known findings, so that only new ones count.",
    "hook": "Install, remove and run git hooks.",
    "revoke": "Revoke leaked tokens: all of a report, or by prefix, id, hash or value.",
    "token": "Create, list, check, rotate and revoke tokens.",
    "login": "Sign in at a token store's server.",
    "whoami": "Show whose token is used, and where it comes from.",
    "logout": "Forget the token that login kept.",
    "user": "Add and change users of the token store.",
    "role": "Add and change roles of the token store.",
    "store": "Make, migrate, check and back up a token store.",
    "serve": "Serve the token store over HTTP.",
    "doctor": "Show what tokenguard sees: git, configuration, cache, hooks, rules.",
    "completion": "Print a shell's completion script.",
}


class LazyGroup(click.Group):
    """A group whose commands are imported from `tokenguard.cli.NAME` when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in the order of the table."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        command = getattr(import_module(f"tokenguard.cli.{cmd_name}"), cmd_name)
        return command if isinstance(command, click.Command) else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's, which knows no command of a lazy group that a slip of the hand could mean."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-") and not ctx.resilient_parsing:
            from tokenguard.config.keys import nearest  # start-up time: most commands are there

            raise click.UsageError(f"No such command {name!r}; {nearest(name, COMMANDS)}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=examples(
        "tokenguard scan git",
        "tokenguard scan files ~/projects --format json -o report.json",
        "tokenguard scan shell",
        "tokenguard hook install",
    )
    + "\n\nExit codes of scans: 0 clean, 1 findings, 2 wrong usage or configuration, 3 incomplete.",
)
@click.version_option(__version__, prog_name="tokenguard")
def root() -> None:
    """Close the loop on API tokens: find every leaked one, fast, and never call clean what was not read."""
