"""`tokenguard token …`: what a person does with tokens, on the embedded store or on a server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tokenguard.cli.complete import complete_rules
from tokenguard.cli.duration import NEVER, Days, Hours, Lifetime, Span
from tokenguard.cli.group import Commands, examples
from tokenguard.cli.record import token_lines, token_table
from tokenguard.cli.service import Connection, connected, service_options

if TYPE_CHECKING:
    from datetime import timedelta

    from tokenguard.app.token_reference import Reference
    from tokenguard.model.revocation import TargetResult
    from tokenguard.model.secret import Secret
    from tokenguard.model.token import NewToken, TokenFilter, TokenRecord

NOT_DEAD = 1

_PAGE = 500
"""Tokens asked for at once."""

_token_argument = click.argument("token_name", metavar="PREFIX|ID")


@click.group(cls=Commands)
def token() -> None:
    """Create, list, check, rotate and revoke tokens.

    Where a server is configured (tokenguard login, TOKENGUARD_SERVER) it is asked, else the store on this machine.
    A token is named by its visible prefix or its id, never by itself.
    """


@token.command(
    epilog=examples(
        'tokenguard token create "ci of acme/app" --scope messages:send',
        'tokenguard token create "laptop of Ada" --expires-in 30d --expected-hours "mon-fri 8-18 +2"',
        'tokenguard token create "billing, production" --family keebai-api-key | vault kv put secret/billing token=-',
    )
)
@click.argument("name")
@click.option("--family", metavar="RULE", shell_complete=complete_rules, help="The family. Default: the store's.")
@click.option("--scope", "scopes", metavar="SCOPE", multiple=True, help="What it may do; repeatable. Default: nothing.")
@click.option(
    "--expires-in",
    type=Lifetime(),
    metavar="SPAN",
    help="30d, 2w, 12h or never. Default: the family's policy, which is 90d unless the store is told otherwise.",
)
@click.option("--owner", metavar="USER", help="Another user's address or id (admin.manage_users).")
@click.option(
    "--expected-hours",
    type=Hours(),
    metavar="HOURS",
    help="When it is to be used, such as 'mon-fri 8-18 +2' (hours ahead of UTC). Default: as the policy says.",
)
@click.option("--honeytoken", is_flag=True, help="A bait: any use of it is an alarm.")
@service_options
def create(name: str, expires_in: timedelta | str | None, **options: Any) -> int:
    """Create a token. It is printed once, alone on standard output.

    Name it after the one place that will use it: "ci of acme/app", "laptop of Ada", "billing, production".
    One token a machine and purpose, with the fewest scopes: then a leak costs little, and who leaked it is known.
    """
    from tokenguard.cli.minted import show_minted
    from tokenguard.model.token import NewToken

    wanted = {key: options.pop(key) for key in ("family", "scopes", "owner", "honeytoken", "expected_hours")}
    with connected(**options, make=True) as store:
        new = _expiring(NewToken(name, **wanted), expires_in)
        return show_minted(store, store.service.create_token(new))


@token.command(
    "list",
    epilog=examples(
        "tokenguard token list",
        "tokenguard token list --all --stale 90d",
        "tokenguard token list --expiring 14d --json",
    ),
)
@click.option("--status", type=click.Choice(["active", "expired", "revoked"]), help="Only tokens of this status.")
@click.option("--family", metavar="RULE", shell_complete=complete_rules, help="Only tokens of this family.")
@click.option("--all", "everyone", is_flag=True, help="Everybody's tokens (security.respond).")
@click.option("--owner", metavar="USER", help="Another user's tokens, by address or id (security.respond).")
@click.option(
    "--stale", "stale_days", type=Days(), metavar="SPAN", help="Active, and not used for so long: revoke them."
)
@click.option(
    "--expiring", "expiring_days", type=Days(), metavar="SPAN", help="Active, and expires so soon: rotate them."
)
@click.option("--overscoped", is_flag=True, help="With a scope that the owner's role does not grant any more.")
@click.option("--shared", is_flag=True, help="Used from several addresses: one token a machine is the rule.")
@click.option("--odd-hours", is_flag=True, help="Used outside its own expected hours, or its policy's: investigate.")
@service_options
def list_tokens(status: str | None, **options: Any) -> None:
    """List tokens, the newest first: one's own, revoked and expired ones too."""
    from tokenguard.model.token import TokenFilter, TokenStatus

    names = ("family", "everyone", "owner", "stale_days", "expiring_days", "overscoped", "shared", "odd_hours")
    narrowing = {name: options.pop(name) for name in names}
    which = TokenFilter(status=None if status is None else TokenStatus(status), limit=_PAGE, **narrowing)
    with connected(**options) as store:
        _show_list(store, which)


