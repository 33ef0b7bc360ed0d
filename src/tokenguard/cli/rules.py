"""`tokenguard rules …`: what is searched for, whether it holds what it says, and how other tools get it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from textwrap import wrap
from typing import Any, TextIO

import click

from tokenguard.app.conceal import Concealer
from tokenguard.app.ruleset import rules_for
from tokenguard.app.sight import of_folder
from tokenguard.cli.complete import complete_rules
from tokenguard.cli.group import Commands, examples
from tokenguard.cli.main import complain, tell
from tokenguard.cli.show import Screen
from tokenguard.model import Part, Rule, RuleSet, Secret, TokenFormat
from tokenguard.report.summary import counted
from tokenguard.scan.redact import redacted

FAULTY = 2

_PROSE = 98
"""Columns of a description."""

_rules_option = click.option(
    "--rules", "more", type=click.Path(path_type=Path), multiple=True, help="Further rule file or folder; repeatable."
)
_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(cls=Commands)
def rules() -> None:
    """What is searched for. A rule describes one kind of secret; all of them are data, in YAML files."""


@rules.command("list", epilog=examples("tokenguard rules list", "tokenguard rules list --json"))
@_rules_option
@_json_option
def list_rules(more: tuple[Path, ...], as_json: bool) -> None:  # noqa: FBT001 - click's way
    """List the rules that a scan from here goes by: built-in, configured, given with --rules."""
    ruleset = _rules_here(more)
    screen = Screen(Concealer(ruleset))
    if as_json:
        screen.json({"ruleset": ruleset.digest, "rules": [_document(rule) for rule in ruleset.rules]})
        return
    header = ("RULE", "SEVERITY", "TITLE", "FROM")
    screen.table([header, *((rule.id, rule.severity.value, rule.title, rule.source) for rule in ruleset.rules)])


@rules.command(
    epilog=examples("tokenguard rules show keebai-api-key", "tokenguard rules show acme-key --rules acme.yaml --json")
)
@click.argument("rule_id", metavar="RULE", shell_complete=complete_rules)
@_rules_option
@_json_option
def show(rule_id: str, more: tuple[Path, ...], as_json: bool) -> None:  # noqa: FBT001 - click's way
    """Show all of a rule. {token} in an example stands for a token drawn whenever the example is checked."""
    from tokenguard.ruleset.assemble import select

    ruleset = _rules_here(more)
    (rule,) = select(ruleset, (rule_id,)).rules
    screen = Screen(Concealer(ruleset))
    if as_json:
        screen.json(_document(rule))
        return
    for title, texts in _sections(rule):
        screen.line(f"{title}:")
        for text in texts:
            screen.line(f"  {text}")


@rules.command(epilog=examples("tokenguard rules check", "tokenguard rules check acme.yaml more-rules/"))
@click.argument("paths", nargs=-1, metavar="[PATH]...", type=click.Path(path_type=Path))
def check(paths: tuple[Path, ...]) -> int:
    """Prove the rules of files and folders (default: the built-in ones).

    Each example has to be found and no negative example; ids are unique, patterns compile and are bounded in length.
    Each fault is a line FILE:LINE: MESSAGE on standard error; with any, the exit code is 2.
    """
    from tokenguard.ruleset.check import checked

    outcome = checked(paths or None)
    for fault in outcome.faults:
        tell(str(fault))
    numbers = (
        (outcome.rules, "rule"),
        (outcome.examples, "example"),
        (outcome.negative_examples, "negative example"),
        (outcome.samples, "published sample"),
    )
    looked_at = ", ".join(counted(number, noun) for number, noun in numbers)
    if outcome.faults:
        complain(f"{counted(len(outcome.faults), 'fault')} in {looked_at}")
        return FAULTY
    click.echo(f"{looked_at}: all proved")
    return 0


@rules.command(
    epilog=examples(
        "tokenguard rules export --to gitleaks -o gitleaks.toml",
        "gitleaks git --config gitleaks.toml",
    )
)
@click.option("--to", "tool", required=True, type=click.Choice(["gitleaks"]), help="The tool that is to read them.")
@click.option("-o", "--output", metavar="FILE", help="Write into FILE instead of standard output.")
@_rules_option
def export(tool: str, output: str | None, more: tuple[Path, ...]) -> None:
    """Write the rules for another tool; what it cannot express is named in a comment and left out."""
    from tokenguard.report.output import write_file
    from tokenguard.ruleset.gitleaks import export_gitleaks

    del tool  # there is one
    text = export_gitleaks(_rules_here(more).rules)
    if output is None:
        click.echo(text, nl=False)
        return

    def put(out: TextIO) -> None:
        out.write(text)

    write_file(output, put, "the rules")


def _rules_here(more: tuple[Path, ...]) -> RuleSet:
    """The rules of a scan of the current folder."""
    sight = of_folder(os.environ, Path.cwd())
    settings = sight.settings({"rules": more})
    for note in settings.notes:
        complain(note)
    return rules_for(settings, sight.read_inside)


def _sections(rule: Rule) -> Iterator[tuple[str, list[str]]]:
    """All of a rule, in blocks of lines; what it does not say is left out."""
    yield rule.id, [rule.title, f"severity {rule.severity.value}", f"from {rule.source}"]
    yield from ((title, wrap(text, _PROSE)) for title, text in _prose(rule) if text)
    yield "pattern", [rule.pattern, *_lengths(rule)]
    if rule.token is not None:
        yield "token", list(_token_lines(rule.token))
    yield from ((title, texts) for title, texts in _texts(rule) if texts)


def _prose(rule: Rule) -> Iterator[tuple[str, str]]:
    yield "description", rule.description
    yield "remediation", rule.remediation


def _texts(rule: Rule) -> Iterator[tuple[str, list[str]]]:
    yield "examples", list(rule.examples)
    yield "negative examples", list(rule.negative_examples)
    yield "published samples", [f"{shown}  sha256 {digest}" for shown, digest in _samples(rule)]


def _lengths(rule: Rule) -> Iterator[str]:
    yield f"at most {rule.max_length} bytes"
    if rule.min_entropy:
        yield f"at least {rule.min_entropy:g} bits of entropy a character"


def _token_lines(token: TokenFormat) -> Iterator[str]:
    yield f"{token.prefix} and then {', '.join(map(_part, token.parts))}: {token.length} characters"
    yield f"{token.visible_prefix} of them may be shown; {token.random_bits:g} random bits"


def _part(part: Part) -> str:
    if part.checksum:
        return f"{part.length} of checksum ({part.checksum} of everything before, in base62)"
    return f"'{part.literal}'" if part.literal else f"{part.length} of {part.alphabet}"


def _samples(rule: Rule) -> Iterator[tuple[str, str]]:
    """How each published sample is shown, and the hash by which it is recognised."""
    for sample in rule.samples:
        secret = Secret(sample.encode())
        yield redacted(rule, secret), secret.sha256()


def _document(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "title": rule.title,
        "severity": rule.severity.value,
        "description": rule.description,
        "remediation": rule.remediation,
        "pattern": rule.pattern,
        "max_length": rule.max_length,
        "min_entropy": rule.min_entropy,
        "visible_prefix": rule.visible_prefix,
        "random_bits": rule.random_bits,
        "token": None if rule.token is None else _token_document(rule.token),
        "examples": list(rule.examples),
        "negative_examples": list(rule.negative_examples),
        "samples": [{"redacted": shown, "sha256": digest} for shown, digest in _samples(rule)],
        "source": rule.source,
    }


def _token_document(token: TokenFormat) -> dict[str, Any]:
    return {"prefix": token.prefix, "parts": list(map(_part_document, token.parts)), "length": token.length}


def _part_document(part: Part) -> dict[str, Any]:
    if part.literal:
        return {"literal": part.literal}
    chosen = {"checksum": part.checksum} if part.checksum else {"alphabet": part.alphabet}
    return {**chosen, "length": part.length}
