"""`tokenguard completion SHELL`: the script that makes a shell complete commands, options and values."""

from __future__ import annotations

import click

from tokenguard.cli.group import examples


@click.command(
    epilog=examples(
        'eval "$(tokenguard completion bash)"  # in ~/.bashrc',
        'eval "$(tokenguard completion zsh)"  # in ~/.zshrc, after compinit',
        "tokenguard completion fish | source  # in ~/.config/fish/config.fish",
    )
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of a shell, to be read by it at its start."""
    from click.shell_completion import get_completion_class

    from tokenguard.cli.root import root

    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"no completion for {shell}")
    click.echo(found(root, {}, "tokenguard", "_TOKENGUARD_COMPLETE").source())
