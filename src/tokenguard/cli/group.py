"""How a group of commands and its help look: commands in the order of a life, examples one a line."""

from __future__ import annotations

import click


class Commands(click.Group):
    """A group that lists its commands in the order in which they are defined, each with its whole first sentence.

    Its examples are the first ones of its commands.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, as defined."""
        del ctx
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Names and first sentences; click would cut these off."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, command.get_short_help_str(limit=200)) for name, command in self.commands.items()]
            )

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """One example of each command."""
        epilogs = (command.epilog for command in self.commands.values())
        self.epilog = examples(*(_first(epilog) for epilog in epilogs if epilog))
        super().format_epilog(ctx, formatter)


def _first(epilog: str) -> str:
    """The first of what `examples` was given."""
    return epilog.splitlines()[2].strip()


def examples(*commands: str) -> str:
    """The examples of a command's help, one a line."""
    # \b: click leaves the lines of the paragraph as they are.
    return "\n".join(("\b", "Examples:" if len(commands) > 1 else "Example:", *(f"  {each}" for each in commands)))
