"""A leak's evidence as a file to keep: what a responder needs, and never the token.

Markdown for people, in which everything that others wrote stands in code spans; JSON for programs. The store keeps a
keyed hash alone, so that neither holds the token's SHA-256: id and visible prefix name it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tokenguard.model.wire import timestamp, to_json
from tokenguard.report.markup import code, prose

if TYPE_CHECKING:
    from datetime import datetime

    from tokenguard.model.audit import AuditEvent
    from tokenguard.model.leak import Sighting
    from tokenguard.model.people import Owner
    from tokenguard.model.token import TokenRecord
    from tokenguard.store.cases import LeakCase

Events = tuple["AuditEvent", ...]
_LONGEST = 2000
"""Characters of one text; the store keeps no longer ones of a place."""
_UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Evidence:
    """A leak's case at one moment, and who took it down."""

    case: LeakCase
    events: Events
    """Of its token, newest first; empty without audit.read."""
    people: Mapping[str, Owner]
    """Whom the ids in it stand for."""
    made_at: datetime
    made_by: str


Writer = Callable[[Evidence], str]


def json_text(evidence: Evidence) -> str:
    """The evidence as JSON: the API's own record of the leak, and what is around it."""
    case = evidence.case
    document: dict[str, Any] = {
        "made_at": timestamp(evidence.made_at),
        "made_by": evidence.made_by,
        "leak": to_json(case.leak),
        "resolved_at": to_json(case.resolved_at),
        "resolved_by": case.resolved_by,
        "addresses_since": [to_json(each) for each in case.addresses],
        "people": to_json(dict(evidence.people)),
        "events": [to_json(each) for each in evidence.events],
    }
    return json.dumps(document, indent=2) + "\n"


def markdown(evidence: Evidence) -> str:
    """The evidence as Markdown."""
    return "\n".join(_lines(evidence)) + "\n"


def _lines(evidence: Evidence) -> Iterator[str]:
    case = evidence.case
    leak = case.leak
    yield f"# Leak {code(leak.id)}"
    yield ""
    yield f"Taken down {_time(evidence.made_at)} by {code(evidence.made_by)}. The token itself is in no part of it."
    yield ""
    yield from _facts(_of_leak(evidence))
    if leak.token is not None:
        yield from _section("Token", _facts(_of_token(leak.token, evidence.people)))
    if leak.candidates:
        yield from _section("Candidates: tokens with the same visible prefix; whether one of them is it, is not known")
        head = ("Id", "Name", "Owner", "Status", "Created", "Last used", "Revoked")
        yield from _table(head, map(_candidate, leak.candidates))
    yield from _section("Sightings")
    head = ("Seen", "Source", "URL", "Path", "Commit", "Reported by", "Reported")
    yield from _table(head, (_sighting(each, evidence.people) for each in leak.sightings))
    if case.addresses:
        yield from _section("Used since, by address")
        rows = ((code(each.address) or _UNKNOWN, str(each.uses), _time(each.last_used_at)) for each in case.addresses)
        yield from _table(("Address", "Uses", "Last"), rows)
    if evidence.events:
        yield from _section("What was done with the token, newest first")
        yield from _table(("At", "By", "What", "From"), (_event(each, evidence.people) for each in evidence.events))


def _of_leak(evidence: Evidence) -> Iterator[tuple[str, str]]:
    case = evidence.case
    leak = case.leak
    yield "State", leak.state
    yield "Rule", code(leak.rule_id)
    yield "Visible prefix", code(leak.prefix)
    yield "First seen", _time(leak.first_seen)
    yield "Uses of the token since", str(leak.uses_since) if leak.token else _UNKNOWN
    if leak.resolution:
        yield "Resolved", f"{_time(case.resolved_at)} by {_person(case.resolved_by, evidence.people)}"
        yield "Resolution", prose(leak.resolution, limit=_LONGEST)


def _of_token(token: TokenRecord, people: Mapping[str, Owner]) -> Iterator[tuple[str, str]]:
    yield "Id", code(token.id)
    yield "Name", _text(token.name)
    yield "Family", code(token.family)
    yield "Owner", f"{_text(token.owner.name)} {_text(token.owner.email)} ({code(token.owner.id)})"
    yield "Scopes", " ".join(map(code, token.scopes)) or "none"
    yield "Status", token.status.value
    yield "Created", _time(token.created_at)
    yield "Expires", _time(token.expires_at) if token.expires_at else "never"
    yield "Last used", _last_use(token)
    yield "Addresses in 30 days", str(token.addresses_30d)
    if token.revoked_at is not None:
        yield "Revoked", f"{_time(token.revoked_at)} by {_person(token.revoked_by, people)}"
        yield "Reason", _text(token.revoke_reason or "") or "none given"
    yield "Replaced by", code(token.rotated_to or "") or "nothing"


def _last_use(token: TokenRecord) -> str:
    if token.last_used_at is None:
        return "never"
    return _time(token.last_used_at) + (f" from {code(token.last_used_ip)}" if token.last_used_ip else "")


def _candidate(token: TokenRecord) -> tuple[str, ...]:
    return (
        code(token.id),
        _text(token.name),
        _text(token.owner.email),
        token.status.value,
        _time(token.created_at),
        _last_use(token),
        _time(token.revoked_at),
    )


def _sighting(sighting: Sighting, people: Mapping[str, Owner]) -> tuple[str, ...]:
    place = sighting.place
    return (
        _time(place.seen_at),
        _text(place.source),
        _text(place.url),
        _text(place.path),
        _text(place.commit),
        _person(sighting.reported_by, people),
        _time(sighting.reported_at),
    )


def _event(event: AuditEvent, people: Mapping[str, Owner]) -> tuple[str, ...]:
    return _time(event.at), _person(event.actor, people), code(event.action), _text(event.address or "")


def _person(actor: str | None, people: Mapping[str, Owner]) -> str:
    known = people.get(actor or "")
    return f"{_text(known.name)} {_text(known.email)}" if known else _text(actor or "")


def _text(text: str) -> str:
    return code(text, limit=_LONGEST)


def _time(moment: datetime | None) -> str:
    return "" if moment is None else timestamp(moment)


def _section(title: str, lines: Iterable[str] = ()) -> Iterator[str]:
    yield ""
    yield f"## {title}"
    yield ""
    yield from lines


def _facts(facts: Iterable[tuple[str, str]]) -> Iterator[str]:
    yield from (f"- {name}: {value}" for name, value in facts)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield _row(head)
    yield _row(["---"] * len(head))
    yield from map(_row, rows)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
