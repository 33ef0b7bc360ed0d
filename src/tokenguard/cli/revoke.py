"""`tokenguard revoke`: kill tokens by what is known of them: a report, a prefix, an id, a hash, the token itself."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from tokenguard.app.conceal import Concealer
from tokenguard.app.issuers import issuers_for
from tokenguard.app.report_file import read_report
from tokenguard.app.respond import DEFAULT_REASON, NAMED_REASON, Responder, rfc3339
from tokenguard.app.revocation import Done, Left, Plan, Planner, carry_out, finish_pending
from tokenguard.app.sight import of_user
from tokenguard.app.token_reference import reference
from tokenguard.app.token_service import Approach
from tokenguard.app.typed import family_of, lines_with
from tokenguard.cli.dismiss import dismissed
from tokenguard.cli.group import examples
from tokenguard.cli.main import complain
from tokenguard.cli.service import given_token, way_of
from tokenguard.cli.show import Screen
from tokenguard.config.credentials import token_of
from tokenguard.errors import UsageError, WholeTokenError
from tokenguard.model import RuleSet, Secret
from tokenguard.model.revocation import Outcome
from tokenguard.model.token import TokenRecord
from tokenguard.model.wire import to_json
from tokenguard.respond import policy as policies
from tokenguard.respond.revoke import Settled

ALL_DEAD, SOME_ALIVE, UNREACHED = 0, 1, 3

_HASH_LENGTH = 64
_LONGEST_TEXT = 500
_TOKENS = 1000
_STDIN = 1 << 20


@click.command(
    epilog=examples(
        "tokenguard revoke binboi_pat_2e9c4d93",
        "tokenguard revoke binboi_pat_2e9c4d93 --yes --seen https://help.example.org/tickets/4711",
        "tokenguard revoke --report report.json --yes",
        "pbpaste | tokenguard revoke --token-stdin --yes --reason 'seen in a ticket'",
        "tokenguard revoke --resume",
        "tokenguard revoke --dismiss 3 --reason 'its account was closed'",
    )
)
@click.argument("prefix", required=False)
@click.option("--id", "token_id", metavar="ID", help="The token with this id in the store.")
@click.option("--hash", "token_sha256", metavar="SHA256", help="The token with this SHA-256, as reports have it.")
@click.option("--token-stdin", is_flag=True, help="The tokens on standard input, one a line.")
@click.option("--report", metavar="FILE", help="Everything that a report (json, jsonl) found; '-': standard input.")
@click.option("--resume", is_flag=True, help="Finish what was asked for before and is not known to be done.")
@click.option(
    "--dismiss",
    type=click.IntRange(min=1),
    multiple=True,
    metavar="NUMBER",
    help="Give up what --resume cannot finish; needs --reason. Nothing is revoked by it. Repeatable.",
)
@click.option("--by-prefix", is_flag=True, help="With --report: its prefixes count too. Only for a report you trust.")
@click.option("--root", metavar="FOLDER", help="With --report: where its paths start (default: here).")
@click.option(
    "--policy",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="With --report: which rules and places are revoked, and which left to people.",
)
@click.option("--all-matching", is_flag=True, help="With PREFIX: every token that has it.")
@click.option("--yes", is_flag=True, help="Do it. Without: say what would die, and change nothing.")
@click.option("--reason", metavar="TEXT", help="Why; kept in the store's audit.")
@click.option("--seen", metavar="WHERE", help="Where it leaked: a URL or words; kept in the store as evidence.")
@click.option("--server", metavar="URL", help="The store's server. Default: as configured, else the store here.")
@click.option("--token", metavar="TOKEN|-", help="The token to sign in with; '-' reads it from standard input.")
@click.option(
    "--rules", type=click.Path(path_type=Path), multiple=True, help="Further rule file or folder; repeatable."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def revoke(**given: Any) -> int:
    """Revoke tokens: for good, at once.

    A dry run unless --yes. By hash, id or whole token it is exact; a PREFIX that several tokens share lists them and
    kills none. Exit 0: all of them are dead; 1: some are not; 3: an issuer was not reached: see --resume.
    """
    _check(given)
    way = way_of(given["server"], None if given["token"] is None else given_token(given["token"]), given["rules"])
    concealer = Concealer(way.ruleset)
    unsaid = DEFAULT_REASON if given["report"] else NAMED_REASON
    reason, seen = concealer.clean(given["reason"] or unsaid), concealer.clean(given["seen"] or "")
    if given["dismiss"]:
        dismissed(given["dismiss"], reason, os.environ, Screen(concealer), as_json=given["as_json"])
        return ALL_DEAD
    settings = of_user(os.environ).settings({"rules": given["rules"]})
    with issuers_for(way.ruleset, settings.issuers, os.environ, way=way) as issuers:
        responder = Responder(issuers, way.ruleset, os.environ)
        if given["resume"]:
            done = finish_pending(responder, os.environ)
        else:
            planner = Planner(responder, way.ruleset, reason=reason, all_matching=given["all_matching"], seen=seen)
            done = carry_out(_plan(planner, way, given), responder, os.environ, yes=given["yes"])
    _tell(done, Screen(concealer), as_json=given["as_json"])
    if done.pending:
        return UNREACHED
    return ALL_DEAD if done.dead else SOME_ALIVE


_ONE_OF = {
    "prefix": "PREFIX",
    "token_id": "--id",
    "token_sha256": "--hash",
    "token_stdin": "--token-stdin",
    "report": "--report",
    "resume": "--resume",
    "dismiss": "--dismiss",
}
_BELONGS = {
    "by_prefix": ("report",),
    "root": ("report",),
    "policy": ("report",),
    "all_matching": ("prefix",),
    "seen": ("prefix", "token_id", "token_sha256", "token_stdin"),
}


def _check(given: dict[str, Any]) -> None:
    """One thing is named, and only what belongs to it."""
    named = [name for key, name in _ONE_OF.items() if given[key]]
    if len(named) != 1:
        what = " and ".join(named) if named else "nothing to revoke"
        raise UsageError(what, remedy=f"give one of {', '.join(_ONE_OF.values())}")
    for option, needs in _BELONGS.items():
        if given[option] and not any(given[each] for each in needs):
            ways = ", ".join(_ONE_OF[each] for each in needs)
            raise UsageError(f"--{option.replace('_', '-')} belongs to {ways}", remedy="leave it out")
    if given["token"] == "-" and (given["token_stdin"] or given["report"] == "-"):  # noqa: S105 - an option's value
        raise UsageError("two things from standard input", remedy="sign in with TOKENGUARD_TOKEN or tokenguard login")
    if given["dismiss"] and not (given["reason"] or "").strip():
        raise UsageError("--dismiss: why?", remedy="say so with --reason; the journal keeps it")
    for option in ("reason", "seen"):
        if len(given[option] or "") > _LONGEST_TEXT:
            raise UsageError(f"--{option}: longer than {_LONGEST_TEXT} characters", remedy="make it shorter")


def _plan(planner: Planner, way: Approach, given: dict[str, Any]) -> Plan:
    if given["prefix"]:
        return _of_prefix(planner, way.ruleset, given["prefix"])
    if given["token_id"]:
        named = reference(given["token_id"], way.ruleset)
        if named.id is None:
            raise UsageError("--id: not the id of a token (tok_…)", remedy="see: tokenguard token list")
        return planner.of_id(named.id)
    if given["token_sha256"]:
        return planner.of_hash(_hash(given["token_sha256"]))
    if given["token_stdin"]:
        return planner.of_tokens(_tokens())
    chosen = policies.Policy() if given["policy"] is None else policies.read(given["policy"])
    policies.require_known(chosen, (way.ruleset,), str(given["policy"]))
    source = sys.stdin.buffer if given["report"] == "-" else Path(given["report"])
    findings = read_report(source, way.ruleset, by_prefix=given["by_prefix"])
    return planner.of_report(findings, chosen, str(Path(given["root"] or ".").absolute()))


def _of_prefix(planner: Planner, ruleset: RuleSet, text: str) -> Plan:
    token = Secret(os.fsencode(text))
    if (family := family_of(token, ruleset)) is not None:
        where = ", ".join(lines_with(token, ruleset, os.environ)) or _history_to_be(os.environ)
        raise WholeTokenError(
            f"{text[: family.visible_prefix]}…: a whole token where its prefix belongs; it now lies in {where}",
            remedy="remove it there, and pipe the token instead: tokenguard revoke --token-stdin",
        )
    named = reference(text, ruleset)
    return planner.of_id(named.id) if named.id is not None else planner.of_prefix(named.text)


def _history_to_be(environ: Mapping[str, str]) -> str:
    """The history that the shell will write it to when it ends: many do so only then."""
    shell = environ.get("SHELL", "").rpartition("/")[2]
    usual = {"bash": "~/.bash_history", "zsh": "~/.zsh_history", "fish": "~/.local/share/fish/fish_history"}
    return environ.get("HISTFILE") or usual.get(shell) or "the history of your shell"


def _hash(text: str) -> str:
    token_sha256 = text.strip().lower()
    if len(token_sha256) != _HASH_LENGTH or not set(token_sha256) <= set("0123456789abcdef"):
        raise UsageError("--hash: not a SHA-256 of 64 hex digits", remedy="reports have it as token_sha256")
    return token_sha256


def _tokens() -> list[Secret]:
    """What standard input has, a token a line; at a terminal one is asked for, unseen."""
    if sys.stdin is None:
        raise UsageError("standard input is closed", remedy="pipe the token into it")
    if sys.stdin.isatty():
        return [token_of(click.prompt("Token", hide_input=True, err=True, type=str).strip(), "the prompt")]
    data = sys.stdin.buffer.read(_STDIN + 1)
    lines = data.decode("utf-8", "replace").split()
    if len(data) > _STDIN or len(lines) > _TOKENS:
        raise UsageError(f"standard input: more than {_TOKENS:,} tokens", remedy="give fewer at once")
    if not lines:
        raise UsageError("standard input: there is no token", remedy="pipe it into this command")
    return [token_of(line, "standard input") for line in dict.fromkeys(lines)]


# What is shown.


def _tell(done: Done, screen: Screen, *, as_json: bool) -> None:
    if as_json:
        screen.json(_document(done))
    else:
        if done.settled:
            screen.table(_rows(done))
        for line in _candidates(done.settled):
            screen.line(line)
        for line in _left(done.left):
            screen.line(line)
        screen.line(_summary(done))
    for why in dict.fromkeys(each.unrecorded for each in done.settled if each.unrecorded):
        complain(why)


def _rows(done: Done) -> Iterator[Sequence[str]]:
    yield "OUTCOME", "TOKEN", "RULE", "ISSUER", "DETAIL"
    for each, shown in zip(done.settled, done.shown, strict=True):
        detail = each.detail or (each.token.name if each.token is not None else "")
        detail += f" (number {each.number})" if each.number else ""
        yield _words(each, dry_run=done.dry_run), shown, each.intent.rule_id or "-", each.intent.issuer, detail


def _words(settled: Settled, *, dry_run: bool) -> str:
    if dry_run and settled.outcome is Outcome.REVOKED:
        return "would be revoked"
    return settled.outcome.value.replace("_", " ")


def _candidates(settled: Sequence[Settled]) -> Iterator[str]:
    """The tokens that share an ambiguous prefix, so that one of them can be named by its id."""
    for each in settled:
        if each.candidates:
            yield ""
            yield f"{each.intent.prefix}… is ambiguous; name one with --id, or all of them with --all-matching:"
            for record in each.candidates:
                yield f"  {_candidate(record)}"


def _candidate(record: TokenRecord) -> str:
    used = rfc3339(record.last_used_at) if record.last_used_at is not None else "never"
    return (
        f"{record.id}  {record.name}  of {record.owner.email}, {record.status.value}, "
        f"created {rfc3339(record.created_at)}, last used {used}"
    )


def _left(left: Sequence[Left]) -> Iterator[str]:
    """One line for each reason for which nobody was asked."""
    reasons: dict[str, int] = {}
    for each in left:
        reasons[each.why] = reasons.get(each.why, 0) + 1
    yield from (f"{number:,} not asked about: {why}" for why, number in reasons.items())


def _summary(done: Done) -> str:
    if not done.settled and not done.left:
        return "nothing to revoke"
    total = len(done.settled)
    if done.dry_run:
        dying = sum(each.outcome is Outcome.REVOKED for each in done.settled)
        return f"dry run: {dying:,} of {total:,} would be revoked" + ("; to do so add --yes" if dying else "")
    dead = sum(each.outcome.dead for each in done.settled)
    pending = f"; {done.pending:,} pending, finish with: tokenguard revoke --resume" if done.pending else ""
    return f"{dead:,} of {total:,} dead{pending}"


def _document(done: Done) -> dict[str, Any]:
    return {
        "dry_run": done.dry_run,
        "results": [
            {
                "token": shown,
                "rule_id": each.intent.rule_id or None,
                "fingerprint": each.intent.fingerprint or None,
                "token_sha256": each.intent.token_sha256,
                "issuer": each.intent.issuer,
                "outcome": each.outcome.value,
                "at": rfc3339(each.at),
                "detail": each.detail,
                "number": each.number or None,
                "record": None if each.token is None else to_json(each.token),
                "candidates": [to_json(record) for record in each.candidates],
            }
            for each, shown in zip(done.settled, done.shown, strict=True)
        ],
        "left": [
            {"rule_id": each.finding.rule_id, "fingerprint": each.finding.fingerprint, "why": each.why}
            for each in done.left
        ],
        "pending": done.pending,
    }
