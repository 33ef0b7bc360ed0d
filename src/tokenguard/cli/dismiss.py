"""`tokenguard revoke --dismiss`: give up a revocation that nobody can finish, for a reason that the journal keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tokenguard.app.revocation import dismiss, shown_name
from tokenguard.cli.show import Screen


def dismissed(
    numbers: Sequence[int], reason: str, environ: Mapping[str, str], screen: Screen, *, as_json: bool
) -> None:
    """Close the entries of these numbers, and say that nobody killed their tokens.

    Raises:
        UsageError: one of them is no pending revocation; none is closed.
        JournalError: the journal cannot be used.
    """
    entries = dismiss(numbers, reason, environ)
    if as_json:
        screen.json(
            {
                "dismissed": [
                    {"number": each.number, "token": shown_name(each.intent), "issuer": each.intent.issuer}
                    for each in entries
                ]
            }
        )
        return
    for each in entries:
        screen.line(f"{each.number}: {shown_name(each.intent)} at {each.intent.issuer}: dismissed; it may live on")
