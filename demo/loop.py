"""The loop, as a user goes through it: mint, leak, find, revoke, prove.

Everything is in a private home that is deleted in the end: the store, the repository, the shell histories.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import plant
from demo.terminal import Fault, Terminal, say

NAMES = {
    plant.KEEBAI: "messages of the shop",
    plant.BINBOI_ACCESS: "tunnel of the staging server",
    plant.BINBOI_LIVE: "relay of a laptop",
    plant.TOKENGUARD: "scanner in CI",
}
"""What is minted: a token of each family, named after the one place that uses it."""

CONFIGURATION = "issuers:\n" + "".join(f"  {family}: store\n" for family in NAMES)

HISTORIES = {
    plant.BINBOI_LIVE: (".bash_history", "#1763719200\nbinboi relay --token {token}\nls -l\n"),
    plant.TOKENGUARD: (".zsh_history", ": 1763719260:0;curl -H 'Authorization: Bearer {token}' localhost/v1/me\n"),
}
"""File, and the lines around the token, as the shell in question writes them."""

REPOSITORY = "shop"


def close_the_loop(home: Path) -> list[str]:
    """Go through it once in an empty home; the faults."""
    configuration = home / ".config" / "tokenguard" / "config.yaml"
    configuration.parent.mkdir(parents=True)
    configuration.write_text(CONFIGURATION, encoding="utf-8")
    terminal = Terminal(home, {"HOME": str(home), "PATH": os.environ["PATH"]})
    try:
        tokens = mint(terminal)
        leak(home, tokens)
        scan(terminal, tokens, status="active")
        revoke(terminal, tokens)
        refused(terminal, tokens)
        prove(terminal, tokens)
    except Fault as fault:
        return [str(fault)]
    return []


def mint(terminal: Terminal) -> dict[str, str]:
    """A token of each family, by family."""
    say(
        "2. The loop, in a private home: mint, leak, find, revoke, prove.",
        "Mint: there is no store yet; the first token makes one. Each goes into a pipe, to where it will be used.",
    )
    return {
        family: terminal.secret("token", "create", name, "--family", family, "--expires-in", "90d")
        for family, name in NAMES.items()
    }


def leak(home: Path, tokens: Mapping[str, str]) -> None:
    """Into a repository's history, where a later commit does not help, and into shell histories."""
    say(
        "Leak: the first is committed with a configuration file, and removed by the next commit; the second is pasted",
        "into a commit message; the others are typed into shells.",
    )
    repository = home / REPOSITORY
    repository.mkdir()
    _git(repository, "init", "--quiet", "--initial-branch=main")
    settings = repository / "shop.env"
    for text, message in (
        (f"SHOP=1\nMESSAGES_KEY={tokens[plant.KEEBAI]}\n", "Send messages"),
        ("SHOP=1\nMESSAGES_KEY=\n", "Remove the key"),
        ("SHOP=2\n", f"Go through the tunnel\n\nworks with {tokens[plant.BINBOI_ACCESS]}"),
    ):
        settings.write_text(text, encoding="utf-8")
        _git(repository, "add", "--all")
        _git(repository, "commit", "--quiet", "--file=-", stdin=message)
    for family, (name, lines) in HISTORIES.items():
        (home / name).write_text(lines.format(token=tokens[family]), encoding="utf-8")


def scan(terminal: Terminal, tokens: Mapping[str, str], *, status: str) -> None:
    """Find all of them, and ask the store whether they live.

    Raises:
        Fault: one was not found, or lives otherwise than it should.
    """
    say("Find: everything in the repository, whatever the last commit shows, and the shells' histories; do they live?")
    found: dict[str, str] = {}
    for what, report in ((("git", REPOSITORY), "git.json"), (("shell",), "shell.json")):
        terminal.run("scan", *what, "--verify", "--format", "text", "--format", f"json={report}", expect=1)
        document = json.loads((terminal.folder / report).read_text(encoding="utf-8"))
        found |= {finding["token_sha256"]: finding["status"] for finding in document["findings"]}
    expected = {sha256(token): status for token in tokens.values()}
    if found != expected:
        raise Fault(f"{len(found.items() & expected.items())} of {len(expected)} leaked tokens were found {status}")


def revoke(terminal: Terminal, tokens: Mapping[str, str]) -> None:
    """By the hashes of a report, by one hash, by a prefix."""
    say("Revoke, by hash: a report names tokens exactly, and holds none. Without --yes it says what would die.")
    report = ("revoke", "--report", "git.json", "--root", REPOSITORY)
    terminal.run(*report, expect=1)
    terminal.run(*report, "--yes", "--reason", "leaked in a repository", expect=0)
    scanner = sha256(tokens[plant.TOKENGUARD])
    terminal.run("revoke", "--hash", scanner, "--yes", "--seen", HISTORIES[plant.TOKENGUARD][0], expect=0)
    say("By prefix, where a screenshot or a ticket shows no more of it; were it several tokens', it would kill none.")
    prefix = plant.visible_prefix(tokens[plant.BINBOI_LIVE])
    seen = ("--reason", "seen in a screenshot", "--seen", "https://help.example.org/tickets/4711")
    terminal.run("revoke", prefix, "--yes", *seen, expect=0)


def refused(terminal: Terminal, tokens: Mapping[str, str]) -> None:
    """None of them is accepted any more, by value or in a scan."""
    say("Refused: each token as a service would show it to the store, and the same scans again.")
    for family, token in tokens.items():
        terminal.run("token", "verify", expect=1, stdin=token, shown=f"  < the token of {NAMES[family]!r}")
    for what in (("git", REPOSITORY), ("shell",)):
        report = terminal.folder / "again.json"
        terminal.run("scan", *what, "--verify", "--format", f"json={report.name}", expect=1)
        findings = json.loads(report.read_text(encoding="utf-8"))["findings"]
        print("\n".join(f"{finding['redacted']}  {finding['status']}" for finding in findings), flush=True)
        if any(finding["status"] != "revoked" for finding in findings):
            raise Fault("a leaked token still lives")


def prove(terminal: Terminal, tokens: Mapping[str, str]) -> None:
    """The evidence; and nothing that tokenguard wrote holds a token."""
    say("Prove: who, when, why, and where it was leaked.")
    for token in tokens.values():
        terminal.run("token", "history", plant.visible_prefix(token), expect=0)
    terminal.run("token", "list", expect=0)
    written = [path for folder in (".local", ".cache") for path in (terminal.folder / folder).rglob("*")]
    for path in (*written, *terminal.folder.glob("*.json")):
        if path.is_file():
            data = path.read_bytes()
            if any(token.encode() in data for token in tokens.values()):
                raise Fault(f"{path.name} holds a whole token")
    say("No file that tokenguard wrote, store, journal and reports, holds any of these tokens.")


def sha256(token: str) -> str:
    """What a report calls a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def _git(repository: Path, *arguments: str, stdin: str = "") -> None:
    people = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in _ADA.items()}
    environ = {"HOME": str(repository.parent), "PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1", **people}
    subprocess.run(["git", *arguments], cwd=repository, env=environ, input=stdin.encode(), check=True)


_ADA = {"NAME": "Ada Example", "EMAIL": "ada@example.com"}