@token.command(epilog=examples("tokenguard token show tgd_2e9c4D9z", "tokenguard token show tok_0123 --json"))
@_token_argument
@service_options
def show(token_name: str, **options: Any) -> int:
    """Show all that is known of a token; of all tokens, where several share the prefix."""
    from tokenguard.app.token_reference import find_tokens

    with connected(**options, names=[token_name]) as store:
        found = find_tokens(store.service, store.named[0])
        if store.as_json:
            store.screen.json(_document(found))
            return 0
        for number, record in enumerate(found):
            if number:
                store.screen.line()
            store.screen.table(token_lines(record))
        return 0


@token.command(epilog=examples("tokenguard token history tgd_2e9c4D9z", "tokenguard token history tok_0123 --json"))
@_token_argument
@service_options
def history(token_name: str, **options: Any) -> None:
    """Show what happened to a token: who made, rotated and revoked it, when and why, and where it was seen leaked.

    One's own; others' need audit.read, and security.respond for where they were seen.
    """
    from tokenguard.app.token_history import history_of
    from tokenguard.cli.record import history_table

    with connected(**options, names=[token_name]) as store:
        past = history_of(store.service, _the_one(store, store.named[0]).id)
        store.show(past, lambda: history_table(past))


@token.command(
    epilog=examples(
        "tokenguard token verify < token.txt",
        "tokenguard token verify tgd_2e9c4D9z",
        "tokenguard token verify --hash 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    )
)
@click.argument("token_name", metavar="[PREFIX|ID]", required=False)
@click.option("--hash", "token_sha256", metavar="SHA256", help="The SHA-256 of the whole token, as a report has it.")
@service_options
def verify(token_name: str | None, token_sha256: str | None, **options: Any) -> int:
    """Say whether a token lives. Without an argument the token itself is read: from a hidden prompt, or a pipe.

    Exit 0: active; 1: it is not, or nobody issued it.
    """
    from tokenguard.cli.verdict import verdict_of, verdict_on

    if token_name is not None and token_sha256 is not None:
        raise click.UsageError("give a prefix, an id or --hash, only one of them")
    if not token_name and token_sha256 is None:
        # The hash is enough: the token stays here, and being looked at is no use of it.
        token_sha256 = _value_to_verify(options["token"]).sha256()
    with connected(**options, names=[token_name] if token_name else []) as store:
        return verdict_on(store, store.named[0]) if token_sha256 is None else verdict_of(store, token_sha256)


@token.command(
    epilog=examples(
        "tokenguard token rotate tgd_2e9c4D9z --grace 24h",
        "tokenguard token rotate tgd_2e9c4D9z | ssh deploy@app1 'cat > /run/secrets/app'",
    )
)
@_token_argument
@click.option(
    "--grace", type=Span(), default="0s", metavar="SPAN", help="How long the old one lives on: 24h, 30m. Default: not."
)
@service_options
def rotate(token_name: str, grace: timedelta, **options: Any) -> int:
    """Replace a token: the successor, with its name and scopes, is printed once, alone on standard output.

    A token is rotated once. Rotating it again is taken for theft, and revokes both.
    """
    from tokenguard.cli.minted import show_minted

    with connected(**options, names=[token_name]) as store:
        record = _the_one(store, store.named[0])
        created = store.service.rotate_token(record.id, grace_seconds=int(grace.total_seconds()))
        return show_minted(store, created, replaced=record, grace=grace)


@token.command(
    epilog=examples(
        "tokenguard token revoke tgd_2e9c4D9z",
        'tokenguard token revoke tgd_2e9c4D9z --yes --reason "laptop lost"',
    )
)
@click.argument("token_names", metavar="PREFIX|ID...", nargs=-1, required=True)
@click.option("--reason", default="", metavar="TEXT", help="Why; it stands in the record and the audit.")
@click.option("--yes", is_flag=True, help="Revoke. Without it nothing is done: what would die is shown.")
@service_options
def revoke(token_names: tuple[str, ...], reason: str, yes: bool, **options: Any) -> int:  # noqa: FBT001 - click's way
    """Revoke tokens, at once and for good. Of several that share a prefix none is: give the id.

    Exit 0: all of them are dead; 1: some are not.
    """
    from tokenguard.model.revocation import Target

    with connected(**options, names=token_names) as store:
        targets = [Target(id=each.id, prefix=each.prefix) for each in store.named]
        results = store.service.revoke(targets, reason=reason, dry_run=not yes)
        return _show_revoked(store, results, done=yes)


def _the_one(store: Connection, wanted: Reference) -> TokenRecord:
    """The one token that is named; where several share the prefix they are listed and none is taken."""
    from tokenguard.app.token_reference import find_tokens
    from tokenguard.errors import UsageError

    found = find_tokens(store.service, wanted)
    living = [record for record in found if record.revoked_at is None] or list(found)
    if len(living) > 1:
        store.screen.table(token_table(living, owners=True))
        raise UsageError(f"{len(living)} tokens have the prefix {wanted.text}", remedy="name one by its id")
    return living[0]


def _expiring(new: NewToken, lifetime: timedelta | str | None) -> NewToken:
    """With the expiry that was asked for; without one the family's policy decides."""
    from dataclasses import replace
    from datetime import UTC, datetime, timedelta

    if lifetime == NEVER:
        return replace(new, never_expires=True)
    if isinstance(lifetime, timedelta):
        if lifetime % timedelta(days=1):
            return replace(new, expires_at=datetime.now(UTC) + lifetime)
        return replace(new, expires_in_days=lifetime.days)
    return new


def _show_list(store: Connection, which: TokenFilter) -> None:
    from tokenguard.app.token_reference import every_page
    from tokenguard.cli.main import tell
    from tokenguard.model.wire import to_json

    pages = list(every_page(store.service, which))
    records = [record for page in pages for record in page.tokens]
    limits = pages[0].limits
    if store.as_json:
        store.screen.json({"tokens": to_json(records), "limits": to_json(limits)})
        return
    store.screen.table(token_table(records, owners=which.everyone or which.owner is not None))
    for family, limit in limits.items():
        if limit.max_active is not None and limit.active:
            tell(f"{family}: {limit.active:,} of {limit.max_active:,} active")


def _document(records: tuple[TokenRecord, ...]) -> object:
    from tokenguard.model.wire import to_json

    return to_json(records[0]) if len(records) == 1 else {"tokens": to_json(records)}


def _value_to_verify(sign_in: str | None) -> Secret:
    """The token to check, from a hidden prompt or standard input."""
    from tokenguard.cli.service import STANDARD_INPUT, ask_token
    from tokenguard.errors import UsageError

    if sign_in == STANDARD_INPUT:
        raise UsageError(
            "standard input cannot hold two tokens", remedy="sign in with TOKENGUARD_TOKEN, or verify by --hash"
        )
    return ask_token("Token to verify")


def _show_revoked(store: Connection, results: tuple[TargetResult, ...], *, done: bool) -> int:
    from tokenguard.cli.main import complain, tell
    from tokenguard.model.revocation import Outcome
    from tokenguard.model.wire import to_json

    if store.as_json:
        store.screen.json({"dry_run": not done, "results": to_json(results)})
    else:
        for each, result in zip(store.named, results, strict=True):
            store.screen.line(_result_line(each, result, done=done))
            if result.outcome is Outcome.AMBIGUOUS:
                store.screen.table(token_table(result.candidates, owners=True))
    if not done and any(result.outcome is Outcome.REVOKED for result in results):
        complain("nothing was revoked yet; to do it: --yes")
    elif any(result.outcome is Outcome.REVOKED for result in results):
        tell("revoked tokens are refused from now on, for good")
    dead = {Outcome.ALREADY_REVOKED, *((Outcome.REVOKED,) if done else ())}
    return 0 if all(result.outcome in dead for result in results) else NOT_DEAD


def _result_line(wanted: Reference, result: TargetResult, *, done: bool) -> str:
    record = result.token
    outcome = result.outcome.value.replace("_", " ")
    if not done and outcome == "revoked":
        outcome = "would be revoked"
    name = "" if record is None else f" '{record.name}' of {record.owner.email or record.owner.name} ({record.id})"
    return f"{wanted.text}{name}: {outcome}{f', {result.detail}' if result.detail else ''}"
