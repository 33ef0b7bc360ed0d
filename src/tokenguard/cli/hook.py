"""`tokenguard hook …`: the native git hooks of a repository. Git's own calls of `hook run` do not come by here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from tokenguard.app.conceal import Concealer
from tokenguard.app.hook_state import HookState
from tokenguard.cli.complete import complete_hooks
from tokenguard.cli.group import Commands, examples
from tokenguard.cli.hook_run import run_hook
from tokenguard.cli.show import Screen
from tokenguard.git.repository import Repository, locate
from tokenguard.ruleset.assemble import load_builtin

_names_argument = click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=complete_hooks)
_repository_option = click.option(
    "--repo", default=".", metavar="REPO", help="The repository (default: around the current folder)."
)
_force_option = click.option(
    "--force", is_flag=True, help="Also in a hooks folder outside the repository, which serves others too."
)


@click.group(cls=Commands)
def hook() -> None:
    """Git hooks that stop a leak: pre-commit, pre-push, and pre-receive on a server."""


@hook.command(
    epilog=examples(
        "tokenguard hook install",
        "tokenguard hook install pre-push",
        "tokenguard hook install --repo /srv/git/app.git",
    )
)
@_names_argument
@_repository_option
@_force_option
def install(names: tuple[str, ...], repo: str, force: bool) -> None:  # noqa: FBT001 - click's way
    """Install hooks (default: pre-commit and pre-push, in a bare repository pre-receive).

    A hook that is there is kept, and called first. Installing again changes nothing, or brings ours up to date.
    """
    from tokenguard.app.hooks import install_hooks

    results = install_hooks(_repository(repo), names, force=force)
    rows = [(result.name, result.change.value, str(result.path), _kept(result.earlier)) for result in results]
    _print(rows, [(result.name, result.hint) for result in results])


@hook.command(epilog=examples("tokenguard hook uninstall", "tokenguard hook uninstall pre-push"))
@_names_argument
@_repository_option
@_force_option
def uninstall(names: tuple[str, ...], repo: str, force: bool) -> None:  # noqa: FBT001 - click's way
    """Remove our hooks (default: all), and put earlier ones back as they were."""
    from tokenguard.app.hooks import uninstall_hooks

    results = uninstall_hooks(_repository(repo), names, force=force)
    rows = [(result.name, result.change.value, str(result.path), _kept(result.earlier)) for result in results]
    _print(rows, [(result.name, result.hint) for result in results])


@hook.command(epilog=examples("tokenguard hook status", "tokenguard hook status pre-commit --repo ~/src/app"))
@_names_argument
@_repository_option
def status(names: tuple[str, ...], repo: str) -> None:
    """Show which hooks are there, whose they are, and what they start."""
    from tokenguard.app.hook_state import hook_status

    found = hook_status(_repository(repo), names)
    rows = [(each.name, each.state.value, str(each.path), _kept(each.earlier)) for each in found]
    hints = [(each.name, each.hint or _advice(each.state)) for each in found]
    _print(rows, hints)


@hook.command(
    epilog=examples(
        "tokenguard hook run pre-commit",
        'tokenguard hook run pre-push "$@"  # in .git/hooks/pre-push',
    ),
    context_settings={"ignore_unknown_options": True},
)
@click.argument("name", shell_complete=complete_hooks)
@click.argument("arguments", nargs=-1, metavar="[ARGUMENT]...")
def run(name: str, arguments: Sequence[str]) -> int:
    """Run a hook, as git and pre-commit call it: with git's arguments and git's lines on standard input.

    Exit 0 lets git go on; anything else stops it: 1 findings, 2 a faulty configuration, 3 something was not read.
    """
    return run_hook((name, *arguments))


def _repository(path: str) -> Repository:
    return locate(Path(path))


def _kept(earlier: Path | None) -> str:
    return f"calls {earlier.name} first" if earlier else ""


def _advice(state: HookState) -> str:
    if state is HookState.MISSING:
        return "nothing stops a leak here; run: tokenguard hook install"
    return "somebody else's; tokenguard hook install keeps it and calls it first" if state is HookState.FOREIGN else ""


def _print(rows: list[tuple[str, str, str, str]], hints: list[tuple[str, str]]) -> None:
    screen = Screen(Concealer(load_builtin()))
    screen.table(rows)
    for name, hint in hints:
        if hint:
            screen.line(f"{name}: {hint}")
