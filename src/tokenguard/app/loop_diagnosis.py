"""What of the loop after a finding is in order: revocations under way, the token store, its messages."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping

from tokenguard.app.embedded import STORE_VARIABLE
from tokenguard.app.health import Check, Health, failed
from tokenguard.app.store_care import StoreState, state
from tokenguard.config.places import state_folder
from tokenguard.errors import JournalError, TokenguardError, UsageError
from tokenguard.report.summary import counted

_MOST_DEAD = 5


def loop_checks(environ: Mapping[str, str]) -> Iterator[Check]:
    """Look at all of it."""
    yield from _pending(environ)
    yield from _store(environ)


def _pending(environ: Mapping[str, str]) -> Iterator[Check]:
    """What somebody asked to have killed, and what may live yet."""
    from tokenguard.respond.journal import FILE, pending_in

    state = state_folder(environ, sys.platform)
    if state is None:
        yield Check("revocations", "no home folder for their journal", Health.NOTE, "set HOME or XDG_STATE_HOME")
        return
    try:
        entries = pending_in(state / FILE)
    except JournalError as error:
        yield failed("revocations", error)
        return
    if not entries:
        yield Check("revocations", "none pending")
        return
    oldest, why = f"{entries[0].asked_at:%Y-%m-%d}", next((each.note for each in entries if each.note), "it broke off")
    pending = f"{len(entries):,} pending at {', '.join(sorted({each.intent.issuer for each in entries}))}"
    value = f"{pending}, the oldest since {oldest} ({why})"
    yield Check("revocations", value, Health.NOTE, "run: tokenguard revoke --resume")


def _store(environ: Mapping[str, str]) -> Iterator[Check]:
    """The token store of this user, if there is one."""
    try:
        found = state(environ)
    except UsageError as error:
        # An installation without the extra, as a hook's is, scans. A store that somebody named has to open.
        health = Health.BROKEN if environ.get(STORE_VARIABLE) else Health.NOTE
        yield Check("token store", error.message, health, error.remedy or "tokenguard store check")
        return
    except TokenguardError as error:
        yield failed("token store", error)
        return
    if found is None:
        yield Check("token store", "none here yet")
        return
    if found.pepper is not None:
        yield failed("token store", found.pepper)
    else:
        yield Check("token store", f"{found.name}, with its peppers")
    yield from _messages(found)


def _messages(found: StoreState) -> Iterator[Check]:
    """What the store was to tell somebody, and could not."""
    if not found.dead:
        yield Check("notifications", f"{counted(found.waiting, 'message')} on the way, none given up")
    for channel, number, failure in found.struggling:
        what = f"{counted(number, 'message')} did not reach {channel} yet: {failure}"
        yield Check("notifications", what, Health.NOTE, "correct the channel; each is tried again for a day")
    if found.untold:
        what = f"{counted(found.untold, 'message')} had waited for a channel for more than a week, and nobody was told"
        remedy = "look at the audit; let a server, or tokenguard store relay in cron, send them in time"
        yield Check("notifications", what, Health.NOTE, remedy)
    for each in found.dead[:_MOST_DEAD]:
        what = f"{each.kind} {each.message_id} did not reach {each.channel} in {counted(each.attempts, 'attempt')}"
        remedy = "correct the channel, then: tokenguard store relay --once --retry-dead --config FILE"
        yield Check("notifications", f"{what}: {each.failure}", Health.NOTE, remedy)
    if len(found.dead) > _MOST_DEAD:
        more = f"{len(found.dead) - _MOST_DEAD} more given up"
        yield Check("notifications", more, Health.NOTE, "correct the channels")
