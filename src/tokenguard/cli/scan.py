"""`tokenguard scan …`: one command a source."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from tokenguard.cli.options import parse, scan_options
from tokenguard.cli.run import Run, run_scan


@click.group()
def scan() -> None:
    """Find leaked tokens. Exit 0: everything was read and nothing found; 1: findings; 3: something was not read."""


@scan.command(
    epilog="Examples:  tokenguard scan files  |  tokenguard scan files src notes.txt --format sarif=out.sarif"
)
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option("--respect-gitignore", is_flag=True, default=None, help="Leave out what .gitignore names.")
@scan_options
def files(paths: tuple[str, ...], **options: Any) -> int:
    """Scan files and folders (default: the current one), ignored and hidden ones too.

    Folders called .git are left to `scan git`. Links are not followed below PATH.
    """
    from tokenguard.app.files import scan_files
    from tokenguard.app.sight import of_folder

    sight = of_folder(os.environ, Path.cwd())
    return run_scan(Run(sight, lambda session: scan_files(session, paths or (".",))), parse(**options))


@scan.command(epilog="Examples:  tokenguard scan git  |  tokenguard scan git ~/src/app --format json -o report.json")
@click.argument("repository", default=".", metavar="[REPO]")
@click.option("--respect-gitignore", is_flag=True, default=None, help="In the worktree, leave out what .gitignore names.")
@scan_options
def git(repository: str, **options: Any) -> int:
    """Scan a whole repository (default: the one around the current folder).

    All objects, also those that no branch reaches; refs, indexes, git's own files, the worktree with everything in it.
    """
    from tokenguard.app.repository import scan_repository
    from tokenguard.app.sight import of_repository
    from tokenguard.git.objects import ObjectReader
    from tokenguard.git.repository import locate
    from tokenguard.git.runner import Git, require_git

    require_git(os.environ)
    found = locate(Path(repository))
    with ObjectReader(Git(found)) as objects:
        sight = of_repository(os.environ, found, objects)
        return run_scan(Run(sight, lambda session: scan_repository(session, repository)), parse(**options))


@scan.command(epilog="Examples:  tokenguard scan staged  |  tokenguard scan staged --repo ~/src/app")
@click.option("--repo", default=".", metavar="REPO", help="The repository (default: around the current folder).")
@scan_options
def staged(repo: str, **options: Any) -> int:
    """Scan what a commit would add: the index against HEAD."""
    from tokenguard.cli.change import run_staged

    return run_staged(repo, parse(**options))


@scan.command(epilog="Examples:  tokenguard scan commits main..HEAD  |  tokenguard scan commits (in CI)")
@click.argument("ranges", nargs=-1, metavar="[RANGE]...")
@click.option("--repo", default=".", metavar="REPO", help="The repository (default: around the current folder).")
@scan_options
def commits(ranges: tuple[str, ...], repo: str, **options: Any) -> int:
    """Scan what commits add, also what a later one of them removed again.

    RANGE as git understands it. Without one: the CI job's commits (GitHub Actions, GitLab CI), else @{upstream}..HEAD.
    """
    from tokenguard.cli.change import run_commits

    return run_commits(repo, ranges, parse(**options))


@scan.command(epilog="Example:  as .git/hooks/pre-push: tokenguard scan push \"$@\"")
@click.argument("remote", required=False)
@click.argument("url", required=False)
@click.option("--repo", default=".", metavar="REPO", help="The repository (default: around the current folder).")
@scan_options
def push(remote: str | None, url: str | None, repo: str, **options: Any) -> int:
    """Scan what a push would add; reads git's pre-push lines from standard input."""
    from tokenguard.cli.change import run_push

    return run_push(repo, sys.stdin.buffer, remote or url, parse(**options))


@scan.command(epilog="Example:  as hooks/pre-receive of a server: tokenguard scan receive")
@click.option("--repo", default=".", metavar="REPO", help="The repository (default: around the current folder).")
@scan_options
def receive(repo: str, **options: Any) -> int:
    """Scan what a push brings in; reads git's pre-receive lines from standard input. Strict: see --strict-allow."""
    from tokenguard.cli.change import run_receive

    return run_receive(repo, sys.stdin.buffer, parse(**options))


@scan.command(epilog="Example:  tokenguard scan shell")
@scan_options
def shell(**options: Any) -> int:
    """Scan the histories of every shell, and of psql, mysql, sqlite, python, node, less, vim and more."""
    from tokenguard.app.shell import scan_shell
    from tokenguard.app.sight import of_user

    home = Path(os.path.expanduser("~"))
    run = Run(of_user(os.environ), lambda session: scan_shell(session, home, os.environ))
    return run_scan(run, parse(**options))


@scan.command(epilog="Example:  kubectl get secret app -o yaml | tokenguard scan stdin --name app.yaml")
@click.option("--name", default="standard input", metavar="NAME", help="What reports call it.")
@scan_options
def stdin(name: str, **options: Any) -> int:
    """Scan standard input."""
    from tokenguard.app.files import scan_stream
    from tokenguard.app.sight import of_user

    stream = open(os.dup(0), "rb", buffering=0)  # noqa: SIM115 - the scan closes it
    run = Run(of_user(os.environ), lambda session: scan_stream(session, stream, name))
    return run_scan(run, parse(**options))
