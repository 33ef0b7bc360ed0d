"""`tokenguard scan …`: one command a source."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from tokenguard.cli.group import Commands, examples
from tokenguard.cli.options import scan_options
from tokenguard.cli.run import Run, run_scan
from tokenguard.cli.scan_options import parse
from tokenguard.errors import UsageError

_repository_option = click.option(
    "--repo", default=".", metavar="REPO", help="The repository (default: around the current folder)."
)
_gitignore_option = click.option(
    "--respect-gitignore", is_flag=True, default=None, help="Leave out files that .gitignore names."
)


@click.group(cls=Commands)
def scan() -> None:
    """Find leaked tokens. Exit 0: everything was read and nothing found; 1: findings; 3: something was not read."""


@scan.command(
    epilog=examples(
        "tokenguard scan files",
        "tokenguard scan files src notes.txt --format text --format sarif=tokenguard.sarif",
        "tokenguard scan files / --max-size 1G --only keebai-api-key",
    )
)
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@_gitignore_option
@scan_options
def files(paths: tuple[str, ...], **options: Any) -> int:
    """Scan files and folders (default: the current one), ignored and hidden ones too.

    Folders called .git are left to `scan git`. Links are not followed below PATH.
    """
    from tokenguard.cli.target import run_files

    return run_files(paths, parse(**options))


@scan.command(
    epilog=examples(
        "tokenguard scan git",
        "tokenguard scan git ~/src/app --format json -o report.json",
        "git clone --mirror URL app.git && tokenguard scan git app.git",
    )
)
@click.argument("repository", default=".", metavar="[REPO]")
@_gitignore_option
@scan_options
def git(repository: str, **options: Any) -> int:
    """Scan a whole repository (default: the one around the current folder).

    All objects, also those that no branch reaches; refs, indexes, git's own files, the worktree with everything in it.
    """
    from tokenguard.cli.target import whole_repository

    with whole_repository(repository) as run:
        return run_scan(run, parse(**options))


@scan.command(epilog=examples("tokenguard scan staged", "tokenguard scan staged --repo ~/src/app"))
@_repository_option
@scan_options
def staged(repo: str, **options: Any) -> int:
    """Scan what a commit would add: the index against HEAD."""
    from tokenguard.cli.change import run_staged

    return run_staged(repo, parse(**options))


@scan.command(
    epilog=examples(
        "tokenguard scan commits main..HEAD",
        "tokenguard scan commits HEAD~3.. --strict-allow",
        "tokenguard scan commits --format github  # in CI",
    )
)
@click.argument("ranges", nargs=-1, metavar="[RANGE]...")
@_repository_option
@scan_options
def commits(ranges: tuple[str, ...], repo: str, **options: Any) -> int:
    """Scan what commits add, also what a later one of them removed again.

    RANGE as git understands it. Without one: the CI job's commits (GitHub Actions, GitLab CI), outside CI
    @{upstream}..HEAD.
    """
    from tokenguard.cli.change import run_commits

    return run_commits(repo, ranges, parse(**options))


@scan.command(
    epilog=examples(
        'tokenguard scan push "$@"  # in .git/hooks/pre-push',
        'echo "refs/heads/x $(git rev-parse x) refs/heads/x $(git rev-parse main)" | tokenguard scan push origin',
    )
)
@click.argument("remote", required=False)
@click.argument("url", required=False)
@_repository_option
@scan_options
def push(remote: str | None, url: str | None, repo: str, **options: Any) -> int:
    """Scan what a push would add; reads git's pre-push lines from standard input."""
    from tokenguard.cli.change import run_push

    return run_push(repo, sys.stdin.buffer, remote or url, parse(**options))


@scan.command(epilog=examples("tokenguard scan receive  # in hooks/pre-receive of a server's repository"))
@_repository_option
@scan_options
def receive(repo: str, **options: Any) -> int:
    """Scan what a push brings in; reads git's pre-receive lines from standard input. Strict: see --strict-allow."""
    from tokenguard.cli.change import run_receive

    return run_receive(repo, sys.stdin.buffer, parse(**options))


@scan.command(epilog=examples("tokenguard scan shell", "tokenguard scan shell --format jsonl -o histories.jsonl"))
@scan_options
def shell(**options: Any) -> int:
    """Scan the histories of every shell, and of psql, mysql, sqlite, python, node, less, vim and more."""
    from tokenguard.app.shell import scan_shell
    from tokenguard.app.sight import of_user

    home = Path("~").expanduser()
    run = Run(of_user(os.environ), lambda session: scan_shell(session, home, os.environ))
    return run_scan(run, parse(**options))


@scan.command(
    epilog=examples(
        "kubectl get secret app -o yaml | tokenguard scan stdin --name app.yaml",
        "tokenguard scan stdin < core.dump",
    )
)
@click.option("--name", default="standard input", metavar="NAME", help="What reports call it.")
@scan_options
def stdin(name: str, **options: Any) -> int:
    """Scan standard input."""
    from tokenguard.app.files import scan_stream
    from tokenguard.app.sight import of_user
    from tokenguard.sources.stream import Stream

    try:
        stream = Stream(os.dup(0))
    except OSError:
        raise UsageError("standard input is closed", remedy="pipe or redirect something into it") from None
    run = Run(of_user(os.environ), lambda session: scan_stream(session, stream, name))
    return run_scan(run, parse(**options))
