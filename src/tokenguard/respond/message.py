"""What people read of a notice: a subject and lines of plain text. What has to be escaped is each channel's matter.

Untrusted texts (names, URLs, agents) stand in parts of their own, so that a channel can mark them as what they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from tokenguard.model.leak import LeakPlace
from tokenguard.model.notification import Kind, Notice, NoticeToken


@dataclass(frozen=True, slots=True)
class Quoted:
    """A text that others wrote."""

    text: str


Part: TypeAlias = str | Quoted
Line: TypeAlias = tuple[Part, ...]
"""Its parts, which follow each other without a space."""


@dataclass(frozen=True, slots=True)
class Message:
    """One notice in words."""

    subject: str
    """Ours alone: no text of others."""
    lines: tuple[Line, ...]


_SUBJECTS = {
    Kind.TOKENS_REVOKED: "{} revoked",
    Kind.LEAKS_FOUND: "{} leaked",
    Kind.TOKENS_EXPIRING: "{} will expire soon",
    Kind.TOKENS_IDLE: "{} will be revoked, unused",
    Kind.HONEYTOKEN_USED: "ALARM: a honeytoken was used",
}
_ADVICE = {
    Kind.TOKENS_REVOKED: (
        "Create a new token and put it where the old one was, out of the code.",
        "Look whether it was used after it leaked; if so, treat what it could reach as read.",
        "Taking it out of the page or the commit is no remedy: what was public was copied.",
    ),
    Kind.LEAKS_FOUND: (
        "Rotate it now, or revoke it if nothing needs it: until then it works for whoever has it.",
        "Look whether it was used since.",
    ),
    Kind.TOKENS_EXPIRING: (
        "Rotate it before, and put the new one where the old one is.",
        "If nothing needs it any more, revoke it.",
    ),
    Kind.TOKENS_IDLE: (
        "If something needs it, use it once before then. One that is refused already has to be replaced.",
        "Otherwise revoke it, or do nothing.",
    ),
    Kind.HONEYTOKEN_USED: (
        "Whoever used it has read the place where it lies: find out who that is, and what else they read.",
        "Rotate the secrets that lie near it.",
    ),
}


_NOT_LEAKED = (
    "If something needs it still, create a new token for it.",
    "If you did not expect this, ask whoever revoked it.",
)
"""Of tokens that were revoked, and seen nowhere."""
_NEW_EXPIRY = "{} will expire by a new policy"


def message(notice: Notice, link: str = "") -> Message:
    """The words for a notice. `link`: where the dashboard is."""
    lines = [*_what(notice), (), *_who(notice)]
    for token in notice.tokens:
        lines += [(), *_token(token)]
    if notice.total > len(notice.tokens):
        lines += [(), (f"… and {notice.total - len(notice.tokens)} more.",)]
    lines += [(), ("What to do:",), *((f"- {each}",) for each in _advice(notice))]
    if link:
        lines += [(), *_links(notice, link)]
    lines += [(), (f"Message {notice.id}; a repetition has the same id.",)]
    return Message(_subject(notice), tuple(lines))


def plain(said: Message) -> str:
    """Its lines as plain text."""
    return "\n".join("".join(part.text if isinstance(part, Quoted) else part for part in line) for line in said.lines)


def _advice(notice: Notice) -> tuple[str, ...]:
    leaked = any(token.leak_id for token in notice.tokens)
    return _ADVICE[notice.kind] if leaked or notice.kind is not Kind.TOKENS_REVOKED else _NOT_LEAKED


def _subject(notice: Notice) -> str:
    shown = notice.tokens[0].prefix if notice.tokens else ""
    number = "1 token" if notice.total == 1 else f"{notice.total} tokens"
    only = f" {shown}…" if notice.total == 1 and shown else ""
    # A reason is given where an expiry was brought forward, perhaps to a day that is a year away.
    shortened = notice.kind is Kind.TOKENS_EXPIRING and notice.reason
    return f"[tokenguard] {(_NEW_EXPIRY if shortened else _SUBJECTS[notice.kind]).format(number + only)}"


def _what(notice: Notice) -> Iterator[Line]:
    """What happened, and what was done."""
    if notice.kind is Kind.HONEYTOKEN_USED:
        yield from _alarm(notice)
        return
    it, at = "it" if notice.total == 1 else "them", _moment(notice.at)
    from_then = "" if notice.revoked_from is None else f", from {notice.revoked_from:%Y-%m-%d} on"
    yield from {
        Kind.TOKENS_REVOKED: ((f"Revoked on {at}: nothing accepts {it} any more.",),),
        Kind.LEAKS_FOUND: (
            (f"Seen where {it} should not be, reported on {at}.",),
            ("Nothing was revoked by this report.",),
        ),
        Kind.TOKENS_EXPIRING: ((f"After the time that stands below, nothing accepts {it} any more.",),),
        Kind.TOKENS_IDLE: ((f"Nobody uses {it}. What is not used is revoked{from_then}.",),),
    }[notice.kind]
    if notice.by:
        yield ("By: ", Quoted(notice.by))
    if notice.reason:
        yield ("Reason: ", Quoted(notice.reason))


def _alarm(notice: Notice) -> Iterator[Line]:
    yield (f"A token that nobody has a reason to use was used on {_exactly(notice.at)}. It was refused.",)
    yield ("From address: ", Quoted(notice.address or "unknown"))
    yield ("Agent: ", Quoted(notice.agent or "unknown"))
    if notice.shown_to_service:
        yield ("It was shown to a service, which asked about it: address and agent are that service's.",)


def _who(notice: Notice) -> Iterator[Line]:
    name, email = notice.owner_name, notice.owner_email
    if name or email:
        yield ("Owner: ", Quoted(f"{name} <{email}>" if name and email else name or email))


def _token(token: NoticeToken) -> Iterator[Line]:
    yield ("Token: ", Quoted(token.name), " ", Quoted(f"{token.prefix}…"), f" ({token.family}, {token.id})")
    if token.expires_at is not None:
        yield (f"  Expires: {_moment(token.expires_at)}",)
    if token.last_used_at is not None:
        yield (f"  Last used: {_moment(token.last_used_at)}",)
    for place in token.leaked:
        yield ("  Seen: ", *_place(place))


def _place(place: LeakPlace) -> Iterator[Part]:
    named = [("", place.url), ("file ", place.path), ("commit ", place.commit), ("found by ", place.source)]
    said = [(label, text) for label, text in named if text]
    for number, (label, text) in enumerate(said):
        yield f"{', ' if number else ''}{label}"
        yield Quoted(text)
    if place.seen_at is not None:
        yield f"{', ' if said else ''}on {_moment(place.seen_at)}"


def _links(notice: Notice, link: str) -> Iterator[Line]:
    if len(notice.tokens) == 1:
        yield (f"{link}/tokens/{notice.tokens[0].id}",)
        if notice.tokens[0].leak_id and notice.kind in {Kind.TOKENS_REVOKED, Kind.LEAKS_FOUND}:
            yield (f"{link}/leaks/{notice.tokens[0].leak_id}",)
    else:
        yield (f"{link}/tokens",)


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _exactly(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
